"""``amalia launch slurm`` prints or submits what it was told, and says where it put what it could not submit."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from amalia import recipe as recipes
from amalia.cli.app import app
from amalia.errors import LaunchError, RecipeError
from amalia.train.slurm import Cluster

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "recipes/mini"


def launched(*words: str | Path) -> str:
    """What is printed; an error is raised."""
    result = CliRunner().invoke(app, ["launch", "slurm", *map(str, words)])
    if result.exception:
        raise result.exception
    return result.stdout


def test_a_dry_run_prints_one_script_for_each_recipe_and_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    printed = launched(
        *(RECIPES / "align.yaml", RECIPES / "sft.yaml", "seed=3"),
        *("--nodes", "4", "--prelude", "module load a", "--prelude", "module load b"),
        *("--out", out, "--dry-run"),
    )
    assert printed.count("#!/bin/bash\n") == 2
    assert re.findall("^#SBATCH --job-name=(.+)", printed, re.M) == ["align", "sft"]
    assert printed.count("#SBATCH --nodes=4\n") == 2
    assert printed.count("\nmodule load a\nmodule load b\n") == 2
    assert f"train {out}/slurm/sft.yaml seed=3 --out {out}/sft &" in printed
    assert not out.exists()


def test_options_win_over_the_file_of_the_cluster(tmp_path: Path) -> None:
    file = tmp_path / "mn5.yaml"
    file.write_text('{nodes: 2, time: "1:00:00", account: a}')
    printed = launched(
        *(RECIPES / "sft.yaml", "--cluster", file, "--nodes", "8", "--time", "2-0", "--dry-run")
    )
    options = re.findall("^#SBATCH (.+)", printed, re.M)
    assert {"--nodes=8", "--time=2-0", "--account=a"} <= {*options}


def test_where_there_is_no_sbatch_the_script_is_written_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LaunchError) as refused:
        launched(RECIPES / "sft.yaml", "--out", tmp_path / "runs")
    script = tmp_path / "runs/slurm/sft.sh"
    assert str(refused.value) == (
        f"there is no sbatch on this machine; {script} was written: submit it where Slurm is"
    )
    assert script.read_text().startswith("#!/bin/bash\n#SBATCH --job-name=sft\n")


def test_submitted_jobs_are_named_with_their_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sbatch = tmp_path / "sbatch"
    sbatch.write_text("#!/bin/bash\necho 12\n")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    assert launched(RECIPES / "sft.yaml") == (
        f"sft: job 12, log {tmp_path}/runs/mini/slurm/sft-12.log\n"
    )


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no recipe among the arguments"):
        launched("steps=3")
    with pytest.raises(RecipeError, match=r"the command line has 1 problem:\n  nodes: got 0"):
        launched(RECIPES / "sft.yaml", "--nodes", "0")
    with pytest.raises(RecipeError, match="steps: got 0"):
        launched(RECIPES / "sft.yaml", "steps=0", "--out", tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_the_page_about_clusters_names_every_setting_and_its_examples_hold() -> None:
    page = (ROOT / "docs/cluster.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", page, re.M))
    defaults = {name: str(field.default or "–") for name, field in Cluster.model_fields.items()}
    assert {name: default.strip("`") for name, default in rows.items()} == {
        name: "–" if default == "()" else default for name, default in defaults.items()
    }
    (shown,) = re.findall(r"^```\n(# What `amalia launch.*?)^```$", page, re.M | re.S)
    assert recipes.parse(yaml.safe_load(shown), Cluster, name="docs").nodes == 16
