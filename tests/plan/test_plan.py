"""A whole plan: its text, its problems, and the published size on this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import make
import pytest
import yaml
from typer.testing import CliRunner

from amalia.cli.app import app
from amalia.plan.hardware import Cluster, parsed
from amalia.plan.plan import planned
from amalia.plan.shape import Here
from amalia.plan.text import commented, lines
from amalia.train.stage import Stage

Build = Callable[..., Stage]
RECIPES = Path(__file__).parents[2] / "recipes/amalia-vl-9b"
GOLDEN = Path(__file__).parent / "plan.txt"


def test_the_plan_of_a_small_stage_is_told_line_by_line(
    build_stage: Build, here: Here, processor: Cluster
) -> None:
    stage = build_stage(validation={"artifact": "cores", "rows": 4})
    told = "\n".join(lines(planned(stage, here, processor))) + "\n"
    assert told == GOLDEN.read_text("utf-8")


def test_a_plan_is_json(build_stage: Build, here: Here, processor: Cluster) -> None:
    plan = planned(build_stage(), here, processor)
    told = json.loads(json.dumps(plan.as_json()))
    assert told["problems"] == []
    assert told["memory"]["none"]["1"]["total"] == plan.memory["none"][1].total
    assert [item["reference"] for item in told["ingredients"]] == ["cores", "prosa"]
    assert told["ingredients"][0]["too_long"] == ["comprida"]


def test_what_does_not_fit_is_told_with_a_way_out(build_stage: Build, here: Here) -> None:
    small = replace(parsed("1xH100").each, memory_bytes=3_000_000_000)
    (problem,) = planned(build_stage(), here, Cluster(1, small)).problems
    assert problem.startswith("one H100 has 3.0 GB and would need 3.2 GB with run.shard full")
    assert problem.endswith("take more GPUs with run.shard full, or fewer tokens at once")


def test_a_way_of_checkpointing_that_fits_is_named() -> None:
    stage = Stage.model_validate(yaml.safe_load((RECIPES / "2_sft.yaml").read_text("utf-8")))
    open_ = stage.model_copy(update={"run": stage.run.model_copy(update={"checkpointing": "none"})})
    (problem,) = planned(open_, lambda _: None, parsed("64xH100")).problems
    assert "run.checkpointing full would fit" in problem
    assert planned(stage, lambda _: None, parsed("64xH100")).problems == ()


def test_parts_the_model_has_not_and_records_that_do_not_fit_are_problems(
    build_stage: Build, here: Here, processor: Cluster
) -> None:
    stage = build_stage(
        trainable={"captions": {"lr": 1e-3}},
        max_tokens=8,
        mixture=[{"artifact": "cores", "weight": 1}],
    )
    assert planned(stage, here, processor).problems == (
        "trainable names captions; this model has the parts connector, language, vision",
        "cores: no record fits into 8 tokens; raise max_tokens",
    )


def test_what_is_not_here_is_said_and_the_rest_planned(
    build_stage: Build, here: Here, processor: Cluster
) -> None:
    mixture = [{"artifact": "cores", "weight": 1}, {"artifact": "longe", "weight": 1}]
    plan = planned(build_stage(mixture=mixture), here, processor)
    told = "\n".join(lines(plan))
    assert plan.is_bound
    assert plan.problems == ()
    assert "├─ cores  weight 1 (50.0%)  13 rows\n" in told
    assert (
        "└─ longe  weight 1 (50.0%)  not on this machine, so its records are not looked at" in told
    )
    assert "each of 4 steps, as its records are not here: at most 384 tokens" in told


def test_without_model_and_sizes_pictures_are_still_looked_at(
    build_stage: Build, here: Here, processor: Cluster
) -> None:
    stage = build_stage(start={"kind": "model", "model": "longe"})
    told = lines(planned(stage, here, processor))
    assert told[0].startswith("model: what it starts from is not on this machine")
    assert "│  its tokens are not counted: the tokenizer is not on this machine" in told
    assert not any(line.startswith("memory") for line in told)


def test_a_recipe_with_its_plan_below_is_still_the_recipe() -> None:
    text = commented("steps: 7", ["model: x", "", "time: y"])
    assert text == "steps: 7\n\n# model: x\n#\n# time: y"
    assert yaml.safe_load(text) == {"steps": 7}


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_the_published_size_is_planned_here_in_seconds() -> None:
    began = time.monotonic()
    done = run("train", str(RECIPES / "2_sft.yaml"), "--dry-run")
    assert time.monotonic() - began < 10
    assert done.exit_code == 0, done.output
    assert yaml.safe_load(done.stdout)["packing"] == {"tokens": 16384, "tiles": 48, "window": 64}
    for line in (
        "# model: LlavaNextForConditionalGeneration, 9,586,845,936 parameters (9.59 B), 9,586,845,936 train; "
        "sizes from run.plan.sizes",
        "#    language                                  9,152,319,488  lr 1e-05",
        "#               layers × 42                    8,103,739,392",
        "# each of 49,000 steps, as its records are not here: at most 1,048,576 tokens, 3,072 tiles",
        "# memory of one H100: 29.3 of 80.0 GB, with run.shard full, run.checkpointing full",
        "# time: at most 41.4 h on 64xH100 (2,648 hours of one)",
    ):
        assert line in done.stdout.splitlines()


@pytest.mark.parametrize("name", ["0_cpt", "1_align", "3_dpo"])
def test_every_recipe_of_the_published_size_fits_where_it_is_planned(name: str) -> None:
    done = run("train", str(RECIPES / f"{name}.yaml"), "--dry-run", "--json")
    assert done.exit_code == 0, done.output
    plan = json.loads(done.stdout)["plan"]
    assert plan["problems"] == []
    assert plan["sizes"]["modules"][-1] == {
        "part": "language",
        "name": "lm_head",
        "repeats": 1,
        "count": 524_288_000,
    }


def test_another_cluster_is_planned_for_on_request_and_too_small_a_one_is_exit_1() -> None:
    done = run("train", str(RECIPES / "2_sft.yaml"), "--dry-run", "--on", "8xA100-40GB")
    assert done.exit_code == 1
    assert "# problem: one A100-40GB has 40.0 GB and would need 46.1 GB" in done.stdout


def test_an_unknown_gpu_is_one_line() -> None:
    done = run("train", str(RECIPES / "2_sft.yaml"), "--dry-run", "--on", "8xB52")
    assert str(done.exception).startswith("cannot plan for '8xB52'; write NUMBERxGPU")


def test_a_bad_picture_fails_the_dry_run_by_name(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    row = make.conversation(("user", make.picture(), "Que cor?"), ("assistant", "Azul."), id="má")
    wrong = row.record.model_copy(
        update={
            "turns": tuple(
                turn.model_copy(
                    update={
                        "parts": tuple(
                            part.model_copy(update={"width_px": 21})
                            if part.type == "image"
                            else part
                            for part in turn.parts
                        )
                    }
                )
                for turn in row.record.turns
            )
        }
    )
    make.write_artifact(tmp_path / "dados", "conversations", [row._replace(record=wrong)])
    tree = {
        "name": "x",
        "start": {"kind": "model", "model": str(tiny_model)},
        "objective": {"kind": "next_token"},
        "trainable": {"connector": {"lr": 1e-3}},
        "mixture": [{"artifact": "dados", "weight": 1}],
        "steps": 1,
        "batch": 1,
        "max_tokens": 96,
    }
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(tree), "utf-8")
    done = run("train", "r.yaml", "--dry-run")
    assert done.exit_code == 1
    assert "problem: dados: 1 of 1 records cannot be used, the first má: picture" in done.stdout
    assert "is 20 × 12 px, recorded as 21 × 12" in done.stdout
