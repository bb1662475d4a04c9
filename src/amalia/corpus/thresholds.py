"""Which statistics a document may have: thresholds, and the reasons for which it is left out.

Defaults are the constants of AMALIA's published chain, which are those of FineWeb-2 for Portuguese, and what that chain
leaves at datatrove's own defaults. The rules that it turns off (variants of paragraphs and characters, short lines, all
of C4) are None here; ``with_c4`` turns C4's on with the constants of its paper. No function reads a text.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from amalia.corpus.repetition import REPEATED_SIZES, TOP_SIZES
from amalia.corpus.statistics import Statistics
from amalia.recipe import Settings


class Thresholds(Settings):
    """What a document must not exceed, or fall below; None turns a rule off."""

    max_duplicate_line_fraction: float | None = Field(default=0.287, ge=0)
    """Lines that stood before; Gopher's own is 0.3."""
    max_duplicate_paragraph_fraction: float | None = Field(default=None, ge=0)
    """Off in AMALIA's chain; Gopher's own is 0.3."""
    max_duplicate_line_char_fraction: float | None = Field(default=None, ge=0)
    """Off in AMALIA's chain; Gopher's own is 0.2."""
    max_duplicate_paragraph_char_fraction: float | None = Field(default=None, ge=0)
    """Off in AMALIA's chain; Gopher's own is 0.2."""
    max_top_2_gram_char_fraction: float | None = Field(default=0.371, ge=0)
    max_top_3_gram_char_fraction: float | None = Field(default=0.191, ge=0)
    max_top_4_gram_char_fraction: float | None = Field(default=0.163, ge=0)
    max_duplicate_5_gram_char_fraction: float | None = Field(default=0.163, ge=0)
    max_duplicate_6_gram_char_fraction: float | None = Field(default=0.153, ge=0)
    max_duplicate_7_gram_char_fraction: float | None = Field(default=0.141, ge=0)
    max_duplicate_8_gram_char_fraction: float | None = Field(default=0.13, ge=0)
    max_duplicate_9_gram_char_fraction: float | None = Field(default=0.119, ge=0)
    max_duplicate_10_gram_char_fraction: float | None = Field(default=0.108, ge=0)
    min_finished_line_fraction: float | None = Field(default=0.077, ge=0, le=1)
    """Lines that end as a sentence does; FineWeb's own for English is 0.12."""
    max_short_line_fraction: float | None = Field(default=None, ge=0)
    """Off in AMALIA's chain (999); FineWeb's own for English is 0.67."""
    max_duplicate_char_fraction: float | None = Field(default=0.1, ge=0)
    """Characters of lines that stood before; FineWeb's own for English is 0.01."""
    max_new_line_ratio: float | None = Field(default=0.186, ge=0)
    """Line feeds for each word; FineWeb's own for English is 0.3."""
    min_words: int | None = Field(default=15, ge=0)
    """Gopher's own is 50."""
    max_words: int | None = Field(default=100_000, ge=1)
    min_mean_word_chars: float | None = Field(default=3, ge=0)
    max_mean_word_chars: float | None = Field(default=13, ge=0)
    """Gopher's own is 10."""
    max_hash_sign_ratio: float | None = Field(default=0.1, ge=0)
    max_ellipsis_ratio: float | None = Field(default=0.1, ge=0)
    max_bullet_line_fraction: float | None = Field(default=0.9, ge=0)
    max_ellipsis_line_fraction: float | None = Field(default=0.3, ge=0)
    min_alpha_word_fraction: float | None = Field(default=0.814, ge=0, le=1)
    """Gopher's own is 0.8."""
    min_stop_words: int | None = Field(default=2, ge=0)
    """Different stop words."""
    refuse_lorem_ipsum: bool = False
    refuse_curly_bracket: bool = False
    min_sentences: int | None = Field(default=None, ge=0)
    """Off in AMALIA's chain, which has no C4; C4's own is 5."""
    min_sentences_finished: int | None = Field(default=None, ge=0)
    """The same, counted in lines with an end mark only, as C4's paper does."""


