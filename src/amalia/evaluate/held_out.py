"""A test set, indexed by what its questions, answers and pictures have of their own.

``index`` reads every sample once and keeps words, thumbnails and digests, not the pictures: about 7 KB a picture and
half a kilobyte a word. ``contamination`` runs training data past it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pydantic import Field

from amalia import pictures
from amalia.errors import PictureError, TaskError
from amalia.evaluate import answers, picture_hash
from amalia.evaluate.distinctive import asked, wanted
from amalia.evaluate.shingles import PhraseIndex, folded
from amalia.recipe import Settings
from amalia.records import Row, Sample

_ANY_WORD = re.compile(r"[^\W_]+")
_MAX_LETTERS = 26


class ContaminationSettings(Settings):
    """What counts as the same."""

    min_words: int = Field(default=8, ge=3)
    """Words of its own that a question needs to be looked for inside other text."""
    min_rare_words: int = Field(default=3, ge=0)
    """So many of them that few samples of the task have."""
    max_share: float = Field(default=0.02, ge=0, le=1)
    """Share of the samples of a task that may have what is still called a sample's own."""
    min_share: float = Field(default=0.6, gt=0, le=1)
    """Share of the telling runs of words of a question that make a near copy."""
    max_hash_bits: int = Field(default=18, ge=0, le=picture_hash.HASH_BITS)
    """Bits in which the hashes of two pictures may differ for them to be compared at all."""
    min_correlation: float = Field(default=0.95, gt=0, le=1)
    """Correlation of two pictures that makes a near copy; other charts and drawings reach 0.94."""


class Entry(NamedTuple):
    """What is kept of a sample."""

    id: str
    task: str
    targets: tuple[str, ...]
    options: tuple[str, ...]
    """What stands behind the letters of the options; empty where there are none."""
    num_letters: int
    """Of letters to choose from."""
    digests: tuple[str, ...]
    """Of its pictures."""

    def is_answered(self, text: str) -> bool:
        """Say whether a text gives the right answer.

        That is a right answer in full or, of options, the right letter or what stands behind it and behind no other
        letter: a copy of the question with all its options answers nothing.
        """
        said = _plain(text)
        for target in self.targets:
            if not re.fullmatch("[A-Z]", target):
                if _plain(target) in said and target:
                    return True
                continue
            if answers.letter(text, self.num_letters) == target:
                return True
            place = ord(target) - ord("A")
            present = [option for option in self.options if _plain(option) in said]
            if place < len(self.options) and present == [self.options[place]]:
                return True
        return False


class Picture(NamedTuple):
    """What is kept of a picture of the test set."""

    digest: str
    """sha256 of its bytes."""
    state: Literal["good", "flat", "unreadable"]
    """A flat picture has too little detail to be told apart and is not looked for."""
    pixels: str = ""
    look: picture_hash.Look | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture of the test set that was found."""

    digest: str
    is_exact: bool
    similarity: float


class Index:
    """A test set, ready to be looked for; ``index`` makes it."""

    def __init__(self, rows: Iterable[Row[Sample]], settings: ContaminationSettings) -> None:
        """Read samples one by one."""
        self.settings = settings
        samples: list[Sample] = []
        self.pictures: dict[str, Picture] = {}
        for row in rows:
            samples.append(row.record)
            for image in row.record.prompt.images:
                if image.sha256 not in self.pictures:
                    self.pictures[image.sha256] = _picture(image.sha256, row.images)
        self.entries = tuple(_entry(sample) for sample in samples)
        _check(self.entries)
        self.wanted = wanted(
            samples,
            min_words=settings.min_words,
            min_rare_words=settings.min_rare_words,
            max_share=settings.max_share,
        )
        self.phrases = PhraseIndex(
            [item.phrase for item in self.wanted], min_share=settings.min_share
        )
        self._owners: dict[str, list[int]] = {}
        for position, entry in enumerate(self.entries):
            for digest in dict.fromkeys(entry.digests):
                self._owners.setdefault(digest, []).append(position)
        good = [picture for picture in self.pictures.values() if picture.state == "good"]
        self._by_pixels: dict[str, list[str]] = {}
        for picture in good:
            self._by_pixels.setdefault(picture.pixels, []).append(picture.digest)
        looks = {picture.digest: picture.look for picture in good if picture.look is not None}
        self._digests = tuple(looks)
        self._gallery = picture_hash.Gallery(tuple(looks.values()))

    def owners(self, digest: str) -> Sequence[int]:
        """Give the positions of the samples that show a picture of the test set."""
        return self._owners[digest]

    def same_bytes(self, digest: str) -> list[Seen]:
        """Find a picture by the digest of its bytes."""
        picture = self.pictures.get(digest)
        known = picture is not None and picture.state != "flat"
        return [Seen(digest, is_exact=True, similarity=1.0)] if known else []

    def same_picture(self, pixels: str, look: picture_hash.Look) -> list[Seen]:
        """Find a picture by the digest of its pixels and by its look, each picture of the test set once."""
        near = self._gallery.near(
            look,
            max_bits=self.settings.max_hash_bits,
            min_correlation=self.settings.min_correlation,
        )
        exact = self._by_pixels.get(pixels, [])
        found = {
            self._digests[item.position]: Seen(
                self._digests[item.position], is_exact=False, similarity=min(1.0, item.correlation)
            )
            for item in near
        }
        return list((found | {d: Seen(d, is_exact=True, similarity=1.0) for d in exact}).values())


def index(
    samples: Iterable[Row[Sample]], *, settings: ContaminationSettings | None = None
) -> Index:
    """Index a test set by what its questions, answers and pictures have of their own.

    Args:
        samples: of any tasks. A picture that cannot be read, or whose bytes are not there, is found byte for byte only.
        settings: what counts as the same.

    Raises:
        TaskError: if two samples of a task share an id.
    """
    return Index(samples, settings or ContaminationSettings())


def _entry(sample: Sample) -> Entry:
    options = asked(sample).options
    num_letters = len(options) or len(sample.choices)
    return Entry(
        id=sample.id,
        task=sample.task,
        targets=sample.targets,
        options=options,
        num_letters=num_letters if 2 <= num_letters <= _MAX_LETTERS else _MAX_LETTERS,
        digests=tuple(image.sha256 for image in sample.prompt.images),
    )


def _picture(digest: str, images: Mapping[str, bytes]) -> Picture:
    try:
        image = pictures.read(images.get(digest, b""), name=digest)
    except PictureError:
        return Picture(digest, "unreadable")
    look = picture_hash.look(image)
    if look is None:
        return Picture(digest, "flat")
    return Picture(digest, "good", picture_hash.pixel_digest(image), look)


def _check(entries: Iterable[Entry]) -> None:
    counts = Counter((entry.task, entry.id) for entry in entries)
    twice = sorted(key for key, count in counts.items() if count > 1)
    if twice:
        task, name = twice[0]
        raise TaskError(f"two samples of the task {task!r} have the id {name!r}; give each its own")


def _plain(text: str) -> str:
    """Give the words of a text, lone letters too, with a blank around each."""
    return f" {' '.join(_ANY_WORD.findall(folded(text)))} "
