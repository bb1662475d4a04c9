"""A stage as data: schedule by hand, contradictions refused, references found."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from amalia.errors import ArtifactError, RecipeError
from amalia.recipe import fingerprint, parse
from amalia.train.schedule import Schedule
from amalia.train.stage import Stage, resolve

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

PARTS = {"kind": "llava_next", "tower": "torre", "language": "lm"}
EXTENDED = {"kind": "extended", "language": "lm"}


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


def test_warm_up_stable_decay() -> None:
    wsd = Schedule(warmup_fraction=0.2, stable_fraction=0.4, decay="sqrt", final_fraction=0)
    assert [wsd.at(step, 10) for step in range(10)] == pytest.approx(
        [0.5, 1, 1, 1, 1, 1, 1, 0.5, 1 - math.sqrt(0.5), 1 - math.sqrt(0.75)]
    )
    cosine = Schedule(warmup_fraction=0, stable_fraction=0.5, final_fraction=0.2)
    assert [cosine.at(step, 4) for step in range(4)] == pytest.approx([1, 1, 1, 0.6])


def test_inverse_square_root() -> None:
    slow = Schedule(warmup_fraction=0.1, decay="inverse_sqrt", final_fraction=0.4)
    found = [slow.at(step, 100) for step in range(100)]
    assert found[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    # From step 10 on as the root of 10 / step, so half at four times the warm-up.
    assert (found[10], found[40], found[62]) == pytest.approx((1.0, 0.5, math.sqrt(10 / 62)))
    assert found[63:] == [0.4] * 37
    bare = Schedule(warmup_fraction=0, decay="inverse_sqrt", final_fraction=0)
    assert [bare.at(step, 4) for step in range(4)] == pytest.approx(
        [1, 1 / math.sqrt(2), 1 / math.sqrt(3), 0.5]
    )


@given(
    warmup=st.floats(0, 0.5),
    stable=st.floats(0, 0.45),
    decay=st.sampled_from(["cosine", "linear", "sqrt", "inverse_sqrt"]),
    final=st.floats(0, 1),
    steps=st.sampled_from([1, 2, 3, 10, 1000]),
)
def test_the_rate_rises_then_falls_and_is_never_zero_nor_above_its_peak(
    warmup: float, stable: float, decay: Any, final: float, steps: int
) -> None:
    schedule = Schedule(
        warmup_fraction=warmup, stable_fraction=stable, decay=decay, final_fraction=final
    )
    found = [schedule.at(step, steps) for step in range(steps)]
    assert all(0 < rate <= 1 + 1e-12 for rate in found)
    rising = round(warmup * steps)
    assert found[:rising] == sorted(found[:rising])
    falling = found[max(0, rising - 1) :]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(falling))


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
        (
            SFT,
            {"schedule": {"decay": "none", "stable_fraction": 0.5}},
            "decay none is stable to the end; leave stable_fraction at 0",
        ),
        (
            SFT,
            {"trainable": {"language": {"lr": 1, "schedule": {"stable_fraction": 0.95}}}},
            "warmup_fraction 0.05 and stable_fraction 0.95 leave no steps to decay in; lower one",
        ),
        (SFT, {"trainable": {"language": {"lr": 1, "weight_decay": -1}}}, "greater than or equal"),
        (SFT, {"trainable": {"language": {"lr": 1, "lora": {"rank": 0}}}}, "greater than 0"),
        (SFT, {"trainable": {"language": {"lr": 1, "lora": {"targets": []}}}}, "at least 1 item"),
        (
            SFT,
            {"trainable": {"language": {"lr": 1, "lora": {"rslora": True}}}},
            "twice the rank is too much for that; give alpha, for example 16",
        ),
        (
            SFT,
            {
                "trainable": {
                    "vision": {"lr": 1, "lora": {}},
                    "language": {"lr": 1, "lora": {"alpha": 16, "rslora": True}},
                }
            },
            "rslora differs between vision and language; adapters of one model share it",
        ),
        (
            SFT,
            {"trainable": {"language": {"lr": 1, "lora": {}}}, "optimizer": "muon"},
            "optimizer muon leaves adapters to AdamW and nothing else trains; use adamw",
        ),
        (
            SFT,
            {
                "start": {**PARTS, "pinpoints_px": [[16, 16]]},
                "trainable": {"connector": {"lr": 1, "lora": {}}},
            },
            "the connector of start llava_next is new and has nothing to adapt",
        ),
        (
            PAIR,
            {"trainable": {"vision": {"lr": 1, "lora": {}}}},
            "start siglip is new and has nothing to adapt; leave out lora",
        ),
        (
            SFT,
            {"start": {**EXTENDED, "extension": {"kind": "yarn", "factor": 2, "rope_theta": 1e6}}},
            "kind yarn keeps the base of the rotary positions; leave out rope_theta, or use kind theta",
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
    (parts / "tower").mkdir(parents=True)
    (parts / "tower/config.json").touch()
    assert resolve("package:tower", runs, parts) == parts / "tower"
    assert resolve("prosa", runs, parts) == runs / "prosa"
    assert resolve(str(elsewhere), runs, parts) == elsewhere
    monkeypatch.chdir(tmp_path)
    assert resolve("elsewhere", runs, parts) == Path("elsewhere")
    # What is nowhere is reported as missing where it was expected.
    assert resolve("nowhere", runs, parts) == runs / "nowhere"


def test_a_part_that_does_not_ship_is_refused_with_those_that_do(tmp_path: Path) -> None:
    for name, file in (("tower", "config.json"), ("language", "manifest.json")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
    with pytest.raises(ArtifactError, match=r"package:language does not .* one of package:tower$"):
        resolve("package:language", tmp_path, tmp_path)
