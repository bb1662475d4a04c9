"""Documents that answers rest on: cut, indexed, searched, put before a model, cited.

Every module is imported by name; nothing is imported here, so that settings can be read without an encoder.
"""
