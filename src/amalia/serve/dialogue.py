"""A conversation as the server holds it: our turns, and what only the wire has (tools, names).

The text of every message is safe to render: what a chat template would take for structure is written with
other brackets (``records.defused``), for every engine, since engines behind an address read such tokens
in text as well. Pictures are named by digest; their bytes lie beside the messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import JsonValue

from amalia.errors import RequestError
from amalia.records import Conversation, Image, Origin, Part, Row, Text, Turn

Role = Literal["system", "user", "assistant", "tool"]

_ORIGIN = Origin(source="serve", license="NOASSERTION", created="authored")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was admitted: checked, decoded once, and named."""

    image: Image
    """Named by the digest of the bytes as they came; width and height are those of the upright picture."""
    data: bytes
    """For engines in another process: as it came where they read it as it is meant, else written anew;
    ``image.media_type`` is that of these bytes."""
    pixels: bytes
    """The same picture as an uncompressed file, for engines in this process."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a dialogue."""

    role: Role
    parts: tuple[Part, ...]
    extra: Mapping[str, JsonValue] = field(default_factory=dict)
    """What only engines with tools understand: ``tool_calls``, ``tool_call_id``, ``name``."""

    @property
    def text(self) -> str:
        """The text, parts joined, pictures left out."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    def told(self, text: str) -> Message:
        """Give the message with another text: it stands where the first text stood."""
        images = [part for part in self.parts if isinstance(part, Image)]
        place = next(
            (n for n, part in enumerate(self.parts) if isinstance(part, Text)), len(self.parts)
        )
        before = sum(isinstance(part, Image) for part in self.parts[:place])
        return replace(self, parts=(*images[:before], Text(text=text), *images[before:]))


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Messages and the pictures they name, by sha256."""

    messages: tuple[Message, ...]
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """Text of the last user message."""
        asked = (message.text for message in reversed(self.messages) if message.role == "user")
        return next(asked, "")

    @property
    def images(self) -> tuple[Image, ...]:
        """All pictures in reading order."""
        return tuple(
            part for message in self.messages for part in message.parts if isinstance(part, Image)
        )

    def grounded(self, text: str) -> Dialogue:
        """Give the dialogue with a text put at the end of its system message, which is made if need be."""
        first = self.messages[0]
        if first.role == "system":
            told = first.told(f"{first.text}\n\n{text}" if first.text else text)
            return replace(self, messages=(told, *self.messages[1:]))
        system = Message("system", (Text(text=text),))
        return replace(self, messages=(system, *self.messages))

    def conversation(self, id_: str, language: str) -> Row[Conversation]:
        """Give the dialogue as a record, for engines that render it here.

        Raises:
            RequestError: It holds tools, which a record has no place for, or does not end in a question.
        """
        turns = []
        for place, message in enumerate(self.messages):
            if message.role == "tool" or message.extra:
                raise RequestError(
                    "this engine knows no tools; send messages of system, user and assistant without "
                    "tool_calls, tool_call_id and name",
                    param=f"messages.{place}",
                    code="unsupported_field",
                )
            turns.append(Turn(role=message.role, parts=message.parts))
        pixels = {digest: picture.pixels for digest, picture in self.pictures.items()}
        record = Conversation(id=id_, turns=tuple(turns), language=language, origin=_ORIGIN)
        return Row(record, pixels)
