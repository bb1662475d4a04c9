"""What the docs say holds: links, paths, commands, recipes, keys, examples and counts."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import make
import pytest
import typer
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from amalia import pack
from amalia import recipe as recipes
from amalia.cli.app import app
from amalia.corpus.fetch import sources
from amalia.corpus.folder import read_folder
from amalia.guard.policy import Policy
from amalia.pipeline import run as pipelines
from amalia.pipeline.corpus_recipe import CorpusRecipe
from amalia.pipeline.datasets import DataRecipe
from amalia.pipeline.evaluation_recipe import EvaluationRecipe
from amalia.pipeline.judging import JudgeRecipe
from amalia.pipeline.replays import ReplayRecipe
from amalia.records import Row
from amalia.serve.recipe import ServeRecipe
from amalia.synth.chats import TEXT_WEIGHTS
from amalia.synth.conversations import PICTURE_WEIGHTS
from amalia.synth.preferences import PREFERENCE_WEIGHTS
from amalia.synth.samples import TASKS
from amalia.train.stage import Stage

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))
TAKE_RECIPES = ("demo", "run", "data", "train", "eval", "launch")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def blocks(page: Path, language: str) -> list[str]:
    """Give the fenced blocks of a language, ``""`` for none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    return [text for kind, text in found if kind == language]


def commands(page: Path) -> list[list[str]]:
    """Give the shell lines, which stand indented by four blanks."""
    lines = re.findall(r"^ {4}(amalia .+)$", page.read_text("utf-8"), re.M)
    return [shlex.split(line.partition(" #")[0])[1:] for line in lines]


def anchors(page: Path) -> set[str]:
    """Give what a link may name after ``#``: the headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'<img src="([^"]+)"', text)
    for target in targets:
        assert "://" not in target, f"{target} leaves the repository"
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(there), f"{page.name} links to {target}"


@pages
def test_paths_of_the_repository_exist(page: Path) -> None:
    quoted = re.findall(
        r"`([\w./-]+/[\w.-]+\.(?:py|yaml|toml|md|tsv|txt))`", page.read_text("utf-8")
    )
    bases = (ROOT, ROOT / "src/amalia", ROOT / "recipes")
    assert [path for path in quoted if not any((base / path).is_file() for base in bases)] == []


def test_the_tree_of_the_readme_exists() -> None:
    (tree,) = blocks(ROOT / "README.md", "")
    above: list[str] = []
    for line in tree.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        above[depth:] = [name]
        path = ROOT.joinpath(*above)
        assert path.is_dir() if name.endswith("/") else path.is_file(), line
    listed = {line.split()[0].rstrip("/") for line in tree.splitlines()}
    for path in (ROOT / "src/amalia").iterdir():
        assert path.name in listed or path.name.startswith("__"), path.name


@pages
def test_commands_exist_with_their_options(page: Path) -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    mentioned = re.findall(r"`amalia ([a-z]+)", page.read_text("utf-8"))
    assert sorted({*mentioned} - known.keys()) == []
    for verb, *words in commands(page):
        assert verb in known, verb
        command = known[verb]
        if verb in ("keys", "audit"):
            command = command.commands[words[0]]
        elif verb in ("data", "eval"):  # ``data RECIPE`` is short for ``data build RECIPE``
            command = command.commands.get(words[0], command.commands["build"])
        elif verb == "launch":
            command = command.commands[words[0]]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, [verb, *words]
        if words[:1] == ["fetch"]:
            assert words[1] in sources()


@pages
def test_commands_on_recipes_of_the_repository_run_dry(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not in the repository: a dry run there would look at every record of a demo that was run.
    for name in ("recipes", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    for verb, *words in commands(page):
        named = words[1:] if verb == "launch" else words
        if verb not in TAKE_RECIPES or not (verb == "demo" or Path(named[0]).is_file()):
            continue
        result = CliRunner().invoke(app, [verb, *words, "--dry-run"])
        assert result.exit_code == 0, (verb, words, result.exception)


def test_the_mistakes_shown_in_the_docs_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs/recipes.md").read_text("utf-8")
    shown = re.search(r"^ {4}\$ amalia (.+)\n((?: {4}.+\n)+)", text, re.M)
    assert shown is not None
    result = CliRunner().invoke(app, [*shlex.split(shown[1]), "--dry-run"])
    told = f"error: {result.exception}".splitlines()
    for line, wanted in zip(told, shown[2].splitlines(), strict=True):
        assert line.startswith(wanted[4:].removesuffix("…"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_recipe_parses(path: Path) -> None:
    if "steps" in (tree := recipes.read_yaml(path)) and isinstance(tree["steps"], list):
        assert pipelines.load(path)[1]
        return
    if path.parent.name == "amalia-vl-9b":  # for a cluster, each started by itself
        assert recipes.load(path, EvaluationRecipe if "models" in tree else Stage)
        return
    if tree.get("kind") == "corpus":
        assert recipes.load(path, CorpusRecipe)
        return
    if "engine" in tree:
        assert recipes.load(path, ServeRecipe)
        return
    # A recipe that is no pipeline is a step of one beside it, which is how its kind is known.
    owners = [beside for beside in path.parent.glob("*.yaml") if path.name in included(beside)]
    assert owners, f"{path.name} is in no pipeline"
    for owner in owners:
        assert pipelines.load(owner)[1]


def included(path: Path) -> set[str]:
    """Name the recipes that a pipeline refers to."""
    steps = recipes.read_yaml(path).get("steps")
    if not isinstance(steps, list):
        return set()
    return {inline for step in steps for inline in step.values() if isinstance(inline, str)}


@pages
def test_recipes_in_the_docs_parse(page: Path, tmp_path: Path) -> None:
    for text in blocks(page, "yaml"):
        # The commit of data is for the reader to fill in.
        tree = yaml.safe_load(text.replace("COMMIT", "a" * 40))
        if tree.get("kind") == "replay":
            recipes.parse(tree, ReplayRecipe, name=page.name)
        elif "sets" in tree:
            recipes.parse(tree, DataRecipe, name=page.name)
        elif "start" in tree:
            recipes.parse(tree, Stage, name=page.name)
        elif "models" in tree:
            recipes.parse(tree, EvaluationRecipe, name=page.name)
        elif "rules" in tree:
            recipes.parse(tree, Policy, name=page.name)
        elif tree.keys() & {"engine", "guard", "keys", "retrieve", "audit"}:
            recipes.parse(tree, ServeRecipe, name=page.name)
        elif "graded" in tree:
            recipes.parse(tree, JudgeRecipe, name=page.name)
        else:
            path = tmp_path / "pipeline.yaml"
            path.write_text(text, "utf-8")
            assert pipelines.load(path)[1]


def settings(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Give a recipe model and all models inside it."""
    yield model
    for field in model.model_fields.values():
        for inner in recipes._models_in(field.annotation):
            yield from settings(inner)


