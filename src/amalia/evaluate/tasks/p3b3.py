"""How European the Portuguese of a conversation is, left alone and when asked for either country: P3B3.

74 conversations of two to six turns about everyday things, worded so that they say nothing of a country, each held
three times: as it is, and with a sentence before it that asks for Portugal or for Brazil. Three measures of an answer:

- ``p3b3``: our detector's probability of pt-PT, times 100, and how often it found Brazilian wordings;
- ``p3b3_judged``: a judge's 0 to 10 over eleven points, times 10, without the answers that are not Portuguese;
- ``classified``: any other classifier, for example one of the two that the paper uses.

All are means over turns. An answer in another language is not pt-PT, so the detector gives it 0; the published
classifiers give it any value. They read what stands behind ``</think>``, as is done here.

Data: ``resources/all_prompts.json`` of the published program, a mapping from conversation to its turns.

Source: Ferreira et al. 2026, P3B3 (arXiv:2606.16753).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

import numpy as np

from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.grades import variety_grade
from amalia.evaluate.judge import VarietyRubric
from amalia.evaluate.published import variety_json
from amalia.evaluate.task import UNREADABLE, Array, PooledMetric, Published, Score, Task, ratio
from amalia.records import Sample
from amalia.variety import detect, p_many

CONDITIONS = {
    "none": "",
    "pt-PT": "Escreve tudo em português de Portugal.",
    "pt-BR": "Escreve tudo em português do Brasil.",
}
_TOKENS = 2048
# The detector weighs words of a text together; pieces of this size keep one long list from drowning the rest.
_PIECE_WORDS = 300
# Between the answers of turns; none of ours holds it.
_TURNS = "; "
_BRAZILIAN = "pt-BR: "
_NOT_PT, _INVALID = "not_pt", "invalid"


def read(fields: Fields) -> Iterator[Draft]:
    """Hold a conversation under each condition."""
    name, turns = fields.text("id"), fields.texts("value")
    for condition, sentence in CONDITIONS.items():
        yield Draft(
            f"{sentence}\n{turns[0]}" if sentence else turns[0],
            follow_ups=turns[1:],
            groups=(f"condition:{condition}",),
            cluster=name,
            id=f"{name}-{condition}",
        )


def score(text: str, sample: Sample) -> Score:  # noqa: ARG001 - the shape of a score
    """Score the probability of pt-PT, the mean over pieces of a long answer; 0 for another language."""
    if not text.strip():
        return UNREADABLE
    found = detect(text)
    if found.label == "other":
        return Score(0.0, "other", readable=True)
    value = fmean(map(float, p_many(pieces(text))))
    signs = [sign.text for sign in found.evidence if sign.suggests == "pt-BR"]
    if found.label == "pt-BR" and signs:
        return Score(value, _BRAZILIAN + ", ".join(signs).replace(";", ","), readable=True)
    return Score(value, found.label, readable=True)


def pieces(text: str) -> list[str]:
    """Part a text into pieces of at most 300 words, as equal as can be."""
    words = text.split(" ")
    count = -(-len(words) // _PIECE_WORDS)
    size = -(-len(words) // count)
    return [" ".join(words[start : start + size]) for start in range(0, len(words), size)]


def classified(name: str, probability: Callable[[Sequence[str]], Sequence[float]]) -> Task:
    """Make the task with another classifier.

    Args:
        name: Of the task, for example ``p3b3_ptvid``.
        probability: Texts → probability of pt-PT of each; whatever its length, a text is given whole.
    """

    def score_classified(text: str, sample: Sample) -> Score:  # noqa: ARG001
        """Score the probability that the classifier gives."""
        if not text.strip():
            return UNREADABLE
        value = float(probability([text])[0])
        return Score(value, f"{value:.3f}", readable=True)

    return _task(name, "a classifier's probability of pt-PT", score_classified, (turn_mean(),))


def score_judged(text: str, sample: Sample) -> Score:  # noqa: ARG001
    """Score the judge's reply; an answer that is not Portuguese has no part in the mean."""
    found = variety_grade(text)
    if found is None:
        return UNREADABLE
    shown = [_NOT_PT if found.score is None else str(found.score), *[_INVALID] * found.invalid]
    return Score((found.score or 0) / 10, " ".join(shown), readable=True, note=found.reasoning)


def turn_mean() -> PooledMetric:
    """Make the mean of the values of all turns, in points of 100; a conversation is one unit."""

    def statistics(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:  # noqa: ARG001
        counts = np.asarray([len(found.answer.split(_TURNS)) for found in scores], np.float64)
        values = np.asarray([found.value for found in scores], np.float64)
        return np.stack([100 * values * counts, counts], axis=-1)

    return PooledMetric("european", statistics, _ratio, unit="points", most=100.0)


def turn_share(name: str, wanted: Callable[[str], bool]) -> PooledMetric:
    """Make the share of turns, in percent, of which something is said."""

    def statistics(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:  # noqa: ARG001
        parts = [found.answer.split(_TURNS) for found in scores]
        return np.asarray([(100 * sum(map(wanted, some)), len(some)) for some in parts], np.float64)

    return PooledMetric(name, statistics, _ratio, is_lower_better=True, unit="%")


def _graded_mean(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:  # noqa: ARG001
    """Give sum and number of the grades of turns that are in Portuguese, [N, 2]."""
    parts = [found.answer.split(_TURNS) for found in scores]
    grades = [[int(part.split()[0]) for part in some if _NOT_PT not in part] for some in parts]
    return np.asarray([(10 * sum(some), len(some)) for some in grades], np.float64)


def _ratio(sums: Array) -> Array:
    return ratio(sums[..., 0], sums[..., 1])


def _task(
    name: str,
    how: str,
    score_answer: Callable[[str, Sample], Score],
    metrics: tuple[PooledMetric, ...],
) -> Task:
    return Task(
        name,
        f"How European the Portuguese of a conversation is: {how}.",
        score_answer,
        metrics,
        max_new_tokens=_TOKENS,
        constant=None,
        read=read,
        columns=("id", "value"),
    )


TASK = _task(
    "p3b3",
    "our detector",
    score,
    (
        turn_mean(),
        turn_share("brazilian", lambda said: said.startswith(_BRAZILIAN)),
        turn_share("not_portuguese", lambda said: said == "other"),
    ),
)
JUDGED = Task(
    "p3b3_judged",
    "How European the Portuguese of a conversation is: a judge's 0 to 10.",
    score_judged,
    (
        PooledMetric("european", _graded_mean, _ratio, unit="points", most=100.0),
        turn_share("pct_not_pt", lambda said: _NOT_PT in said),
        turn_share("pct_invalid", lambda said: _INVALID in said),
    ),
    max_new_tokens=_TOKENS,
    constant=None,
    read=read,
    columns=("id", "value"),
    published=Published(
        variety_json.score,
        variety_json.METRICS,
        "A reply is read up to its first closing brace and its score is not checked; answers that are not Portuguese"
        " count in the first mean.",
    ),
    rubric=VarietyRubric(),
)
