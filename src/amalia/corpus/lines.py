"""What the lines of a text are like: bullets, ends, lengths, and what C4 leaves of them.

A line is what stands between line feeds; other signs that some programs take for line ends (form feed, U+2028) are
not, and a carriage return belongs to the line, so mend these before. Definitions follow ``GopherQualityFilter``,
``FineWebQualityFilter`` and ``C4QualityFilter`` of datatrove 0.9.0, which docs/quality.md repeats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from amalia.corpus import words
from amalia.corpus.repetition import Repeated, repeated

SHORT_LINE_CHARS = 30
"""FineWeb's: a line of so many characters or fewer is short."""
ENDS_OF_SENTENCES = (".", "?", "!", "‼", "‽", "⁇", "⁈", "⁉", "。", "！", "？", "؟", "।")
"""What a whole line ends in for FineWeb: those of its list that stand in web pages in Portuguese."""

_BULLETS = ("•", "-")
_ELLIPSES = ("...", "…")
_C4_ENDS = (".", "?", "!", '"', "'")
_C4_MIN_WORDS = 3
_C4_MAX_WORD_CHARS = 1000
_CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
_POLICIES = (
    "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies",
    "termos de utilização", "política de privacidade", "política de cookies", "utiliza cookies", "usa cookies",
)  # fmt: skip
_CLOSING = "\"'»”)]"


@dataclass(frozen=True, slots=True)
class LineCounts:
    """Counts of one text's lines."""

    num_lines: int
    """All, also empty ones; the last line feed ends a line and begins none."""
    num_filled: int
    """With more than space."""
    num_bulleted: int
    num_trailing_off: int
    """Ending in an ellipsis."""
    num_finished: int
    """Ending as a sentence does."""
    num_short: int
    repeated: Repeated
    """Of lines that are not empty, also those of mere space."""
    filled_chars_again: int
    """Characters of lines with more than space that stood before."""
    num_sentences: int
    """In the lines that C4 keeps when it does not ask for an end mark."""
    num_sentences_finished: int
    """In the lines that C4 keeps when it does."""


def count(text: str, folded: str, num_ends: int) -> LineCounts:
    """Read the lines of a text once.

    Args:
        text: The text.
        folded: The same in small letters.
        num_ends: How many marks in it end a sentence, as ``words.num_sentence_ends`` counts.
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    stripped = list(map(str.strip, lines))
    filled = [line for line in stripped if line]
    parts = [line for line in lines if line]
    of_parts = repeated(parts)
    of_filled = of_parts
    if len(filled) != len(parts):
        of_filled = repeated([line for line in lines if line.strip()])
    kept, dropped = _parted_by_c4(filled, folded)
    unfinished = [line for line in kept if not line.endswith(_C4_ENDS) or line.endswith("...")]
    # What is left of a line after its last mark is a sentence too.
    num_sentences = num_ends - _num_ends(dropped)
    num_sentences += sum(not _ends_sentence(line.rstrip(_CLOSING)) for line in kept)
    num_unfinished = _num_ends(unfinished)
    num_unfinished += sum(not _ends_sentence(line.rstrip(_CLOSING)) for line in unfinished)
    return LineCounts(
        num_lines=len(lines),
        num_filled=len(filled),
        num_bulleted=sum(line.startswith(_BULLETS) for line in filled),
        num_trailing_off=sum(line.endswith(_ELLIPSES) for line in filled),
        num_finished=sum(line.endswith(ENDS_OF_SENTENCES) for line in filled),
        num_short=sum(len(line) <= SHORT_LINE_CHARS for line in filled),
        repeated=of_parts,
        filled_chars_again=of_filled.chars_again,
        num_sentences=num_sentences,
        num_sentences_finished=num_sentences - num_unfinished,
    )


def _parted_by_c4(lines: list[str], folded: str) -> tuple[list[str], list[str]]:
    """Part the lines into those of three words or more that name neither JavaScript nor a policy, and the others."""
    names_script = "javascript" in folded
    names_policy = any(policy in folded for policy in _POLICIES)
    has_citation = "[" in folded
    kept: list[str] = []
    dropped: list[str] = []
    for line in lines:
        is_kept = len(line.split(None, _C4_MIN_WORDS)) >= _C4_MIN_WORDS
        if is_kept and len(line) > _C4_MAX_WORD_CHARS:
            is_kept = max(map(len, line.split())) <= _C4_MAX_WORD_CHARS
        if is_kept and (names_script or names_policy):
            small = line.lower()
            is_kept = "javascript" not in small and not any(one in small for one in _POLICIES)
        if not is_kept:
            dropped.append(line)
        else:
            kept.append(_CITATION.sub("", line) if has_citation else line)
    return kept, dropped


def _num_ends(lines: list[str]) -> int:
    return sum(
        words.num_sentence_ends(*words.numbered(words.split(line)))
        for line in lines
        if "." in line or "?" in line or "!" in line
    )


def _ends_sentence(line: str) -> bool:
    return line.endswith((".", "!", "?")) and not line.endswith("..")
