"""From a row of somebody's table to a sample: checked access to its fields, and one way to write a prompt.

A task says which fields make the question (``Draft``); the letters of options, their order, the instruction and the
place of pictures are written here for all tasks alike.
"""

from __future__ import annotations

import ast
import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from amalia import pictures
from amalia.errors import RecordError
from amalia.records import Conversation, Image, Origin, Part, Row, Sample, Text, Turn

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LANGUAGE = "pt-PT"


class Fields:
    """One row of a table, whose fields are checked when they are taken.

    Raises:
        RecordError: From every method: the field is missing or is not what was asked for, with task and row.
    """

    def __init__(self, row: Mapping[str, Any], *, where: str, folder: Path | None = None) -> None:
        """Take a row.

        Args:
            row: Column → value, as Parquet, CSV or JSON give it.
            where: Task and row, for messages.
            folder: What paths of pictures are relative to; None refuses paths.
        """
        self.where = where
        self._row = row
        self._folder = folder

    def has(self, name: str) -> bool:
        """Say whether a field is there and is not null."""
        return self._row.get(name) is not None

    def value(self, name: str) -> Any:
        """Take a field as it is; it is there and not null."""
        if not self.has(name):
            raise self.refuse(f"has no {name!r}; expected a value", "missing_field")
        return self._row[name]

    def text(self, name: str) -> str:
        """Take a text; numbers are written out."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.refuse(
                f"has {_shown(value)} as {name!r}; expected a text", "malformed_field"
            )
        return str(value).strip()

    def texts(self, name: str) -> tuple[str, ...]:
        """Take one or more texts: a list, a list written as JSON or Python, or a lone text."""
        value = _listed(self.value(name))
        items = value if isinstance(value, list | tuple) else [value]
        if not items or not all(isinstance(item, str | int | float) for item in items):
            raise self.refuse(
                f"has {_shown(value)} as {name!r}; expected one or more texts", "malformed_field"
            )
        return tuple(str(item).strip() for item in items)

    def options(self, name: str) -> tuple[str, ...]:
        """Take two or more options: a list, or one written as JSON or Python."""
        found = self.texts(name) if self.has(name) and _listed(self._row[name]) != [] else ()
        if not 2 <= len(found) <= len(LETTERS):
            raise self.refuse(
                f"has {len(found)} options in {name!r} ({_shown(self._row.get(name))});"
                f" expected a list of 2 to {len(LETTERS)}",
                "malformed_options",
            )
        return found

    def integer(self, name: str) -> int:
        """Take a whole number."""
        value = self.value(name)
        try:
            number = int(_whole(value).strip())
        except ValueError:
            raise self.refuse(
                f"has {_shown(value)} as {name!r}; expected a whole number", "malformed_field"
            ) from None
        return number

    def choice(self, name: str, options: Iterable[str]) -> int:
        """Take which option is right: its place from 0, its letter, or its text."""
        known = tuple(options)
        value = _whole(self.value(name)).strip()
        bare = value.strip("().: ").upper()
        if value in known and not (value.isdecimal() and int(value) < len(known)):
            return known.index(value)
        if len(bare) == 1 and bare in LETTERS:
            place = LETTERS.index(bare)
        elif value.lstrip("-").isdecimal():
            place = int(value)
        else:
            place = -1
        if not 0 <= place < len(known):
            raise self.refuse(
                f"has the answer {_shown(value)} in {name!r}; expected one of its {len(known)} options:"
                f" 0 to {len(known) - 1} or A to {LETTERS[len(known) - 1]}",
                "answer_out_of_range",
            )
        return place

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """Take a list of exactly so many numbers."""
        value = _listed(self.value(name))
        items = list(value) if isinstance(value, list | tuple) else []
        if len(items) != count or not all(isinstance(item, int | float) for item in items):
            raise self.refuse(
                f"has {_shown(value)} as {name!r}; expected {count} numbers", "malformed_field"
            )
        return tuple(float(item) for item in items)

    def picture(self, name: str) -> bytes:
        """Take an encoded picture: bytes, ``{"bytes": …}``, base64, a data URL, or a path in the data's folder."""
        value = self._row.get(name)
        if isinstance(value, Mapping):
            value = value.get("bytes") or value.get("path")
        if isinstance(value, bytes | bytearray) and value:
            return bytes(value)
        if isinstance(value, str) and value.strip():
            return self._named_picture(name, value.strip())
        raise self.refuse(f"has no picture in {name!r}; expected its bytes", "missing_picture")

    def refuse(self, problem: str, reason: str) -> RecordError:
        """Make the error that says what is wrong with this row."""
        return RecordError(f"{self.where} {problem}", reason=reason)

    def _named_picture(self, name: str, value: str) -> bytes:
        if self._folder is not None and len(value) < 1000:
            path = (self._folder / value).resolve()
            if path.is_relative_to(self._folder.resolve()) and path.is_file():
                return path.read_bytes()
        try:
            return base64.b64decode(value.rpartition(",")[2], validate=True)
        except (binascii.Error, ValueError):
            raise self.refuse(
                f"has the picture {_shown(value)} in {name!r}, which is neither a file beside the data nor base64;"
                " expected a picture",
                "missing_picture",
            ) from None


