"""P3B3: conversations under three conditions, our detector, a judge, and any other classifier."""

import pytest

from amalia.evaluate.scoring import merge
from amalia.evaluate.source import Failed
from amalia.evaluate.tasks import p3b3

ROW = {"id": "p7", "value": ["Como vou de Lisboa ao Porto?", "E de carro?", "Quanto custa?"]}
EUROPEAN = "Podes apanhar o comboio na estação. Está a chover, por isso leva o guarda-chuva."
BRAZILIAN = "Você pode pegar o trem ou o ônibus. Está chovendo, então leve o guarda-chuva."


def test_a_conversation_is_held_three_times(samples_from) -> None:
    rows = [row.record for row in samples_from(p3b3.TASK, ROW)]
    assert [(row.id, row.groups) for row in rows] == [
        ("p3b3/p7-none", ("condition:none",)),
        ("p3b3/p7-pt-PT", ("condition:pt-PT",)),
        ("p3b3/p7-pt-BR", ("condition:pt-BR",)),
    ]
    assert [row.prompt.turns[-1].text for row in rows] == [
        "Como vou de Lisboa ao Porto?",
        "Escreve tudo em português de Portugal.\nComo vou de Lisboa ao Porto?",
        "Escreve tudo em português do Brasil.\nComo vou de Lisboa ao Porto?",
    ]
    assert {row.follow_ups for row in rows} == {("E de carro?", "Quanto custa?")}
    assert {row.cluster for row in rows} == {"p7"}


@pytest.mark.parametrize("change", [{"value": None}, {"value": [[]]}, {"id": None}])
def test_a_row_that_is_wrong_says_why(samples_from, change) -> None:
    (found,) = samples_from(p3b3.TASK, ROW | change)
    assert isinstance(found, Failed)


def test_the_detector_tells_the_two_apart(make_row) -> None:
    sample = make_row().record
    ours, theirs = p3b3.score(EUROPEAN, sample), p3b3.score(BRAZILIAN, sample)
    assert ours.value > 0.9
    assert ours.answer == "pt-PT"
    assert theirs.value < 0.1
    assert theirs.answer.startswith("pt-BR: Você")
    assert "ônibus" in theirs.answer


def test_another_language_is_not_european_and_nothing_is_unreadable(make_row) -> None:
    sample = make_row().record
    english = p3b3.score("You can take the train from the station to the city centre.", sample)
    assert (english.value, english.answer, english.readable) == (0.0, "other", True)
    assert not p3b3.score(" \n", sample).readable


def test_a_long_text_is_parted_evenly() -> None:
    assert p3b3.pieces("um dois") == ["um dois"]
    assert [len(piece.split()) for piece in p3b3.pieces("palavra " * 700)] == [234, 234, 232]


def test_figures_are_of_turns(make_row) -> None:
    sample = make_row().record
    english = "One two three, this is English."
    held = merge([p3b3.score(text, sample) for text in (EUROPEAN, BRAZILIAN, english)])
    alone = p3b3.score(EUROPEAN, sample)
    figures = {
        metric.name: float(
            metric.combine(metric.statistics([held, alone], [sample] * 2).sum(axis=0))
        )
        for metric in p3b3.TASK.metrics
    }
    assert figures["brazilian"] == figures["not_portuguese"] == 25
    assert figures["european"] == pytest.approx(
        100 * (2 * alone.value + p3b3.score(BRAZILIAN, sample).value) / 4
    )


def judged(*replies: str, make_row, published: bool = False) -> dict[str, float]:
    sample = make_row().record
    task = p3b3.JUDGED.published if published else p3b3.JUDGED
    score = merge([task.score(reply, sample) for reply in replies])
    return {
        metric.name: float(metric.combine(metric.statistics([score], [sample]).sum(axis=0)))
        for metric in task.metrics
    }


def reply(score, not_pt=False, invalid=False) -> str:
    flags = f'"not_pt": {str(not_pt).lower()}, "invalid": {str(invalid).lower()}'
    return f'{{"reasoning": "r", "score": {score}, {flags}}}'


def test_a_judge_leaves_out_what_is_not_portuguese(make_row) -> None:
    replies = (reply(9), reply(4, invalid=True), reply(0, not_pt=True), reply(8))
    assert judged(*replies, make_row=make_row) == {
        "european": 70,
        "pct_not_pt": 25,
        "pct_invalid": 25,
    }
    # Computed with the published program.
    assert judged(*replies, make_row=make_row, published=True) == {
        "llm_judge_score": 52.5,
        "pct_not_pt": 25,
        "llm_judge_score_no_not_pt": 70,
        "pct_invalid": 25,
        "llm_judge_score_no_invalid": 56.7,
        "llm_judge_score_no_both": 85,
    }


def test_where_nothing_is_portuguese_there_is_no_mean(make_row) -> None:
    found = judged(reply("null", not_pt=True), make_row=make_row)
    assert found["european"] != found["european"]
    assert found["pct_not_pt"] == 100


@pytest.mark.parametrize(
    ("text", "ours", "published"),
    [
        ('{"reasoning": "usa } aqui", "score": 8, "not_pt": false, "invalid": false}', "8", "unread"),
        ('{"reasoning": "", "score": 11, "not_pt": false, "invalid": false}', "", "11"),
        ('{"reasoning": "", "score": 7.5, "not_pt": false, "invalid": false}', "", "7.5"),
        ('{"score": 8}', "8", "unread"),
        (
            '```json\n{"reasoning": "", "score": "8", "not_pt": true, "invalid": true}\n```',
            "not_pt invalid",
            "8 not_pt invalid",
        ),
        ("É europeu.", "", "unread"),
    ],
)  # fmt: skip
def test_replies_that_are_read_differently(make_row, text, ours, published) -> None:
    found = p3b3.JUDGED.score(text, make_row().record)
    assert (found.answer, found.readable) == (ours, bool(ours))
    assert p3b3.JUDGED.published.score(text, make_row().record).answer == published


def test_any_classifier_will_do(make_row) -> None:
    task = p3b3.classified("p3b3_tamanho", lambda texts: [len(text) / 100 for text in texts])
    sample = make_row().record
    score = merge([task.score("a" * 50, sample), task.score("a" * 25, sample)])
    (metric,) = task.metrics
    assert score.answer == "0.500; 0.250"
    assert metric.combine(metric.statistics([score], [sample]).sum(axis=0)) == 37.5
