"""The nouns of the project: conversation, preference, document, sample, and where each came from.

Records are pure values: frozen, extra fields forbidden, no tensors, no open files. An image part names
its picture by sha256; the bytes travel beside the record in a ``Row`` and live in the artifact's shard.
No placeholder token ever stands in text; the position of a picture is its position among the parts.
Languages are BCP-47 tags and never have a default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Generic, Literal, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Role = Literal["system", "user", "assistant"]
Created = Literal["found", "authored", "translated", "synthetic"]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

# Anything that a chat template could mistake for structure: <image>, <|im_end|>, <s>, </s>, <pad>, <unk>.
PLACEHOLDER = re.compile(r"<image>|<\|[a-z_]+\|>|</?s>|<pad>|<unk>")


def defused(text: str) -> str:
    """Write what a template would take for structure with other brackets: a model may say anything."""
    return PLACEHOLDER.sub(lambda found: found.group().replace("<", "‹").replace(">", "›"), text)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Record):
    """A run of text inside a turn."""

    type: Literal["text"] = "text"
    text: str


class Image(_Record):
    """A picture inside a turn, named by the digest of its encoded bytes."""

    type: Literal["image"] = "image"
    sha256: Sha256
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)
    media_type: str = "image/png"


Part = Annotated[Text | Image, Field(discriminator="type")]


class Turn(_Record):
    """One role speaking: ordered parts."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text of the turn, parts joined, pictures left out."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def images(self) -> tuple[Image, ...]:
        """The pictures of the turn, in order."""
        return tuple(part for part in self.parts if isinstance(part, Image))


class Origin(_Record):
    """Where a record came from and what was done to it."""

    source: str
    """Name of the source, for example ``pack:things`` or ``libreoffice-help-pt``."""
    license: str
    """SPDX identifier, or ``AND``-joined identifiers."""
    created: Created
    generator: str | None = None
    """``name@version`` of the program that made it, when it was made."""
    parents: tuple[str, ...] = ()
    """Identifiers of what it was made from."""
    steps: tuple[str, ...] = ()
    """``name@version`` of each step that touched it, in order."""


class Conversation(_Record):
    """Ordered turns between a user and an assistant, perhaps opened by a system turn."""

    id: str
    turns: tuple[Turn, ...] = Field(min_length=1)
    language: Language
    origin: Origin

    @property
    def images(self) -> tuple[Image, ...]:
        """All pictures in reading order."""
        return tuple(image for turn in self.turns for image in turn.images)

    @model_validator(mode="after")
    def _well_formed(self) -> Self:
        for position, turn in enumerate(self.turns):
            if turn.role == "system" and position != 0:
                raise ValueError(
                    f"a system turn may only come first, got one at position {position}"
                )
            if turn.role != "user" and turn.images:
                raise ValueError(
                    f"only user turns may hold pictures, got one in a {turn.role} turn"
                )
            found = PLACEHOLDER.search(turn.text)
            if found:
                raise ValueError(
                    f"text of turn {position} holds the reserved token {found.group()!r}; remove it"
                )
        return self


class Preference(_Record):
    """A prompt, the answer to prefer and the answer to avoid, and why."""

    id: str
    prompt: Conversation
    chosen: Turn
    rejected: Turn
    reason: str
    """What makes the rejected answer worse, for example ``variety_pt_br`` or ``hallucinated_object``."""
    origin: Origin

    @model_validator(mode="after")
    def _well_formed(self) -> Self:
        if self.prompt.turns[-1].role != "user":
            raise ValueError(
                f"the prompt of a preference ends in a user turn, got {self.prompt.turns[-1].role}"
            )
        for name, turn in (("chosen", self.chosen), ("rejected", self.rejected)):
            if turn.role != "assistant":
                raise ValueError(f"the {name} answer is an assistant turn, got {turn.role}")
            if turn.images:
                raise ValueError(f"the {name} answer holds a picture; answers are text")
            found = PLACEHOLDER.search(turn.text)
            if found:
                raise ValueError(
                    f"the {name} answer holds the reserved token {found.group()!r}; remove it"
                )
        return self


class CapturePlace(_Record):
    """Where the capture of a document stands, so that anybody can find it again."""

    collection: str
    archive: str
    offset_bytes: int = Field(ge=0)
    digest: Sha256
    """Of the bytes that were captured."""


class PictureReference(_Record):
    """A picture that a page shows: where it was, and what the page says of it."""

    url: str
    alt: str = ""
    caption: str = ""


class Document(_Record):
    """Text of one captured page or file."""

    id: str
    url: str | None = None
    captured_at: datetime | None = None
    title: str = ""
    text: str
    language: Language
    """``pt`` where nothing tells which of the two it is."""
    pictures: tuple[PictureReference, ...] = ()
    """In the order of the page; their bytes are not here."""
    scores: Mapping[str, float] = Field(default_factory=dict)
    """What was measured of the text, by name."""
    cluster_size: int = Field(default=1, ge=1)
    """Documents that say the same, this one included; the others were left out."""
    capture: CapturePlace | None = None
    origin: Origin


class Sample(_Record):
    """One evaluation question with its known answer."""

    id: str
    task: str
    """Name of the evaluation task that scores it."""
    prompt: Conversation
    """Ends in a user turn."""
    follow_ups: tuple[str, ...] = ()
    """Further user turns, each asked once the one before it has been answered."""
    target: str
    """The known answer in the task's own form: a name, a letter, ``sim``/``não``, ``[x1, y1, x2, y2]``; empty
    where only a judge can tell."""
    accepted: tuple[str, ...] = ()
    """Other forms that are just as right; several people who gave the same answer stand there several times."""
    choices: tuple[str, ...] = ()
    """What there is to choose from, in the order shown: options behind letters, or continuations to weigh."""
    groups: tuple[str, ...] = ()
    """Finer labels to report by, for example ``handwriting`` or ``subject:geografia``."""
    cluster: str = ""
    """What it shares with other samples, which then do not count as independent: a page, a conversation."""
    origin: Origin

    @property
    def targets(self) -> tuple[str, ...]:
        """Every right answer, the known one first."""
        return (self.target, *self.accepted)

    @property
    def unit(self) -> str:
        """What is independent of every other unit: the cluster, else the first picture, else the sample."""
        images = self.prompt.images
        return self.cluster or (images[0].sha256 if images else self.id)

    @model_validator(mode="after")
    def _well_formed(self) -> Self:
        if self.prompt.turns[-1].role != "user":
            raise ValueError(
                f"the prompt of a sample ends in a user turn, got {self.prompt.turns[-1].role}"
            )
        for text in self.follow_ups:
            found = PLACEHOLDER.search(text)
            if found:
                raise ValueError(
                    f"a follow-up holds the reserved token {found.group()!r}; remove it"
                )
        return self


Record = Conversation | Preference | Document | Sample
R = TypeVar("R", Conversation, Preference, Document, Sample, covariant=True)


class Row(NamedTuple, Generic[R]):
    """A record and the encoded bytes of its pictures, by sha256."""

    record: R
    images: Mapping[str, bytes]