@dataclass(frozen=True, slots=True)
class Draft:
    """A question as a task understands it, before it is written as a prompt."""

    question: str | tuple[str | bytes, ...]
    """A text; or texts and encoded pictures in the order in which they are read."""
    target: str = ""
    """The right answer; with ``right`` it is the letter of that option."""
    accepted: tuple[str, ...] = ()
    pictures: tuple[bytes, ...] = ()
    """Encoded; stand before the question."""
    options: tuple[str, ...] = ()
    """Written below the question behind letters."""
    right: int | None = None
    """Which option is right, from 0."""
    continuations: tuple[str, ...] = ()
    """For likelihood tasks that weigh other things than letters."""
    follow_ups: tuple[str, ...] = ()
    system: str = ""
    groups: tuple[str, ...] = ()
    cluster: str = ""
    id: str = ""
    """Of the row in its own data; numbers stand in where it has none."""

    def rotated(self, shift: int) -> Draft:
        """Move every option so many places down, the last ones to the top."""
        if not self.options or self.right is None:
            return self
        count = len(self.options)
        order = [(place - shift) % count for place in range(count)]
        return replace(
            self,
            options=tuple(self.options[place] for place in order),
            right=(self.right + shift) % count,
        )


@dataclass(frozen=True, slots=True)
class Style:
    """How drafts of one task are written."""

    task: str
    instruction: str
    origin: Origin
    option_mark: str = "."


def to_sample(draft: Draft, style: Style, *, id: str) -> Row[Sample]:
    """Write a draft as a sample with its pictures.

    Pictures come first, then the question, the options each on a line, and the instruction.

    Raises:
        RecordError: A picture cannot be read, or a text holds a reserved token.
    """
    images: dict[str, bytes] = {}
    pieces = (draft.question,) if isinstance(draft.question, str) else draft.question
    parts: list[Part] = [
        _picture(piece, images, id) if isinstance(piece, bytes) else Text(text=piece)
        for piece in (*draft.pictures, *pieces)
        if piece
    ]
    below = [f"{LETTERS[n]}{style.option_mark} {text}" for n, text in enumerate(draft.options)]
    tail = "\n".join([*below, *([style.instruction] if style.instruction else [])])
    if tail:
        parts.append(Text(text="\n" + tail))
    turns = [Turn(role="user", parts=tuple(_joined(parts)))]
    if draft.system:
        turns.insert(0, Turn(role="system", parts=(Text(text=draft.system),)))
    is_lettered = draft.right is not None
    letters = tuple(LETTERS[: len(draft.options)]) if is_lettered else ()
    try:
        sample = Sample(
            id=id,
            task=style.task,
            prompt=Conversation(id=id, turns=tuple(turns), language=LANGUAGE, origin=style.origin),
            follow_ups=draft.follow_ups,
            target=LETTERS[draft.right] if draft.right is not None else draft.target,
            accepted=draft.accepted,
            choices=draft.continuations or letters or draft.options,
            groups=draft.groups,
            cluster=draft.cluster,
            origin=style.origin,
        )
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise RecordError(
            f"sample {id} is not valid: {problem}", reason="reserved_token"
        ) from error
    return Row(sample, images)


def _picture(data: bytes, images: dict[str, bytes], where: str) -> Image:
    image = pictures.record_of(data, name=f"of sample {where}")
    images[image.sha256] = data
    return image


def _joined(parts: list[Part]) -> list[Part]:
    """Join texts that stand side by side."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Text) and isinstance(last, Text):
            joined[-1] = Text(text=last.text + part.text)
        else:
            joined.append(part)
    return joined


def _listed(value: Any) -> Any:
    """Read a list that is written as text; anything else stays."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if not isinstance(value, str) or not value.strip().startswith(("[", "(")):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list | tuple):
            return list(found)
    return value


def _whole(value: Any) -> str:
    """Write a value; a whole number that a table keeps as 1.0 is 1."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "…"
