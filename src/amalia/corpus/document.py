"""From a capture to a document: decoded, extracted, cleaned, told its language, measured, masked.

Every capture gives one document or one drop with its reason, whatever is in it. What a document says is measured
here and judged later: scores go with it, and thresholds are applied to them by ``thresholds``.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from pydantic import Field

from amalia.corpus import address_lists
from amalia.corpus.address_lists import AddressLists
from amalia.corpus.capture import Capture
from amalia.corpus.classifier import ClassifierSettings
from amalia.corpus.clean import cleaned
from amalia.corpus.drop import SHOWN_CHARS, Drop
from amalia.corpus.encoding import decoded
from amalia.corpus.files import pdf_text
from amalia.corpus.language import LanguageSettings, identify, variety_of
from amalia.corpus.page import page
from amalia.corpus.private_data import PrivateData, masked
from amalia.corpus.quality_score import score
from amalia.corpus.statistics import statistics
from amalia.errors import AmaliaError
from amalia.recipe import Settings
from amalia.records import CapturePlace, Document, Origin, PictureReference, defused

_HTML = ("text/html", "application/xhtml+xml", "")
_SPACE = re.compile(r"\s+")
_MAX_TITLE_CHARS = 300
STEPS = ("decode@1", "extract@1", "clean@1", "language@1", "measure@1", "mask@1")
"""What a document goes through here, in order."""


class DocumentSettings(Settings):
    """How documents are made of captures; what is left out of them later is not among it."""

    extractor: Literal["resiliparse", "trafilatura"] = "resiliparse"
    language: LanguageSettings = LanguageSettings()
    private: PrivateData = PrivateData()
    classifiers: dict[str, ClassifierSettings] = Field(default_factory=dict)
    """Name → classifier of Hugging Face, whose score is kept as ``classifier_NAME``."""
    max_text_chars: int = Field(default=2_000_000, gt=0)
    """Of a document; longer ones are dropped."""
    max_record_s: float = Field(default=20.0, gt=0)
    """Of making one document; what takes longer is dropped."""


@dataclass(frozen=True, slots=True)
class Source:
    """What documents say of where they came from."""

    name: str
    license: str


@dataclass(frozen=True, slots=True)
class Made:
    """A document and what was taken out of it."""

    document: Document
    values: tuple[tuple[str, str], ...]
    """Kind and value of personal data, for who has the key."""


def made(
    capture: Capture, source: Source, settings: DocumentSettings, lists: AddressLists
) -> Made | Drop:
    """Make a document of a capture.

    Args:
        capture: Of a page or file.
        source: Goes into the document's origin.
        settings: How.
        lists: Addresses that are not wanted.
    """
    try:
        with _time_limit(settings.max_record_s):
            return _made(capture, source, settings, lists)
    # Whatever somebody's page does to a library, the next page is fine; reasons are counted and can be looked at.
    except Exception as error:
        reason = error.reason if isinstance(error, AmaliaError) else f"error:{type(error).__name__}"
        return Drop(capture.url, reason, "document@1", _line(error))


def _made(
    capture: Capture, source: Source, settings: DocumentSettings, lists: AddressLists
) -> Made | Drop:
    unwanted = address_lists.why_not(capture.url, lists)
    if unwanted:
        return Drop(capture.url, unwanted, "addresses@1")
    found = _read(capture, settings)
    clean = cleaned(found.text)
    text = defused(clean.text)
    if not text.strip():
        return Drop(capture.url, "no_text", "extract@1", found.title)
    if len(text) > settings.max_text_chars:
        detail = f"{len(text)} characters, expected at most {settings.max_text_chars}"
        return Drop(capture.url, "too_long", "extract@1", detail, text[:SHOWN_CHARS])
    language = identify(text)
    wanted = settings.language
    if language.language != wanted.language or language.score < wanted.min_score:
        is_other = language.language != wanted.language
        reason = f"language_{language.language}" if is_other else "language_unsure"
        return Drop(capture.url, reason, "language@1", f"{language.score:.2f}", text[:SHOWN_CHARS])
    variety = variety_of(text)
    measured = statistics(text)
    scores: dict[str, float] = {
        **{name: float(value) for name, value in measured.as_mapping().items()},
        "language": language.score,
        "p_pt_pt": variety.p_pt_pt,
        "num_signs_pt": float(variety.num_signs_pt),
        "num_signs_br": float(variety.num_signs_br),
        "quality": score(text, measured),
    }
    private = masked(text, settings.private.kinds)
    scores |= {f"num_{kind}": float(count) for kind, count in private.counts.items()}
    place = capture.place
    document = Document(
        id=f"{place.collection}/{place.archive}@{place.offset_bytes}",
        url=capture.url,
        captured_at=capture.captured_at,
        title=masked(found.title, settings.private.kinds).text,
        text=private.text,
        language="pt" if variety.label == "undecided" else variety.label,
        pictures=found.pictures,
        scores=scores,
        capture=CapturePlace(
            collection=place.collection,
            archive=place.archive,
            offset_bytes=place.offset_bytes,
            digest=capture.digest,
        ),
        origin=Origin(source=source.name, license=source.license, created="found", steps=STEPS),
    )
    return Made(document, private.values)


@dataclass(frozen=True, slots=True)
class _Found:
    title: str
    text: str
    pictures: tuple[PictureReference, ...] = ()


def _read(capture: Capture, settings: DocumentSettings) -> _Found:
    if capture.media_type == "application/pdf":
        return _Found("", pdf_text(capture.body))
    text = decoded(capture)
    if capture.media_type not in _HTML:
        return _Found("", text)
    read = page(text, capture.url, by=settings.extractor)
    title = _SPACE.sub(" ", defused(read.title)).strip()[:_MAX_TITLE_CHARS]
    return _Found(title, read.text, read.pictures)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """End what is done within after a time, as far as it is Python; in the main thread of its process."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise TimeoutError(f"it was not done after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
