"""A sample as one HTML file that needs nothing else: its tiles as pictures, its tokens as colored text."""

from __future__ import annotations

import base64
import io
from importlib import resources

from jinja2 import Environment, StrictUndefined
from PIL import Image as PillowImage

from amalia.model.tile import Tiles
from amalia.plan.sample import Sample


def page(sample: Sample, *, ids: bool) -> str:
    """Write the page.

    Args:
        sample: What to show.
        ids: Whether every token's id is written below its text; it is always told under the pointer.
    """
    template = resources.files("amalia.plan").joinpath("sample.html.j2").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    pictures = [(picture, _addresses(picture.tiles)) for picture in sample.pictures]
    return environment.from_string(template).render(sample=sample, pictures=pictures, ids=ids)


def _addresses(tiles: Tiles) -> list[str]:
    """Give each tile as an address that holds it."""
    found = []
    for tile in tiles:
        written = io.BytesIO()
        PillowImage.fromarray(tile.transpose(1, 2, 0)).save(written, "PNG")
        found.append("data:image/png;base64," + base64.b64encode(written.getvalue()).decode())
    return found
