"""The whole path at the smallest size: every verb once, twice, and after a stop."""

import json
from pathlib import Path

import pytest
import yaml

from amalia import lineage
from amalia import manifest as manifests
from amalia.errors import ArtifactError, RecipeError
from amalia.inference import Sampling, complete_many, log_probs
from amalia.inference.local import Local
from amalia.pipeline import run as pipelines
from amalia.records import Row
from amalia.store import read_rows

TINY = {
    "name": "tiny",
    "steps": [
        {
            "data": {
                "sets": {
                    "prose": {"make": "prose", "split": "validation"},
                    "captions": {"make": "captions", "split": "train", "rows": 8},
                    "pictures": {"make": "pictures", "split": "train", "rows": 12},
                    "chats": {"make": "chats", "split": "train", "rows": 6},
                    "preferences": {"make": "preferences", "split": "train", "rows": 4},
                    "test": {
                        "make": "samples",
                        "split": "test",
                        "counts": {"naming": 3, "reading": 2, "pointing": 1, "variety": 2},
                    },
                    "showcase": {"make": "samples", "split": "test", "counts": {"describing": 2}},
                },
                "run": {"workers": 1},
            }
        },
        {"tokenizer": {"name": "tokenizer", "texts": ["prose"], "vocab_size": 500}},
        {
            "train": {
                "name": "base",
                "start": {
                    "kind": "language",
                    "tokenizer": "tokenizer",
                    "size": {
                        "hidden": 16,
                        "layers": 1,
                        "heads": 2,
                        "key_value_heads": 1,
                        "feed_forward": 32,
                        "context_tokens": 512,
                    },
                },
                "objective": {"kind": "next_token"},
                "trainable": {"language": {"lr": 0.01}},
                "mixture": [{"artifact": "prose", "weight": 1}],
                "steps": 2,
                "batch": 2,
                "max_tokens": 64,
            }
        },
        {
            "train": {
                "name": "tower",
                "start": {
                    "kind": "siglip",
                    "tokenizer": "tokenizer",
                    "tower": {
                        "image_px": 96,
                        "patch_px": 24,
                        "hidden": 16,
                        "layers": 1,
                        "heads": 2,
                        "feed_forward": 32,
                    },
                    "text": {"max_tokens": 16, "layers": 1, "heads": 2, "feed_forward": 32},
                },
                "objective": {"kind": "contrast"},
                "trainable": {"vision": {"lr": 0.001}, "captions": {"lr": 0.001}},
                "mixture": [{"artifact": "captions", "weight": 1}],
                "steps": 2,
                "batch": 4,
                "max_tokens": 16,
            }
        },
        {
            "train": {
                "name": "longer",
                "start": {
                    "kind": "extended",
                    "language": "base",
                    "extension": {"kind": "yarn", "factor": 2},
                },
                "objective": {"kind": "next_token"},
                "trainable": {"language": {"lr": 0.001}},
                "mixture": [{"artifact": "prose", "weight": 1}],
                "steps": 1,
                "batch": 1,
                "max_tokens": 128,
            }
        },
        {
            "train": {
                "name": "align",
                "start": {
                    "kind": "llava_next",
                    "tower": "tower",
                    "language": "longer",
                    "pinpoints_px": [[96, 96], [96, 192]],
                },
                "objective": {"kind": "next_token"},
                "trainable": {"connector": {"lr": 0.001}},
                "mixture": [{"artifact": "pictures", "weight": 1}],
                "validation": {"artifact": "pictures", "rows": 2, "times": 1},
                "steps": 2,
                "batch": 2,
                "max_tokens": 900,
            }
        },
        {
            "train": {
                "name": "sft",
                "start": {"kind": "model", "model": "align"},
                "objective": {"kind": "next_token"},
                "trainable": {
                    "vision": {"lr": 0.001},
                    "connector": {"lr": 0.001},
                    "language": {"lr": 0.001},
                },
                "mixture": [
                    {"artifact": "pictures", "weight": 0.8},
                    {"artifact": "chats", "weight": 0.2},
                ],
                "steps": 2,
                "batch": 2,
                "max_tokens": 900,
            }
        },
        {
            "train": {
                "name": "dpo",
                "start": {"kind": "model", "model": "sft"},
                "objective": {"kind": "dpo"},
                "trainable": {"language": {"lr": 0.001}},
                "mixture": [{"artifact": "preferences", "weight": 1}],
                "steps": 2,
                "batch": 2,
                "max_tokens": 1000,
            }
        },
        {
            "evaluate": {
                "name": "evaluation",
                "models": ["sft", "dpo"],
                "tasks": [{"samples": "test"}],
            }
        },
        {"answer": {"model": "dpo", "samples": "showcase"}},
    ],
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "pipeline.yaml"
    path.write_text(yaml.safe_dump(TINY, sort_keys=False), "utf-8")
    return path


@pytest.fixture(scope="module")
def finished(
    recipe: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[pipelines.Finished, Path]:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    return pipelines.run(*pipelines.load(recipe), folder), folder


def test_every_step_leaves_a_finished_artifact(
    finished: tuple[pipelines.Finished, Path],
) -> None:
    _, folder = finished
    for name in ("prose", "tokenizer", "tower", "longer", "align", "sft", "dpo", "evaluation"):
        assert manifests.read(folder / name).name == name
    assert not list(folder.glob("*.partial"))
    assert not list(folder.glob("*.lock"))


def test_results_hold_value_interval_blind_and_majority_before_and_after(
    finished: tuple[pipelines.Finished, Path],
) -> None:
    done, folder = finished
    written = json.loads((folder / pipelines.RESULTS_NAME).read_text("utf-8"))
    naming = written["results"]["naming"]["accuracy"]
    assert naming["n"] == 3
    for figures in (naming, naming["before"]):
        assert {"value", "low", "high", "n", "blind", "majority"} <= set(figures)
    assert written["results"]["variety"]["accuracy"]["blind"] is None
    assert written["model"] == str(folder / "dpo")
    assert set(written["seconds"]) >= {"data", "align", "sft", "dpo", "evaluation", "answer"}
    assert written["peak_memory_bytes"] > 0
    assert done.answered is not None


def test_the_report_is_one_file_that_shows_answer_and_tables(
    finished: tuple[pipelines.Finished, Path],
) -> None:
    done, _ = finished
    page = done.report.read_text("utf-8")
    assert done.answered is not None
    assert done.answered.gold in page
    assert "data:image/png;base64," in page
    assert 'src="http' not in page


def test_of_the_showcase_the_likeliest_answer_is_shown(
    finished: tuple[pipelines.Finished, Path],
) -> None:
    done, folder = finished
    rows = list(read_rows(folder / "showcase", kind="samples"))
    prompts = [Row(row.record.prompt, row.images) for row in rows]
    engine = Local.load(folder / "dpo")
    said = [answer.text for answer in complete_many(engine, prompts, Sampling(max_new_tokens=96))]
    likely = [found.total_nats for found in log_probs(engine, prompts, said)]
    surest = likely.index(max(likely))
    assert done.answered is not None
    assert done.answered.num_asked == len(rows) == 2
    assert done.answered.answer == said[surest]
    assert done.answered.gold == rows[surest].record.target
    assert done.answered.picture is not None
    assert done.answered.picture.read_bytes() == next(iter(rows[surest].images.values()))


def test_running_again_makes_nothing_again(
    finished: tuple[pipelines.Finished, Path], recipe: Path
) -> None:
    first, folder = finished
    stamps = {path: path.stat().st_mtime_ns for path in folder.glob("*/manifest.json")}
    again = pipelines.run(*pipelines.load(recipe), folder)
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*/manifest.json")} == stamps
    assert again.results == first.results
    assert again.seconds.keys() == first.seconds.keys()


def test_another_setting_in_the_same_folder_is_refused_by_name(
    finished: tuple[pipelines.Finished, Path], recipe: Path
) -> None:
    _, folder = finished
    with pytest.raises(ArtifactError, match=r"trainable\.connector\.lr: 0\.001 → 0\.5"):
        pipelines.run(*pipelines.load(recipe, ["align.trainable.connector.lr=0.5"]), folder)


def test_only_the_connector_changed_while_aligning(
    finished: tuple[pipelines.Finished, Path],
) -> None:
    from safetensors.torch import load_file

    _, folder = finished
    tower = load_file(folder / "tower" / "model.safetensors")
    joined = load_file(folder / "align" / "model.safetensors")
    for name, value in tower.items():
        assert bool((joined[f"vision_tower.{name}"] == value).all()), name


def test_lineage_ends_in_packages_with_licences(
    finished: tuple[pipelines.Finished, Path],
) -> None:
    _, folder = finished
    lines = "\n".join(lineage.tree(folder / "evaluation"))
    assert "npm:emoji-datasource-google 16.0.0  Apache-2.0" in lines
    assert "  dpo  model" in lines


def test_an_override_for_no_step_is_refused(recipe: Path) -> None:
    with pytest.raises(RecipeError, match=r"names no step; write STEP.KEY=VALUE with STEP one of"):
        pipelines.load(recipe, ["sftt.steps=3"])


def test_seed_reaches_every_recipe_that_has_one(recipe: Path) -> None:
    _, steps = pipelines.load(recipe, ["seed=7"])
    assert [step.seed for step in steps if hasattr(step, "seed")] == [7] * 7


def test_seeds_run_beside_each_other_and_are_reported_as_one(
    finished: tuple[pipelines.Finished, Path], recipe: Path, tmp_path: Path
) -> None:
    first, _ = finished
    merged = pipelines.run_seeds(recipe, [], tmp_path, seeds=[0, 1])
    assert merged.model == tmp_path / "seed-0" / "dpo"
    alone = [
        json.loads((tmp_path / f"seed-{seed}" / pipelines.RESULTS_NAME).read_text("utf-8"))
        for seed in (0, 1)
    ]
    values = [run["results"]["naming"]["accuracy"]["value"] for run in alone]
    written = json.loads((tmp_path / pipelines.RESULTS_NAME).read_text("utf-8"))
    assert written["results"]["naming"]["accuracy"]["seeds"] == values
    assert values[0] == first.results["naming"]["accuracy"]["value"]
    assert "média de 2 sementes" in (tmp_path / pipelines.REPORT_NAME).read_text("utf-8")


@pytest.mark.parametrize("seeds", [[0], [1, 1]])
def test_fewer_than_two_different_seeds_are_refused(
    recipe: Path, tmp_path: Path, seeds: list[int]
) -> None:
    with pytest.raises(RecipeError, match="give two or more different ones, as 0,1,2"):
        pipelines.run_seeds(recipe, [], tmp_path, seeds=seeds)


def test_a_step_with_two_verbs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text("name: x\nsteps:\n  - {data: a.yaml, train: b.yaml}\n", "utf-8")
    with pytest.raises(RecipeError, match=r"exactly one of .*got data, train"):
        pipelines.load(path)


def test_the_recipes_of_the_repository_are_valid() -> None:
    root = Path(__file__).parents[2] / "recipes"
    for path in (root / "mini" / "pipeline.yaml", root / "mini" / "parts.yaml"):
        pipelines.load(path)
