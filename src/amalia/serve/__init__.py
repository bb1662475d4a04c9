"""The server: AMALIA-VL behind an OpenAI-compatible interface, with guards, traceability and citations.

Handlers parse, convert, call the service and encode; only ``service`` knows the order: guards on the way
in → retrieve → generate → guards on the way out → audit. ``wire`` holds OpenAI's shapes and ``convert``
alone turns them into ours and back.
"""
