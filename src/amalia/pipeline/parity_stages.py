"""Compare two sides, one stage at a time: pure functions from what they told to a ``Comparison``.

Runs of picture tokens count as one in the first stage and are counted in the second, so that a wrong count
is not taken for a wrong template.

Tolerances. Ids, counts and texts are the same or not. Pixels: 1/255, which is how far our tiles may lie from
the reference's (``docs/tiling.md``). Log-probabilities in float32: a thousandth of a nat for text, where
nothing but the order of sums differs, and two hundredths where pixels may differ too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from amalia.pipeline.parity_comparison import (
    TIE_NATS,
    About,
    Asked,
    Comparison,
    Judged,
    Measure,
    Pair,
)
from amalia.pipeline.parity_sides import Pixels, Step, Told, Words

TEXT_NATS = 1e-3
PICTURE_NATS = 2e-2
PIXEL_STEPS = 1.0
"""Of 255."""
# Pixels are float32 in [-1, 1]: a step of 1/255 comes out a little more or less.
_ROUNDING_STEPS = 1e-3
_SHOWN_CHARS = 24


def rendered_ids(pair: Pair, words: Words) -> Comparison:
    """Compare the ids of prompts, each picture counting as one token."""
    judged = [pair.failed("rendered ids", item) or _ids(item, words) for item in pair.asked()]
    is_counted = not any(told.ids for told in pair.right.told)
    note = "by their number, text prompts only" if is_counted else ""
    return pair.gathered("rendered ids", judged, note=note)


def image_tokens(pair: Pair, words: Words) -> Comparison:
    """Compare how many tokens each picture takes."""
    judged = [
        pair.failed("image tokens", item) or _counts(item, words) for item in pair.asked("pictures")
    ]
    return pair.gathered("image tokens", judged, about="pictures")


def pixels(pair: Pair) -> Comparison:
    """Compare the tiles that the model looks at, value by value."""
    judged = [pair.failed("pixels", item) or _pixels(item) for item in pair.asked("pictures")]
    is_exact = [
        found.difference is not None and found.difference <= _ROUNDING_STEPS for found in judged
    ]
    return pair.gathered(
        "pixels",
        judged,
        about="pictures",
        measure=Measure("/255", PIXEL_STEPS),
        note=f"{sum(is_exact)} of {len(judged)} bit for bit",
    )


def first_token(pair: Pair, words: Words, about: About) -> Comparison:
    """Compare how likely the first token of an answer is, over the tokens that both sides name."""
    tolerance = PICTURE_NATS if about == "pictures" else TEXT_NATS
    judged = [
        pair.failed("first token", item) or _likely(item, words, tolerance)
        for item in pair.asked(about)
    ]
    return pair.gathered("first token", judged, about=about, measure=Measure("nats", tolerance))


def greedy_text(pair: Pair, words: Words, about: About) -> Comparison:
    """Compare greedy answers; the left side must tell its steps, from which ties are known."""
    judged = [pair.failed("greedy text", item) or _said(item, words) for item in pair.asked(about)]
    return pair.gathered("greedy text", judged, about=about)


def _ids(item: Asked, words: Words) -> Judged:
    one, other = item.one, item.other
    if one.ids is None:
        return Judged("not told")
    if other.ids is None:
        # Of a prompt with a picture one would not see which of the two counts is off.
        if other.num_tokens is None or item.prompt.sizes_px:
            return Judged("not told")
        return _equal(len(one.ids), other.num_tokens, "tokens")
    expected, found = (_folded(ids, words.image_id) for ids in (one.ids, other.ids))
    place = _first_difference(expected, found)
    if place is None:
        return Judged("agrees")
    shown = [
        words.quoted(ids[place]) if place < len(ids) else "the end" for ids in (expected, found)
    ]
    return Judged("parts", f"token {place} is {shown[0]} and {shown[1]}")


def _counts(item: Asked, words: Words) -> Judged:
    one, other = item.one, item.other
    if one.ids is None:
        return Judged("not told")
    expected = _runs(one.ids, words.image_id)
    found = () if other.ids is None else _runs(other.ids, words.image_id)
    # A server may tell the ids as they are before pictures take their places.
    if max(found, default=1) > 1:
        place = _first_difference(expected, found)
        if place is None:
            return Judged("agrees")
        shown = [runs[place] if place < len(runs) else 0 for runs in (expected, found)]
        return Judged("parts", f"picture {place + 1} takes {shown[0]} and {shown[1]} tokens")
    if other.num_tokens is None:
        return Judged("not told")
    of_text = len(one.ids) - sum(expected)
    return _equal(sum(expected), other.num_tokens - of_text, "tokens of pictures")


def _pixels(item: Asked) -> Judged:
    one, other = item.one.pixels, item.other.pixels
    if one is None or other is None:
        return Judged("not told")
    if len(one) != len(other):
        return Judged("parts", f"{len(one)} and {len(other)} pictures")
    worst, where = 0.0, ""
    for number, (mine, theirs) in enumerate(zip(one, other, strict=True), 1):
        if mine.shape != theirs.shape:
            return Judged("parts", f"picture {number} has {len(mine)} and {len(theirs)} tiles")
        steps, place = _furthest(mine, theirs)
        if steps > worst:
            worst, where = steps, f"picture {number}, {place}"
    is_near = worst <= PIXEL_STEPS + _ROUNDING_STEPS
    return Judged("agrees" if is_near else "parts", where, worst)


def _likely(item: Asked, words: Words, tolerance: float) -> Judged:
    one, other = item.one.first, item.other.first
    if not one or not other:
        return Judged("not told")
    both = one.keys() & other.keys()
    if not both:
        return Judged("parts", "no token is among the likeliest of both")
    furthest = max(both, key=lambda token: _apart(one[token], other[token]))
    worst = _apart(one[furthest], other[furthest])
    if worst > tolerance:
        told = f"{one[furthest]:.4f} and {other[furthest]:.4f} nats"
        return Judged(
            "parts",
            f"token {words.quoted(furthest)} has {told}",
            worst if math.isfinite(worst) else None,
        )
    # A side that tells tokens by their text cannot tell all, so the likeliest is that of both.
    mine, theirs = max(both, key=one.__getitem__), max(other, key=other.__getitem__)
    if mine == theirs:
        return Judged("agrees", "", worst)
    where = f"the likeliest is {words.quoted(mine)} and {words.quoted(theirs)}"
    gap = one[mine] - one[theirs] if theirs in one else None
    return Judged("tie" if _is_tie(gap) else "parts", f"{where}, {_told_gap(gap)}", worst)


def _said(item: Asked, words: Words) -> Judged:
    one, other = item.one, item.other
    if one.text is None or other.text is None:
        return Judged("not told")
    if one.text == other.text:
        return Judged("agrees")
    place, gap = parting(one, other.text, words)
    begin = max(0, _common_chars(one.text, other.text) - _SHOWN_CHARS // 2)
    mine, theirs = (repr(text[begin : begin + _SHOWN_CHARS]) for text in (one.text, other.text))
    chosen = one.steps[place].chosen if place < len(one.steps) else min(words.end_ids)
    where = f"token {place} of the answer, {words.quoted(chosen)}: {mine} and {theirs}, {_told_gap(gap)}"
    return Judged("tie" if _is_tie(gap) else "parts", where, gap)


def parting(told: Told, text: str, words: Words) -> tuple[int, float | None]:
    """Find where a greedy answer and another text part, and how near the other token was there.

    Args:
        told: An answer with its steps.
        text: What another side said, another text.
        words: Of the model.

    Returns:
        The number of the token, and by how many nats it was likelier than the one that the other side
        took; ``None`` where that one was not among the likeliest.
    """
    chosen = [step.chosen for step in told.steps]
    for place, step in enumerate(told.steps):
        is_end = step.chosen in words.end_ids
        if not is_end and text.startswith(words.text(chosen[: place + 1])):
            continue
        nats = _nats_of_other(step, chosen[:place], text, words)
        return place, None if nats is None else step.nats[step.chosen] - nats
    return len(chosen), None


def _nats_of_other(step: Step, before: Sequence[int], text: str, words: Words) -> float | None:
    """Give the log-probability of the likeliest other token after which the text is still possible."""
    said = words.text(before)
    found = []
    for token, nats in step.nats.items():
        if token == step.chosen:
            continue
        after = words.text([*before, token])
        # A token that adds nothing is the end, or the first half of a character.
        is_possible = text == said if token in words.end_ids else text.startswith(after)
        if is_possible:
            found.append((len(after) > len(said) or token in words.end_ids, nats))
    return max(found)[1] if found else None


def _apart(one: float, other: float) -> float:
    """Give the difference; what is no number is as far from everything as can be."""
    difference = abs(one - other)
    return math.inf if math.isnan(difference) else difference


def _is_tie(gap: float | None) -> bool:
    return gap is not None and gap <= TIE_NATS


def _told_gap(gap: float | None) -> str:
    if gap is None:
        return "of which one is not among the likeliest"
    return f"{gap:.6f} nats apart"


def _equal(expected: int, found: int, what: str) -> Judged:
    if expected == found:
        return Judged("agrees")
    return Judged("parts", f"{expected} and {found} {what}")


def _folded(ids: Sequence[int], image_id: int | None) -> list[int]:
    """Write each run of picture tokens as one."""
    return [
        token
        for place, token in enumerate(ids)
        if not (token == image_id and place and ids[place - 1] == image_id)
    ]


def _runs(ids: Sequence[int], image_id: int | None) -> tuple[int, ...]:
    """Count the tokens of each picture."""
    return tuple(len(list(run)) for token, run in groupby(ids) if token == image_id)


def _first_difference(one: Sequence[int], other: Sequence[int]) -> int | None:
    for place, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return place
    return None if len(one) == len(other) else min(len(one), len(other))


def _common_chars(one: str, other: str) -> int:
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def _furthest(mine: Pixels, theirs: Pixels) -> tuple[float, str]:
    """Give the largest difference in steps of 1/255, and where it is first as large."""
    apart = np.abs(mine - theirs)
    tile, channel, row, column = np.unravel_index(int(apart.argmax()), apart.shape)
    values = (
        round((float(each[tile, channel, row, column]) + 1) * 127.5, 2) for each in (mine, theirs)
    )
    told = " and ".join(f"{value:g}" for value in values)
    place = f"tile {tile}, {'RGB'[channel]} of row {row}, column {column} is {told}"
    return float(apart.max()) * 127.5, place
