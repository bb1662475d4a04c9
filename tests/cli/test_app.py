"""The command line as a program sees it: exit codes, stdout for results, stderr for the rest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

RECIPES = Path(__file__).parents[2] / "recipes"


def amalia(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "amalia", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
        check=False,
    )


def test_help_names_every_command() -> None:
    done = amalia("--help")
    assert done.returncode == 0
    for verb in (
        "demo",
        "run",
        "data",
        "train",
        "convert",
        "launch",
        "eval",
        "chat",
        "variety",
        "lineage",
        "doctor",
    ):
        assert verb in done.stdout


def test_every_problem_of_a_recipe_is_one_line_each_and_exit_2() -> None:
    done = amalia("data", str(RECIPES / "mini/data.yaml"), "sets.pictures.rows=-3", "seeed=3")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "sets.pictures.rows: got -3" in done.stderr
    assert "seeed: unknown setting; did you mean seed?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_recipe_is_one_line(tmp_path: Path) -> None:
    done = amalia("run", str(tmp_path / "none.yaml"))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: there is no recipe")


@pytest.mark.parametrize("name", ["align", "sft", "dpo", "language"])
def test_a_dry_run_prints_the_resolved_recipe(name: str) -> None:
    done = amalia("train", str(RECIPES / f"mini/{name}.yaml"), "steps=7", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["steps"] == 7


def test_the_demo_dry_run_lists_its_steps() -> None:
    done = amalia("demo", "--dry-run", "seed=5")
    assert done.returncode == 0, done.stderr
    steps = yaml.safe_load(done.stdout)
    assert list(steps) == ["data", "language", "align", "sft", "dpo", "evaluation", "answer"]
    assert steps["sft"]["seed"] == 5


def test_data_of_ones_own_is_counted_with_its_drops(tmp_path: Path) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": "Olá"},
                {"role": "assistant", "content": "Olá!"},
            ]
        },
        {"messages": [{"role": "user", "content": "Está aí alguém?"}]},
    ]
    mine = tmp_path / "mine"
    mine.mkdir()
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (mine / "chats.jsonl").write_text(lines, "utf-8")
    recipe = tmp_path / "data.yaml"
    spec = {
        "make": "folder",
        "path": str(mine),
        "language": "pt-PT",
        "license": "CC0-1.0",
        "max_error_fraction": 0.6,
    }
    recipe.write_text(yaml.safe_dump({"sets": {"mine": spec}}), "utf-8")
    done = amalia("data", str(recipe), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "mine: 1 records; dropped: no_assistant_turn 1\n"


def test_lineage_of_no_artifact_is_one_line(tmp_path: Path) -> None:
    done = amalia("lineage", str(tmp_path / "nothing"))
    assert done.returncode == 2
    assert "does not exist" in done.stderr


def test_variety_reads_lines_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "linhas.txt"
    file.write_bytes("O autocarro está a chegar.\nO ônibus está chegando.\n".encode("cp1252"))
    done = amalia("variety", str(file))
    assert done.returncode == 0, done.stderr
    ours, theirs = (line.split("\t") for line in done.stdout.splitlines())
    assert ours[0] == "pt-PT"
    assert theirs[0] == "pt-BR"
    assert theirs[3] == "ônibus → autocarro; está chegando → está a chegar"


def test_variety_fails_when_a_line_is_not_what_is_required(tmp_path: Path) -> None:
    file = tmp_path / "linhas.txt"
    file.write_text("O autocarro está a chegar.\n\nO ônibus está chegando.\n", "utf-8")
    assert amalia("variety", "--require", "pt-PT", str(file)).returncode == 1
    done = amalia("variety", "--json", str(file))
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["label"] for one in found] == ["pt-PT", "undecided", "pt-BR"]
    assert found[2]["evidence"][0]["span"] == [2, 8]


def test_variety_rewrites_what_is_safe(tmp_path: Path) -> None:
    file = tmp_path / "linhas.txt"
    file.write_text("Dezesseis gêneros de ônibus.\n", "utf-8")
    assert amalia("variety", "--rewrite", str(file)).stdout == "Dezasseis géneros de ônibus.\n"


def test_variety_of_a_missing_file_is_one_line(tmp_path: Path) -> None:
    done = amalia("variety", str(tmp_path / "nada.txt"))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: cannot read")
    assert "Traceback" not in done.stderr
