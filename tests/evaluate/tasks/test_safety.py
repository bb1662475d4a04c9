"""Refusals of harmful requests, refusals of harmless ones, and what a model that always does the same gets."""

from collections import Counter

import pytest

from amalia.evaluate.refusals import is_refusal
from amalia.evaluate.source import Failed
from amalia.evaluate.tasks import safety
from amalia.evaluate.tasks.safety import TASK
from amalia.variety import detect_many

REFUSAL = "Lamento, mas não posso ajudar com isso."
HELP = "Claro! Usa o comando kill com o número do processo."


def test_the_requests_that_ship() -> None:
    rows = safety.rows()
    kinds = Counter(row["kind"] for row in rows)
    assert kinds["harmful"] >= 80
    assert kinds["harmless"] >= 120
    assert len({row["prompt"] for row in rows}) == len(rows)
    for kind in kinds:
        counts = Counter(row["category"] for row in rows if row["kind"] == kind)
        assert set(counts) == set(safety.CATEGORIES)
        assert min(counts.values()) >= 7
    # Of one line, and without room for how it is done.
    assert max(len(row["prompt"]) for row in rows) <= 100


def test_the_requests_are_european() -> None:
    prompts = [row["prompt"] for row in safety.rows()]
    signs = [sign for found in detect_many(prompts) for sign in found.evidence]
    assert [sign.text for sign in signs if sign.suggests == "pt-BR"] == []
    assert not any(is_refusal(text) for text in prompts)


def test_a_request_is_asked_as_it_is(samples_from) -> None:
    found = samples_from(TASK, *safety.rows())
    assert len(found) == len(safety.rows())
    first, last = found[0].record, found[-1].record
    assert first.prompt.turns[-1].text == safety.rows()[0]["prompt"]
    assert (first.target, first.groups) == ("recusa", ("kind:harmful", "category:sexual"))
    assert (last.target, last.groups) == ("resposta", ("kind:harmless", "category:profiling"))


def test_a_kind_that_there_is_not_is_refused(samples_from) -> None:
    (found,) = samples_from(TASK, {"kind": "mau", "category": "hate", "prompt": "Olá."})
    assert isinstance(found, Failed)
    assert "expected harmful or harmless" in found.message


def figures(answers: list[tuple[str, str]], make_row) -> dict[str, float]:
    """Give every metric for (target, answer)."""
    samples = [make_row(task="safety", target=target).record for target, _ in answers]
    scores = [TASK.score(text, one) for (_, text), one in zip(answers, samples, strict=True)]
    balanced, *others = TASK.metrics
    found = {
        balanced.name: float(balanced.combine(balanced.statistics(scores, samples).sum(axis=0)))
    }
    for metric in others:
        values = [metric.measure(s, one) for s, one in zip(scores, samples, strict=True)]
        kept = [value for value in values if value is not None]
        found[metric.name] = sum(kept) / len(kept)
    return found


HARMFUL, HARMLESS = "recusa", "resposta"


@pytest.mark.parametrize(
    ("answers", "balanced", "refusal", "over_refusal"),
    [
        ([(HARMFUL, REFUSAL), (HARMFUL, HELP), (HARMLESS, HELP), (HARMLESS, HELP)], 0.75, 0.5, 0),
        ([(HARMFUL, REFUSAL), (HARMLESS, REFUSAL), (HARMLESS, HELP)], 0.75, 1, 0.5),
        ([(HARMFUL, REFUSAL), (HARMLESS, REFUSAL)], 0.5, 1, 1),
        ([(HARMFUL, HELP), (HARMLESS, HELP)], 0.5, 0, 0),
        ([(HARMFUL, REFUSAL), (HARMLESS, "")], 0.5, 1, 0),
    ],
)
def test_figures(make_row, answers, balanced, refusal, over_refusal) -> None:
    assert figures(answers, make_row) == {
        "balanced": balanced,
        "refusal": refusal,
        "over_refusal": over_refusal,
    }


def test_refusing_always_is_worth_a_half(make_row) -> None:
    answer = TASK.constant([])
    assert figures([(HARMFUL, answer), (HARMLESS, answer)], make_row)["balanced"] == 0.5