def with_c4(thresholds: Thresholds, *, needs_end_marks: bool = False) -> Thresholds:
    """Give thresholds with the rules of C4 turned on, with the constants of its paper (Raffel et al. 2020).

    Args:
        thresholds: The others.
        needs_end_marks: Count sentences only in lines that end in a mark; the paper does, web pages in Portuguese
            lose titles and lists by it.
    """
    sentences = "min_sentences_finished" if needs_end_marks else "min_sentences"
    more = {"refuse_lorem_ipsum": True, "refuse_curly_bracket": True, sentences: 5}
    return thresholds.model_copy(update=more)


def failing(statistics: Statistics, thresholds: Thresholds) -> tuple[str, ...]:
    """Give every reason to leave a document out, in the order of AMALIA's chain; none means that it stays.

    The first is the reason it is dropped for; with the others a funnel can say what a rule catches alone. The order is
    Gopher's repetition, FineWeb's quality, Gopher's quality, C4. A text without words fails as ``no_words`` alone.
    """
    if not statistics.num_words_and_marks:
        return ("no_words",)
    limits = vars(thresholds)
    reasons = []
    for reason, name, threshold, side in _RULES:
        limit = limits[threshold]
        if limit is None or limit is False:
            continue
        value = getattr(statistics, name)
        if value > limit if side == "above" else value < limit if side == "below" else value:
            reasons.append(reason)
    return tuple(reasons)


# A rule is a reason, a statistic, a threshold, and on which side of it the statistic fails.
_RULES: tuple[tuple[str, str, str, Literal["above", "below", "any"]], ...] = (
    *(
        (f"too_many_{name}s", f"{name}_fraction", f"max_{name}_fraction", "above")
        for name in (
            "duplicate_paragraph",
            "duplicate_paragraph_char",
            "duplicate_line",
            "duplicate_line_char",
        )
    ),
    *(
        (
            f"too_frequent_{n}_gram",
            f"top_{n}_gram_char_fraction",
            f"max_top_{n}_gram_char_fraction",
            "above",
        )
        for n in TOP_SIZES
    ),
    *(
        (
            f"too_many_duplicate_{n}_grams",
            f"duplicate_{n}_gram_char_fraction",
            f"max_duplicate_{n}_gram_char_fraction",
            "above",
        )
        for n in REPEATED_SIZES
    ),
    ("too_few_finished_lines", "finished_line_fraction", "min_finished_line_fraction", "below"),
    ("too_many_short_lines", "short_line_fraction", "max_short_line_fraction", "above"),
    ("too_many_duplicate_chars", "duplicate_char_fraction", "max_duplicate_char_fraction", "above"),
    ("too_many_new_lines", "new_line_ratio", "max_new_line_ratio", "above"),
    ("too_few_words", "num_words", "min_words", "below"),
    ("too_many_words", "num_words", "max_words", "above"),
    ("words_too_short", "mean_word_chars", "min_mean_word_chars", "below"),
    ("words_too_long", "mean_word_chars", "max_mean_word_chars", "above"),
    ("too_many_hash_signs", "hash_sign_ratio", "max_hash_sign_ratio", "above"),
    ("too_many_ellipses", "ellipsis_ratio", "max_ellipsis_ratio", "above"),
    ("too_many_bullet_lines", "bullet_line_fraction", "max_bullet_line_fraction", "above"),
    ("too_many_ellipsis_lines", "ellipsis_line_fraction", "max_ellipsis_line_fraction", "above"),
    ("too_few_alpha_words", "alpha_word_fraction", "min_alpha_word_fraction", "below"),
    ("too_few_stop_words", "num_stop_words", "min_stop_words", "below"),
    ("lorem_ipsum", "has_lorem_ipsum", "refuse_lorem_ipsum", "any"),
    ("curly_bracket", "has_curly_bracket", "refuse_curly_bracket", "any"),
    ("too_few_sentences", "num_sentences", "min_sentences", "below"),
    ("too_few_finished_sentences", "num_sentences_finished", "min_sentences_finished", "below"),
)
REASONS = ("no_words", *(rule[0] for rule in _RULES))
"""All there are, in order."""
