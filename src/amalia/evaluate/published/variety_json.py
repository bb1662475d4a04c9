"""The judgement of a variety as the program of P3B3 reads it: the first JSON object of the reply, or nothing.

A reply that cannot be read keeps its turn in the shares of flags and has no part in the means.

Not covered: flags that are neither true nor false. The published program writes a table and reads it back, and there
what such a flag means depends on its neighbors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from math import isfinite, nan
from typing import Any

import numpy as np

from amalia.evaluate.task import AnyMetric, Array, PooledMetric, Score
from amalia.records import Sample

_FENCED = re.compile(r"```json\s*({.*?})\s*```", re.DOTALL)
_BRACES = re.compile(r"({\s*\".*?})", re.DOTALL)
_TURNS = "; "
_FIELDS = ("reasoning", "score", "not_pt", "invalid")
Turn = tuple[float, bool, bool]


def score(text: str, sample: Sample) -> Score:  # noqa: ARG001 - the shape of a score
    """Read the reply; the value is a tenth of the score.

    The object ends at its first closing brace, so one in the reasoning spoils it; a score of 0 to 10 is not checked.
    """
    match = _FENCED.search(text) or _BRACES.search(text)
    try:
        said = json.loads(match[1].strip()) if match else {}
        read = [said[name] for name in _FIELDS]
    except (ValueError, KeyError):
        return Score(0.0, "unread", readable=True, note="the first JSON object cannot be read")
    number = _number(read[1])
    flags = [name for name, value in zip(_FIELDS[2:], read[2:], strict=True) if _is_true(value)]
    shown = " ".join([f"{number:g}", *flags])
    return Score(0.0 if number != number else number / 10, shown, readable=True)


def _number(value: Any) -> float:
    """Read a number as it comes back from the table that it is written to: texts of numbers count, true does not."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return nan
    try:
        return float(value)
    except ValueError:
        return nan


def _is_true(value: Any) -> bool:
    """Read a flag as it comes back from the table that it is written to."""
    return value in ("true", "True", "TRUE") if isinstance(value, str) else bool(value == 1)


def turns(found: Score) -> list[Turn]:
    """Give score (not a number where there is none), not_pt and invalid of every turn."""
    read = []
    for part in found.answer.split(_TURNS):
        head, *flags = part.split()
        number = nan if head == "unread" else float(head)
        read.append((number, "not_pt" in flags, "invalid" in flags))
    return read


def _mean(name: str, keeps: Callable[[Turn], bool]) -> PooledMetric:
    def statistics(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:  # noqa: ARG001
        kept = [
            [turn[0] for turn in turns(found) if keeps(turn) and isfinite(turn[0])]
            for found in scores
        ]
        return np.asarray([(sum(numbers), len(numbers)) for numbers in kept], dtype=np.float64)

    return PooledMetric(name, statistics, _combine(10.0), unit="points", most=100.0)


def _percent(name: str, place: int) -> PooledMetric:
    def statistics(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:  # noqa: ARG001
        every = [turns(found) for found in scores]
        return np.asarray(
            [(sum(bool(turn[place]) for turn in some), len(some)) for some in every], np.float64
        )

    return PooledMetric(name, statistics, _combine(100.0), is_lower_better=True, unit="%")


def _combine(scale: float) -> Callable[[Array], Array]:
    def combine(sums: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.round(scale * sums[..., 0] / sums[..., 1], 1))

    return combine


METRICS: tuple[AnyMetric, ...] = (
    _mean("llm_judge_score", lambda _: True),
    _percent("pct_not_pt", 1),
    _mean("llm_judge_score_no_not_pt", lambda turn: not turn[1]),
    _percent("pct_invalid", 2),
    _mean("llm_judge_score_no_invalid", lambda turn: not turn[2]),
    _mean("llm_judge_score_no_both", lambda turn: not turn[1] and not turn[2]),
)
