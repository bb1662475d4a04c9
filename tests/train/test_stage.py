"""A stage as data: schedule by hand, contradictions refused, references found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from amalia.errors import RecipeError
from amalia.recipe import fingerprint, parse
from amalia.train.stage import Schedule, Stage, resolve

SFT: dict[str, Any] = {
    "name": "sft",
    "start": {"kind": "model", "model": "aligned"},
    "objective": {"kind": "next_token"},
    "trainable": {"language": {"lr": "2e-4"}},
    "mixture": [{"artifact": "conversas", "weight": 3}, {"artifact": "prosa", "weight": 1}],
    "steps": 100,
    "batch": 8,
    "max_tokens": 256,
}
PAIR: dict[str, Any] = {
    **SFT,
    "start": {
        "kind": "siglip",
        "tokenizer": "palavras",
        "tower": {
            "image_px": 16,
            "patch_px": 8,
            "hidden": 32,
            "layers": 1,
            "heads": 2,
            "feed_forward": 64,
        },
        "text": {"max_tokens": 8, "layers": 1, "heads": 2, "feed_forward": 64},
    },
    "objective": {"kind": "contrast"},
    "trainable": {"vision": {"lr": 1e-3}},
}


def stage(tree: dict[str, Any] = SFT, **changes: Any) -> Stage:
    return Stage.model_validate({**tree, **changes})


def test_a_schedule_warms_up_and_decays() -> None:
    cosine = Schedule(warmup_fraction=0.1, decay="cosine", final_fraction=0.0)
    found = [cosine.at(step, 20) for step in range(20)]
    assert found[:3] == [0.5, 1.0, 1.0]
    assert found[11] == pytest.approx(0.5)
    assert found[19] == pytest.approx(0.0075961, rel=1e-4)  # (1 + cos(17/18 π)) / 2
    assert found[2:] == sorted(found[2:], reverse=True)


def test_linear_and_constant_schedules() -> None:
    linear = Schedule(warmup_fraction=0, decay="linear", final_fraction=0.1)
    assert [linear.at(step, 4) for step in range(4)] == pytest.approx([1.0, 0.775, 0.55, 0.325])
    constant = Schedule(warmup_fraction=0.5, decay="none")
    assert [constant.at(step, 4) for step in range(4)] == [0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("decay", ["cosine", "linear", "none"])
@pytest.mark.parametrize("steps", [1, 2, 3, 1000])
def test_the_rate_is_never_zero_and_never_above_its_peak(decay: Any, steps: int) -> None:
    schedule = Schedule(decay=decay)
    assert all(0 < schedule.at(step, steps) <= 1 for step in range(steps))


@pytest.mark.parametrize(
    ("tree", "changes", "said"),
    [
        (
            SFT,
            {"run": {"micro_batch": 3}},
            "batch 8 is not a multiple of run.micro_batch 3; change one",
        ),
        (
            SFT,
            {"objective": {"kind": "contrast"}},
            "objective contrast trains a pair; use start.kind siglip",
        ),
        (
            SFT,
            {"objective": {"kind": "dpo", "loss": "ipo", "label_smoothing": 0.1}},
            "loss ipo has no label_smoothing; leave it at 0",
        ),
        (
            SFT,
            {"objective": {"kind": "dpo", "loss": "robust"}},
            "loss robust needs label_smoothing above 0",
        ),
        (PAIR, {"objective": {"kind": "dpo"}}, "a SigLIP pair has no dpo objective; use contrast"),
        (PAIR, {"run": {"micro_batch": 4}}, "compares a whole batch; leave run.micro_batch at 0"),
        (
            PAIR,
            {"start": {**PAIR["start"], "letters": "abca"}},
            "a repeated; name every letter once",
        ),
        (SFT, {"trainable": {}}, "at least 1 item"),
        (SFT, {"trainable": {"tongue": {"lr": 1}}}, "'vision', 'connector', 'language'"),
        (SFT, {"mixture": [{"artifact": "a", "weight": 0}]}, "greater than 0"),
        (SFT, {"name": "Fase 1"}, "match pattern"),
        (SFT, {"steps": 0}, "greater than 0"),
    ],
)
def test_contradictions_are_refused(
    tree: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        parse({**tree, **changes}, Stage, name="stage")
    assert said in str(caught.value)
    assert str(caught.value).startswith("stage has 1 problem:")


def test_execution_is_not_identity() -> None:
    assert fingerprint(stage()) == fingerprint(stage(run={"micro_batch": 2, "device": "cpu"}))
    assert fingerprint(stage()) != fingerprint(stage(seed=1))
    assert stage().trainable["language"].lr == 0.0002


def test_a_stage_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        stage().steps = 5


def test_references_are_everything_that_is_read_once() -> None:
    validation = {"artifact": "prosa"}
    assert stage(validation=validation).references() == ["aligned", "conversas", "prosa"]
    assert stage(PAIR).references() == ["palavras", "conversas", "prosa"]
    parts = {
        "kind": "llava_next",
        "tower": "package:tower",
        "language": "lm",
        "pinpoints_px": [[16, 16]],
    }
    assert stage(start=parts).references() == ["lm", "package:tower", "conversas", "prosa"]


def test_a_reference_is_a_packaged_part_a_neighbour_or_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, parts, elsewhere = tmp_path / "runs", tmp_path / "parts", tmp_path / "elsewhere"
    (runs / "prosa").mkdir(parents=True)
    elsewhere.mkdir()
    assert resolve("package:tower", runs, parts) == parts / "tower"
    assert resolve("prosa", runs, parts) == runs / "prosa"
    assert resolve(str(elsewhere), runs, parts) == elsewhere
    monkeypatch.chdir(tmp_path)
    assert resolve("elsewhere", runs, parts) == Path("elsewhere")
    # What is nowhere is reported as missing where it was expected.
    assert resolve("nowhere", runs, parts) == runs / "nowhere"
