"""The environment in which the pages of this package are written: values are escaped, a missing one is an error."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment() -> Environment:
    """Make it; a page adds its own filters."""
    return Environment(
        loader=PackageLoader("amalia", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
