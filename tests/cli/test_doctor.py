"""``amalia doctor``: what is compared with what, and when it counts as broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from amalia.cli import doctor as module
from amalia.cli.doctor import Report, doctor, examine

REQUIRES = [
    "pydantic>=2.8",
    "transformers==4.57.6; extra == 'train'",
    'huggingface-hub<1.0; extra == "train"',
    'torch>=2.6; extra == "train"',
    'fastapi>=0.110; extra == "serve"',
    'amalia[train]; extra == "serve"',
    'pytest>=8; extra == "dev"',
    'amalia[serve,train]; extra == "all"',
]
EXTRAS = ["train", "serve", "corpus", "dev", "all"]
GOOD = {
    "amalia": "0.1.0",
    "pydantic": "2.9.1",
    "transformers": "4.57.6",
    "huggingface-hub": "0.36.2",
    "torch": "2.13.0+cpu",
}


@pytest.fixture
def look(tmp_path: Path):
    def make(changes: dict[str, str | None] | None = None, **more: object) -> Report:
        versions = {**GOOD, **(changes or {})}
        options = {"requires": REQUIRES, "extras": EXTRAS, "version_of": versions.get, **more}
        return examine(options.pop("requires"), files=tmp_path, folder=tmp_path, **options)

    return make


def test_all_is_well(look):
    report = look()
    assert report.problems == ()
    assert [item.name for item in report.packages] == [
        "pydantic",
        "transformers",
        "huggingface-hub",
        "torch",
        "fastapi",
    ]
    assert {extra.name: (extra.is_ready, extra.missing) for extra in report.extras} == {
        "train": (True, ()),
        "serve": (False, ("fastapi",)),
        "corpus": (True, ()),
    }
    assert report.extras[1].command == "pip install 'amalia[serve]'"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"transformers": "5.1.0"}, "transformers is 5.1.0, wanted ==4.57.6"),
        ({"huggingface-hub": "1.2.3"}, "huggingface-hub is 1.2.3, wanted <1.0"),
        ({"pydantic": None}, "pydantic is required and not installed"),
        ({"pydantic": "1.10.2"}, "pydantic is 1.10.2, wanted >=2.8"),
    ],
)
def test_wrong_versions_and_missing_requirements_are_problems(look, changes, problem):
    (found,) = look(changes).problems
    assert found.startswith(problem)
    assert "pip install" in found


def test_parts_that_are_not_installed_are_no_problem(look):
    report = look({"transformers": None, "torch": None, "huggingface-hub": None})
    assert report.problems == ()
    assert report.extras[0].missing == ("transformers", "huggingface-hub", "torch")


def test_torchvision_is_a_warning(look):
    assert not any("torchvision" in text for text in look().warnings)
    (found,) = (text for text in look({"torchvision": "0.28.0"}).warnings if "torchvision" in text)
    assert "pip uninstall torchvision" in found


def test_not_installed_is_a_warning(look):
    report = look(requires=None, extras=[])
    assert report.problems == ()
    assert report.warnings[0].startswith("amalia is not installed")


def test_packaged_files_are_looked_for(look, tmp_path):
    assert look().packaged == {"data": False, "pretrained parts": False}
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "things.parquet").touch()
    (tmp_path / "parts" / "tower").mkdir(parents=True)
    assert look().packaged == {"data": True, "pretrained parts": False}
    (tmp_path / "parts" / "tower" / "model.safetensors").touch()
    assert look().packaged == {"data": True, "pretrained parts": True}
    assert look().warnings == ()


def test_torch_that_does_not_start_is_a_problem(look, monkeypatch):
    def broken() -> None:
        raise OSError("libcudart.so.13: cannot open\nshared object file")

    monkeypatch.setattr(module, "detect", broken)
    report = look()
    assert report.device is None
    assert report.problems == (
        "torch is installed but does not start (libcudart.so.13: cannot open shared object file): "
        "install it again",
    )
    assert not any(ability.is_possible for ability in report.abilities)


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(doctor)
    return app


def test_command_prints_lines_or_one_object(app):
    text = CliRunner().invoke(app, [])
    assert text.exit_code in (0, 1)
    assert text.exit_code == ("\nProblems\n" in text.stdout)
    for title in ("Libraries", "Optional parts", "Inside the package", "What this machine can do"):
        assert f"\n{title}\n" in text.stdout
    report = json.loads(CliRunner().invoke(app, ["--json"]).stdout)
    assert report["machine"]["num_cores"] >= 1
    assert report["machine"]["disk_free_bytes"] > 0
    assert set(report["packaged"]) == {"data", "pretrained parts"}


def test_command_exits_1_when_something_is_broken(app, monkeypatch):
    def broken() -> None:
        raise ImportError("undefined symbol")

    monkeypatch.setattr(module, "detect", broken)
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 1
    assert "torch is installed but does not start (undefined symbol)" in result.stdout
