"""The prompts that ``amalia verify`` puts to every side, in European Portuguese.

One prompt a picture, several pictures at once, a picture in a later turn, and text alone: accents,
characters of several code points, white space at the edges, a system turn. None holds a reserved token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import PIL.Image

from amalia import pictures
from amalia.model.tile import TileGrid
from amalia.pipeline.parity_pictures import odd_pictures
from amalia.records import Conversation, Image, Origin, Part, Role, Row, Text, Turn

_Turn = tuple[Role, Sequence[str | PIL.Image.Image]]
_ORIGIN = Origin(source="verify", license="Apache-2.0", created="authored")
_OF_PICTURES = (
    "Descreve esta imagem.",
    "O que vês aqui? Responde só com uma palavra.",
    "Há alguma maçã à direita da chávena? 🍎☕",
    "«O que está escrito?», perguntou a avó. Lê-mo em voz alta.",
    "Quantos pães há? Dá a resposta em algarismos.",
)
_OF_TWO = ("Primeira: ", "\nSegunda: ", "\nQual das duas é maior?")
_TEXTS = (
    ("plain", "Onde fica a paragem do autocarro?"),
    ("accents", "À avó não lhe apetecia pôr a maçã no açúcar, pois não? «Põe-na», disse o irmão."),
    ("emoji", "O que quer dizer 🐈‍⬛ 🇵🇹 👩🏽‍🚀 numa mensagem? E ñ, ß, 日本, €?"),
    ("white space", "  Dois espaços,\n\numa linha em branco\te um espaço no fim. "),
    ("one letter", "É"),
)
_TURNS: tuple[tuple[Role, str], ...] = (
    ("user", "Como se chama o ecrã do telemóvel?"),
    ("assistant", "Chama-se ecrã tátil."),
    ("user", "E porquê?"),
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt and what reports call it."""

    name: str
    row: Row[Conversation]

    @property
    def sizes_px(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of its pictures."""
        return tuple((image.height_px, image.width_px) for image in self.row.record.images)


def prompts_for(grid: TileGrid | None, num_pictures: int) -> list[Prompt]:
    """Write the prompts for a model.

    Args:
        grid: How it cuts pictures; ``None`` for one that reads text only.
        num_pictures: Pictures of odd sizes, one prompt each. With one or more there are also a prompt
            that shows a picture late and, with two, one that shows both.
    """
    prompts = [_prompt(f"text, {name}", [("user", [text])]) for name, text in _TEXTS]
    turns: list[_Turn] = [(role, [text]) for role, text in _TURNS]
    system: _Turn = ("system", ["Respondes em português de Portugal."])
    prompts.append(_prompt("text, several turns", turns))
    prompts.append(_prompt("text, system turn", [system, *turns]))
    if grid is None:
        return prompts
    drawn = odd_pictures(grid, num_pictures)
    for number, picture in enumerate(drawn):
        question = _OF_PICTURES[number % len(_OF_PICTURES)]
        name = f"picture {number + 1}, {picture.width}×{picture.height} px"
        prompts.append(_prompt(name, [("user", [picture, question])]))
    if len(drawn) > 1:
        first, second, which = _OF_TWO
        both: _Turn = ("user", [first, drawn[1], second, drawn[0], which])
        prompts.append(_prompt("two pictures", [both]))
    if drawn:
        late: list[_Turn] = [
            ("assistant", ["Porque reage ao toque."]),
            ("user", ["E isto?", drawn[0]]),
        ]
        prompts.append(_prompt("picture in a later turn", [*turns, *late]))
    return prompts


def _prompt(name: str, turns: Sequence[_Turn]) -> Prompt:
    encoded: dict[str, bytes] = {}

    def part(given: str | PIL.Image.Image) -> Part:
        if isinstance(given, str):
            return Text(text=given)
        image: Image
        image, data = pictures.encode(given)
        encoded[image.sha256] = data
        return image

    made = [Turn(role=role, parts=tuple(part(given) for given in parts)) for role, parts in turns]
    record = Conversation(id=name, turns=tuple(made), language="pt-PT", origin=_ORIGIN)
    return Prompt(name, Row(record, encoded))
