"""Guards: what a text holds that a policy does not let through, and what is done about it.

``verdict`` is the contract of a check, ``policy`` says what is done about which category, ``guard``
runs the checks. ``docs/safety.md`` lists what no check here covers and the measured rates of each.
"""
