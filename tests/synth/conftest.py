"""Small things drawn with PIL and Pillow's own typeface, so that no test needs the pack."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from amalia.pack import Font, Paragraph, Thing
from amalia.synth.lettering import Typecase
from amalia.synth.scene import Album

MakeThing = Callable[..., Thing]

# name, plural, gender, color, category
NOUNS = (
    ("gato", "gatos", "m", "orange", "animais"),
    ("cão", "cães", "m", "brown", "animais"),
    ("vaca", "vacas", "f", "black", "animais"),
    ("maçã", "maçãs", "f", "red", "comida"),
    ("pera", "peras", "f", "green", "comida"),
    ("pão", "pães", "m", "tan", "comida"),
    ("autocarro", "autocarros", "m", "blue", "viagens"),
    ("comboio", "comboios", "m", "gray", "viagens"),
    ("bicicleta", "bicicletas", "f", "purple", "viagens"),
    ("chave", "chaves", "f", "gold", "objetos"),
    ("livro", "livros", "m", "navy", "objetos"),
)

COLORS = ("red", "orange", "gold", "green", "teal", "blue", "navy", "purple", "pink", "gray")
# Two of these make a word.
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "lo")


@pytest.fixture(scope="session")
def make_thing() -> MakeThing:
    """Make an everyday thing: an ellipse of one color, 40 by 24 px in the middle of 64 by 64."""

    def make(name: str, *, color: str = "red", **fields: Any) -> Thing:
        drawing = Image.new("RGBA", (64, 64))
        ImageDraw.Draw(drawing).ellipse((12, 20, 51, 43), fill=color)
        buffer = io.BytesIO()
        drawing.save(buffer, "WEBP", lossless=True)
        defaults: dict[str, Any] = {
            "id": name.upper(), "char": "?", "name": name, "name_pt_br": None, "keywords": (),
            "category": "objetos", "everyday": True, "gender": "m", "is_plural": False,
            "plural": name + "s", "noto": buffer.getvalue(), "fluent": buffer.getvalue(),
        }  # fmt: skip
        return Thing(**{**defaults, **fields})

    return make


@pytest.fixture(scope="session")
def things(make_thing: MakeThing) -> tuple[Thing, ...]:
    """Twelve everyday things, one of them with a plural name, and three that can only be named."""
    everyday = [
        make_thing(
            name, plural=plural, gender=gender, color=color, category=category, keywords=(category,)
        )
        for name, plural, gender, color, category in NOUNS
    ]
    glasses = make_thing("óculos", plural="óculos", is_plural=True, color="teal")
    others = [
        make_thing(
            name, everyday=False, gender=None, plural=None, category="símbolos", color="pink"
        )
        for name in ("seta para a direita", "botão", "bandeira: Portugal")
    ]
    return (*everyday, glasses, *others)


@pytest.fixture(scope="session")
def fonts() -> tuple[Font, ...]:
    """One printed and one handwriting font, both Pillow's own; it lacks the letters with marks."""
    face = ImageFont.load_default(10)
    assert isinstance(face, ImageFont.FreeTypeFont)
    return (
        Font("Printed", "printed", "OFL-1.1", face.font_bytes),
        Font("Hand", "handwriting", "CC0-1.0", face.font_bytes),
    )


@pytest.fixture(scope="session")
def typecase(fonts: tuple[Font, ...]) -> Typecase:
    """Both fonts, ready to draw with."""
    return Typecase(fonts)


@pytest.fixture
def album() -> Album:
    """Open an album with nothing decoded yet."""
    return Album()


@pytest.fixture(scope="session")
def words() -> tuple[str, ...]:
    """Words of all splits."""
    return tuple(sorted(first + last for first in SYLLABLES for last in SYLLABLES))


@pytest.fixture(scope="session")
def paragraphs() -> tuple[Paragraph, ...]:
    """Forty pages of one heading and one sentence, each with its Brazilian twin."""
    rows = []
    for number in range(40):
        page = f"page/{number}"
        title = (f"Guardar o ficheiro {number}", f"Salvar o arquivo {number}", "Save the file")
        text = (
            f"Pode guardar o ficheiro {number} no ecrã seguinte.",
            f"Pode salvar o arquivo {number} na tela seguinte.",
            f"You can save file {number} on the next screen.",
        )
        rows += [
            Paragraph(f"{page}/h", page, "h", *title),
            Paragraph(f"{page}/p", page, "p", *text),
        ]
    return tuple(rows)


@pytest.fixture(scope="session")
def twin_things(things: tuple[Thing, ...], make_thing: MakeThing) -> tuple[Thing, ...]:
    """Make the things, forty more everyday ones, and some that can only be named.

    All of the latter and two of the former are called otherwise in Brazil.
    """
    brazilian = {"autocarro": "ônibus", "comboio": "trem"}
    known = [replace(thing, name_pt_br=brazilian.get(thing.name)) for thing in things]
    only_named: dict[str, Any] = {"everyday": False, "gender": None, "plural": None}
    spelled = [first + last for first in SYLLABLES[:8] for last in SYLLABLES[:8] if first != last]
    more = [make_thing(f"{word}ónico", name_pt_br=f"{word}ônico", **only_named) for word in spelled]
    endings = ("dor", "tão", "nto", "rvo", "lque")
    coined = [
        make_thing(
            first + ending, plural=f"{first}{ending}s", color=color, category="coisas",
            keywords=(f"{first}mento", f"{first}{ending}zinho"),
        )
        for first, color in zip(SYLLABLES, COLORS, strict=False)
        for ending in endings
    ]  # fmt: skip
    return (*known, *coined, *more)