def test_every_key_of_every_recipe_is_explained() -> None:
    said = set(re.findall(r"`([\w.]+)`", (ROOT / "docs/recipes.md").read_text("utf-8")))
    said |= {name for dotted in said for name in dotted.split(".")}
    kinds: tuple[type[BaseModel], ...] = (pipelines.Pipeline, *pipelines._MODELS.values())
    found = {inner for kind in kinds for inner in settings(kind)}
    keys = {f"{inner.__name__}.{name}" for inner in found for name in inner.model_fields}
    assert sorted(key for key in keys if key.split(".")[1] not in said) == []


def test_every_key_of_a_server_is_explained() -> None:
    said: set[str] = set()
    for name in ("serving", "guards", "retrieval", "audit"):
        said |= set(re.findall(r"`([\w.]+)`", (ROOT / f"docs/{name}.md").read_text("utf-8")))
    said |= {name for dotted in said for name in dotted.split(".")}
    found = {inner for kind in (ServeRecipe, Policy) for inner in settings(kind)}
    keys = {f"{inner.__name__}.{name}" for inner in found for name in inner.model_fields}
    assert sorted(key for key in keys if key.split(".")[1] not in said) == []


def test_every_key_of_a_corpus_is_explained() -> None:
    said: set[str] = set()
    for name in ("corpus", "quality"):
        said |= set(re.findall(r"`([\w.]+)`", (ROOT / f"docs/{name}.md").read_text("utf-8")))
    said |= {name for dotted in said for name in dotted.split(".")}
    keys = {
        f"{inner.__name__}.{name}"
        for kind in (CorpusRecipe, ReplayRecipe)
        for inner in settings(kind)
        for name in inner.model_fields
    }
    assert sorted(key for key in keys if key.split(".")[1] not in said) == []


def test_every_kind_a_data_recipe_can_weigh_is_named() -> None:
    said = set(re.findall(r"`([\w.]+)`", (ROOT / "docs/recipes.md").read_text("utf-8")))
    assert {*PICTURE_WEIGHTS, *TEXT_WEIGHTS, *PREFERENCE_WEIGHTS, *TASKS} <= said


def test_the_counts_of_the_pack_are_those_of_its_manifest() -> None:
    counts = json.loads((pack.path() / "manifest.json").read_text("utf-8"))["counts"]
    text = (ROOT / "docs/data-sources.md").read_text("utf-8")
    for name, row in {
        "things": "things, each in two styles",
        "things_with_another_name_in_pt_br": "of them with another name in Brazil",
        "everyday_things": "everyday things, which conversations are about",
        "paragraphs": "aligned paragraphs",
        "paragraphs_that_differ_in_pt_br": "of them worded differently in Brazil",
    }.items():
        assert f"| {row} | {counts[name]:,} |" in text
    written = f"{counts['fonts_printed']} and {counts['fonts_handwriting']}"
    assert f"| typefaces, printed and handwriting | {written} |" in text


def test_the_conversation_in_the_readme_is_read(tmp_path: Path) -> None:
    (line,) = blocks(ROOT / "README.md", "json")
    shown = json.loads(line)["messages"][0]["content"][0]["path"]
    (tmp_path / shown).parent.mkdir()
    (tmp_path / shown).write_bytes(make.picture(40, 24))
    (tmp_path / "conversas.jsonl").write_text(line, "utf-8")
    (row,) = read_folder(tmp_path, language="pt-PT", license="CC-BY-4.0")
    assert isinstance(row, Row)
    assert row.record.turns[-1].text == "É um elétrico de Lisboa."
    assert len(row.record.images) == len(row.images) == 1


def test_the_snippet_in_the_readme_runs(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (code,) = blocks(ROOT / "README.md", "python")
    code = code.replace('"runs/mini/dpo"', repr(str(tiny_model))).replace("=64", "=4")
    scope: dict[str, Any] = {}
    exec(code, scope)
    assert scope["output"].shape[1] > scope["inputs"]["input_ids"].shape[1]
    assert "Descreve a imagem." not in capsys.readouterr().out
