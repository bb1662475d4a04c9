"""Two logs on the same samples: what is compared, what is named instead, who is better."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import make
import make_log
import pytest

from amalia.evaluate.compare import Comparison, compare
from amalia.evaluate.log import Stored, read_log
from amalia.evaluate.task import Metric, Published, Task, macro_mean
from amalia.records import Sample

RIGHT, WRONG = "gato", "cão"


def stored(
    folder: Path, samples: Sequence[Sample], texts: Sequence[str | None], **more: object
) -> Stored:
    pairs = list(zip(samples, texts, strict=True))
    return read_log(make_log.log(folder, pairs, **more))  # type: ignore[arg-type]


def only(found: Sequence[Comparison]) -> Comparison:
    (item,) = found
    return item


def answered(num_right: int, num_wrong: int) -> list[str | None]:
    return [*[RIGHT] * num_right, *[WRONG] * num_wrong]


@pytest.mark.parametrize(
    ("first", "second", "value", "verdict"),
    [
        (answered(20, 0), answered(8, 12), 0.6, "first"),
        (answered(8, 12), answered(20, 0), -0.6, "second"),
        (answered(11, 9), answered(8, 12), 0.15, "cannot tell"),
        (answered(10, 10), answered(10, 10), 0.0, "cannot tell"),
    ],
)
def test_the_difference_is_of_the_same_samples_and_names_who_is_better(
    tmp_path: Path,
    first: list[str | None],
    second: list[str | None],
    value: float,
    verdict: str,
) -> None:
    samples = make_log.samples(20)
    logs = stored(tmp_path / "a", samples, first), stored(tmp_path / "b", samples, second)
    found = only(compare({"naming": make_log.task()}, *logs))
    assert found.difference is not None
    assert found.difference.value == pytest.approx(value)
    assert found.first == pytest.approx(first.count(RIGHT) / 20)
    assert found.second == pytest.approx(second.count(RIGHT) / 20)
    assert found.difference.low <= value <= found.difference.high
    assert (found.verdict, found.is_headline, found.warning) == (verdict, True, "")


def test_less_is_better_where_the_metric_says_so(tmp_path: Path) -> None:
    def error(score: object, _: Sample) -> float:
        return 1 - score.value  # type: ignore[attr-defined]

    task = make_log.task(metrics=(Metric("cer", error, is_lower_better=True),))
    samples = make_log.samples(20)
    logs = (
        stored(tmp_path / "a", samples, answered(20, 0), tasks=(task,)),
        stored(tmp_path / "b", samples, answered(5, 15), tasks=(task,)),
    )
    found = only(compare({"naming": task}, *logs))
    assert found.difference is not None
    assert found.difference.value == pytest.approx(-0.75)
    assert found.verdict == "first"


def test_holm_takes_all_first_metrics_together_and_further_ones_apart(tmp_path: Path) -> None:
    # Six of six go one way: 2 of 64 ways to fall so or the other way round.
    tasks = [
        make_log.task(name, metrics=(Metric("accuracy"), Metric("again")))
        for name in ("naming", "counting", "reading")
    ]
    samples = [sample for task in tasks for sample in make_log.samples(6, task.name)]
    logs = (
        stored(tmp_path / "a", samples, [RIGHT] * 18, tasks=tasks),
        stored(tmp_path / "b", samples, [WRONG] * 6 + [RIGHT] * 12, tasks=tasks),
    )
    found = compare({task.name: task for task in tasks}, *logs)
    assert [(item.task, item.metric, item.is_headline) for item in found[:3]] == [
        ("naming", "accuracy", True),
        ("naming", "again", False),
        ("counting", "accuracy", True),
    ]
    naming = found[0]
    assert naming.difference is not None
    assert naming.difference.p_value == pytest.approx(2 / 64)
    assert naming.difference.verdict == "first"
    # Three tasks were looked at, so the smallest of three counts three times.
    assert naming.adjusted_p == pytest.approx(6 / 64)
    assert naming.verdict == "cannot tell"
    alone = only(compare({"naming": make_log.task()}, *logs)[:1])
    assert (alone.adjusted_p, alone.verdict) == (pytest.approx(2 / 64), "first")


@pytest.mark.parametrize(
    ("field", "one", "two"),
    [
        ("version", 1, 2),
        ("scoring", "ours", "upstream"),
        ("instruction", "Diz o nome.", "Responde numa palavra."),
        ("revision", "a1", "b2"),
        ("judge", "juiz, 1", "juiz, 2"),
    ],
)
def test_runs_that_were_not_alike_are_named_and_not_compared(
    tmp_path: Path, field: str, one: object, two: object
) -> None:
    samples = make_log.samples(4)
    logs = [
        stored(tmp_path / name, samples, answered(4, 0), specs={"naming": {field: value}})
        for name, value in (("a", one), ("b", two))
    ]
    found = only(compare({"naming": make_log.task()}, *logs))
    assert not found.is_comparable and found.adjusted_p is None
    assert found.verdict == "cannot tell"
    assert found.warning == (
        f"naming: not comparable, the two runs differ in {field} {str(one)!r} and {str(two)!r}"
    )


def test_another_limit_of_tokens_is_compared_with_a_warning(tmp_path: Path) -> None:
    samples = make_log.samples(4)
    logs = [
        stored(tmp_path / str(n), samples, answered(4, 0), specs={"naming": {"max_new_tokens": n}})
        for n in (16, 32)
    ]
    found = only(compare({"naming": make_log.task()}, *logs))
    assert found.is_comparable
    assert found.warning == "naming: the two runs differ in max_new_tokens '16' and '32'"


def test_samples_with_another_question_or_answer_or_one_score_are_counted_and_left_out(
    tmp_path: Path,
) -> None:
    ours = make_log.samples(6)
    theirs = [
        *ours[:3],
        make.sample(("user", "E isto?"), id=ours[3].id).record,
        make.sample(target="cão", id=ours[4].id).record,
        ours[5],
    ]
    logs = (
        stored(tmp_path / "a", ours, answered(6, 0)),
        stored(tmp_path / "b", [*theirs, *make_log.samples(9)[8:]], [*answered(5, 0), None, RIGHT]),
    )
    found = only(compare({"naming": make_log.task()}, *logs))
    assert found.difference is not None
    assert (found.difference.n, found.num_other, found.num_alone) == (3, 2, 2)


def test_nothing_shared_says_so(tmp_path: Path) -> None:
    ours, theirs = make_log.samples(2), make_log.samples(4)[2:]
    logs = (
        stored(tmp_path / "a", ours, answered(2, 0)),
        stored(tmp_path / "b", theirs, answered(2, 0)),
    )
    found = only(compare({"naming": make_log.task()}, *logs))
    assert found.warning == (
        "naming: not comparable, no sample counts for both (0 have another prompt or answer, 4 only one score)"
    )


def test_unknown_tasks_are_named_and_tasks_of_one_log_are_not_there(tmp_path: Path) -> None:
    tasks = [make_log.task(), make_log.task("counting")]
    samples = [*make_log.samples(2), *make_log.samples(2, "counting")]
    logs = (
        stored(tmp_path / "a", samples, answered(4, 0), tasks=tasks),
        stored(tmp_path / "b", samples[:2], answered(2, 0)),
    )
    other = {"naming": make_log.task(metrics=(Metric("other"),))}
    for known in ({}, other):
        assert only(compare(known, *logs)).warning == (
            "naming: not compared, no metric of both logs is known to this version"
        )
    assert [item.task for item in compare({task.name: task for task in tasks}, *logs)] == ["naming"]


def test_groups_are_compared_where_asked(tmp_path: Path) -> None:
    samples = [
        *make_log.samples(8, groups=("claro",)),
        *[
            sample.model_copy(update={"id": f"escuro/{place}", "groups": ("escuro",)})
            for place, sample in enumerate(make_log.samples(8))
        ],
    ]
    logs = (
        stored(tmp_path / "a", samples, answered(16, 0)),
        stored(tmp_path / "b", samples, answered(8, 8)),
    )
    tasks = {"naming": make_log.task()}
    found = compare(tasks, *logs, groups=True)
    assert [(item.group, item.difference and item.difference.value) for item in found] == [
        ("", 0.5),
        ("claro", 0.0),
        ("escuro", 1.0),
    ]
    assert [item.verdict for item in found] == ["first", "cannot tell", "first"]
    assert [item.is_headline for item in found] == [True, False, False]


def test_pooled_metrics_and_those_that_apply_to_some_samples(tmp_path: Path) -> None:
    task = make_log.task(
        metrics=(
            macro_mean("macro", lambda sample: sample.groups[0], unit="%"),
            Metric("even", lambda score, sample: score.value if sample.id[-1] in "02468" else None),
            Metric("never", lambda _score, _sample: None),
        )
    )
    samples = [
        *make_log.samples(9, groups=("a",)),
        make_log.samples(10, groups=("b",))[9],
    ]
    logs = (
        stored(tmp_path / "a", samples, [*answered(9, 0), WRONG], tasks=(task,)),
        stored(tmp_path / "b", samples, answered(0, 10), tasks=(task,)),
    )
    macro, even = compare({"naming": task}, *logs)
    assert (macro.first, macro.second, macro.unit) == (pytest.approx(50.0), 0.0, "%")
    assert macro.difference is not None and macro.difference.value == pytest.approx(50.0)
    assert even.difference is not None and even.difference.n == 5


def test_a_log_scored_as_published_is_compared_by_the_published_metrics(tmp_path: Path) -> None:
    published = Published(make_log.exact, (Metric("exact_match"),))
    ours = make_log.task(metrics=(Metric("accuracy"),), published=published)
    theirs: Task = make_log.task(metrics=(Metric("exact_match"),))
    samples = make_log.samples(8)
    specs = {"naming": {"scoring": "upstream"}}
    logs = (
        stored(tmp_path / "a", samples, answered(8, 0), tasks=(theirs,), specs=specs),
        stored(tmp_path / "b", samples, answered(0, 8), tasks=(theirs,), specs=specs),
    )
    found = only(compare({"naming": ours}, *logs))
    assert (found.metric, found.verdict) == ("exact_match", "first")
