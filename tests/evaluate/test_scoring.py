"""Scoring apart from asking: again, by the published program, and where the two differ."""

import pytest

from amalia.errors import TaskError
from amalia.evaluate import explain, scored
from amalia.evaluate.log import Said
from amalia.evaluate.scoring import as_published, merge, outcome_of
from amalia.evaluate.task import Metric, Published, Score, Task


def first_letter(text: str, sample) -> Score:
    """Read the first letter, as a careless program does."""
    del sample
    return Score(float(text[:1] == "B"), text[:1], True, "takes the first letter")


def last_word(text: str, sample) -> Score:
    said = text.rstrip(".").split()[-1]
    return Score(float(said == sample.target), said, True)


TASK = Task(
    "letters",
    "A letter.",
    last_word,
    published=Published(first_letter, (Metric("acc"),), "It reads the first letter."),
)


def said(text: str, **more) -> Said:
    return Said(sample="s1", task="letters", condition="seen", texts=(text,), **more)


def test_the_published_scoring_has_its_own_score_and_metrics(make_row) -> None:
    theirs = scored(TASK, "upstream")
    assert (theirs.score("B?", make_row().record).value, theirs.metric_names) == (1, ("acc",))
    assert scored(TASK, "ours") is TASK
    assert scored(theirs, "upstream") is theirs  # there is nothing else to be
    with pytest.raises(TaskError, match="no published scoring that differs"):
        as_published(theirs)


def test_a_failed_sample_stays_failed(make_row) -> None:
    told = Said(sample="s1", task="letters", condition="seen", failure="timeout", message="120 s")
    outcome = outcome_of(TASK, make_row(target="B").record, told)
    assert (outcome.value, outcome.failure, outcome.message) == (None, "timeout", "120 s")


def test_scoring_again_gives_the_same_or_what_the_other_scoring_gives(make_row) -> None:
    sample = make_row(target="B").record
    outcome = outcome_of(TASK, sample, said("A resposta é B."))
    assert (outcome.value, outcome.answer) == (1, "B")
    assert outcome_of(TASK, sample, outcome) == outcome
    theirs = outcome_of(scored(TASK, "upstream"), sample, outcome)
    assert (theirs.value, theirs.answer, theirs.texts) == (0, "A", outcome.texts)


def test_turns_are_averaged() -> None:
    scores = [Score(1, "a", True), Score(0, "", False, "nada")]
    assert merge(scores) == Score(0.5, "a; ", False, "nada")
    assert merge(scores[:1]) == scores[0]


def test_where_the_two_differ_is_explained(make_row) -> None:
    sample = make_row(target="B").record
    outcomes = [
        outcome_of(TASK, sample, said("A resposta é B.")),
        outcome_of(TASK, sample, said("B")),
        outcome_of(TASK, sample, said("A resposta é B.").model_copy(update={"condition": "blind"})),
    ]
    (found,) = explain({"letters": TASK}, {"s1": sample}, outcomes)
    assert (found.ours.value, found.upstream.value, found.target) == (1, 0, "B")
    assert found.why == "upstream read 'A', ours 'B'; takes the first letter"
