"""The log of a stage: one line for each step, and the same numbers for who else is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from amalia.train.log import Account, StageLog
from amalia.train.micro_batch import MicroBatch
from amalia.train.skipped import Skip
from amalia.train.step import StepResult

ACCOUNT = Account.of(
    [
        MicroBatch(Any, 30, 4, names=("a", "b"), sources=("cores", "prosa")),
        MicroBatch(Any, 12, 0, names=("c",), sources=("cores",)),
    ]
)
TRAINED = StepResult(
    loss=1.5,
    grad_norm=5.0,
    metrics={"token_accuracy": 0.5},
    groups={"cores": 1.25, "prosa": 2.0},
    counts={"cores": 8, "prosa": 4},
    grad_norms={"connector": 3.0, "language": 4.0},
    predicted=(8, 4),
)
MEASURED = StepResult(2.5, 0.0, {"token_accuracy": 0.25}, {}, {}, {}, (6,))


class Told:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.values: list[tuple[int, dict[str, float]]] = []

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self.values.append((step, dict(values)))

    def close(self) -> None:
        pass


def lines(path: Path) -> list[dict[str, Any]]:
    """The log without its times."""
    entries = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert all(entry.pop("seconds") >= 0 for entry in entries)
    return entries


def test_a_line_has_losses_by_source_norms_by_part_and_whatever_else_there_is(
    tmp_path: Path,
) -> None:
    log = StageLog(tmp_path / "log.jsonl", 0)
    log.write(0, "validation", MEASURED)
    log.write(1, "train", TRAINED, account=ACCOUNT, figures={"lr_connector": 0.001, "mfu": 0.4})
    assert lines(tmp_path / "log.jsonl") == [
        {"step": 0, "series": "validation", "loss": 2.5, "token_accuracy": 0.25},
        {
            "step": 1,
            "series": "train",
            "loss": 1.5,
            "token_accuracy": 0.5,
            "loss_of": {"cores": 1.25, "prosa": 2.0},
            "count_of": {"cores": 8, "prosa": 4},
            "rows": {"cores": 2, "prosa": 1},
            "tokens": 42,
            "tiles": 4,
            "grad_norm": 5.0,
            "grad_norm_of": {"connector": 3.0, "language": 4.0},
            "lr_connector": 0.001,
            "mfu": 0.4,
        },
    ]
    assert (log.tokens, log.tiles) == (42, 4)


def test_a_tracker_is_told_flat_numbers_of_steps_and_validations_only(tmp_path: Path) -> None:
    told = Told()
    log = StageLog(tmp_path / "log.jsonl", 0, told)
    log.write(0, "validation", MEASURED)
    log.write(1, "train", TRAINED, account=ACCOUNT, figures={"mfu": 0.4})
    log.refuse(2, ACCOUNT)
    assert told.values == [
        (0, {"validation/loss": 2.5, "validation/token_accuracy": 0.25}),
        (
            1,
            {
                "train/loss": 1.5,
                "train/token_accuracy": 0.5,
                "train/loss_of/cores": 1.25,
                "train/loss_of/prosa": 2.0,
                "train/count_of/cores": 8.0,
                "train/count_of/prosa": 4.0,
                "train/rows/cores": 2.0,
                "train/rows/prosa": 1.0,
                "train/tokens": 42.0,
                "train/tiles": 4.0,
                "train/grad_norm": 5.0,
                "train/grad_norm_of/connector": 3.0,
                "train/grad_norm_of/language": 4.0,
                "train/mfu": 0.4,
            },
        ),
    ]


@pytest.mark.parametrize("cut_short", ["", '{"step": 4, "ser'])
def test_going_on_drops_what_comes_after_and_counts_what_came_before(
    tmp_path: Path, cut_short: str
) -> None:
    path = tmp_path / "log.jsonl"
    log = StageLog(path, 0)
    for step in (1, 2, 3):
        log.write(step, "train", TRAINED, account=ACCOUNT)
    with path.open("a") as file:
        file.write(cut_short)
    again = StageLog(path, 2)
    assert [entry["step"] for entry in lines(path)] == [1, 2]
    assert (again.tokens, again.tiles) == (84, 8)
    again.refuse(3, ACCOUNT)
    assert lines(path)[-1] == {
        "step": 3, "series": "refused", "rows": {"cores": 2, "prosa": 1}, "tokens": 42, "tiles": 4,
        "records": ["a", "b", "c"],
    }  # fmt: skip


def test_records_passed_over_are_named_once_and_counted_by_reason(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = StageLog(path, 0)
    long, broken = (
        Skip("cores", "c3", "too long: 99 tokens"),
        Skip("cores", "cores[5]", "no picture"),
    )
    log.skip(1, [long, broken])
    log.skip(2, [long])
    assert [(entry["record"], entry["reason"]) for entry in lines(path)] == [
        ("c3", "too long: 99 tokens"),
        ("cores[5]", "no picture"),
    ]
    assert (log.num_too_long, log.num_unreadable) == (1, 1)
    again = StageLog(path, 1)
    again.skip(2, [long, broken])
    assert (again.num_too_long, again.num_unreadable, len(lines(path))) == (1, 1, 2)


def test_what_processes_say_is_put_together_and_the_first_decides_what_is_due() -> None:
    other = ACCOUNT._replace(is_due=True, is_asked=True, skipped=[Skip("a", "b", "c")])
    every = Account.of_all([ACCOUNT, other])
    assert every.rows == {"cores": 4, "prosa": 2}
    assert (every.tokens, every.tiles, len(every.records)) == (84, 8, 6)
    assert (every.is_due, every.is_asked, len(every.skipped)) == (False, True, 1)


def test_a_process_that_is_not_the_first_writes_nothing(tmp_path: Path) -> None:
    log = StageLog(tmp_path / "log.jsonl", 0, is_kept=False)
    log.write(1, "train", TRAINED, account=ACCOUNT)
    assert log.tokens == 42
    assert not (tmp_path / "log.jsonl").exists()
