"""A checkpoint becomes the folder that the stage would have left had it ended there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import make
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText
from typer.testing import CliRunner

from amalia import lineage, store
from amalia import manifest as manifests
from amalia.cli.app import app
from amalia.errors import ArtifactError
from amalia.inference.local import Local
from amalia.train import checkpoint, start
from amalia.train import convert as convert_module
from amalia.train.convert import convert
from amalia.train.loop import run_stage
from amalia.train.stage import Places, Stage
from amalia.train.start import prepare

COLORS = ("red", "green", "blue", "white", "black", "yellow")
LORA: dict[str, Any] = {
    "connector": {"lr": 1e-3},
    "language": {"lr": 1e-2, "lora": {"rank": 4, "dropout": 0.1}},
}
# With it the weights after a step do not depend on how many are to come.
CONSTANT = {"warmup_fraction": 0, "decay": "none"}


def tree_of(model: str, **more: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "name": "teste",
        "start": {"kind": "model", "model": model},
        "objective": {"kind": "next_token"},
        "trainable": {"connector": {"lr": 1e-3}, "language": {"lr": 1e-3}},
        "mixture": [{"artifact": "cores", "weight": 1}],
        "schedule": CONSTANT,
        "steps": 3,
        "batch": 2,
        "max_tokens": 96,
        "run": {"checkpoint_every_s": 1e-9, "keep_every": 1, "trackers": []},
    }
    return {**tree, **more}


def places(out: Path) -> Places:
    return Places(out, out.parent, out.parent)


def write_data(folder: Path) -> None:
    rows = [
        make.conversation(
            ("user", *([make.picture(color=color)] if n % 2 else []), "Que cor?"),
            ("assistant", f"A cor {n}."),
            id=f"c{n}",
        )
        for n, color in enumerate(COLORS)
    ]
    make.write_artifact(folder / "cores", "conversations", rows)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A folder of a model, data and two stages of three steps that kept all checkpoints: plain, with adapters."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(tiny_model, folder / "inicio")
    write_data(folder)
    run_stage(Stage.model_validate(tree_of("inicio")), places(folder / "teste"))
    adapted = tree_of("inicio", name="lora", trainable=LORA)
    run_stage(Stage.model_validate(adapted), places(folder / "lora"))
    return folder


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    """A copy of it, the plain stage not finished yet, and no data."""
    folder = tmp_path / "runs"
    shutil.copytree(trained, folder)
    shutil.rmtree(folder / "cores")
    finished = folder / "teste"
    finished.rename(folder / "teste.partial")
    (folder / "teste.partial/manifest.json").unlink()
    return folder


@pytest.fixture
def plain() -> Stage:
    return Stage.model_validate(tree_of("inicio"))


def assert_equal(folder: Path, wanted: Path) -> None:
    """Every file but the log and the manifest is the same, to the last bit."""
    for other in sorted(path for path in wanted.rglob("*") if path.is_file()):
        name = other.relative_to(wanted)
        if name.parts[0] in ("manifest.json", "log.jsonl", "checkpoints"):
            continue
        if name.suffix == ".safetensors":
            first, second = load_file(folder / name), load_file(other)
            assert first.keys() == second.keys()
            assert all(torch.equal(value, second[key]) for key, value in first.items()), name
        else:
            assert (folder / name).read_bytes() == other.read_bytes(), name


@pytest.mark.parametrize("name", ["teste", "lora"])
def test_it_is_what_a_stage_of_so_many_steps_leaves(
    name: str, trained: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(trained, runs)
    tree = tree_of("inicio", name=name, **({"trainable": LORA} if name == "lora" else {}))
    run_stage(Stage.model_validate({**tree, "steps": 2}), places(runs / "dois"))
    convert(Stage.model_validate(tree), places(runs / "convertido"), step=2)
    assert_equal(runs / "convertido", runs / "dois")
    assert (runs / "convertido/adapter").exists() == (name == "lora")


def test_weights_are_those_of_the_checkpoint(runs: Path, plain: Stage) -> None:
    made = convert(plain, places(runs / "convertido"))
    assert made.figures["steps"] == 2, "the newest; the last step leaves none"
    by_hand = prepare(plain, lambda _: runs / "inicio").model
    values = dict(by_hand.named_parameters())
    saved = {name: value for name, value in values.items() if value.requires_grad}
    checkpoint.read_parameters(runs / "teste.partial/checkpoints/step-00000002", saved)
    exported = AutoModelForImageTextToText.from_pretrained(
        runs / "convertido", dtype=torch.float32
    ).named_parameters()
    for name, value in exported:
        assert torch.equal(value, values[name].to(torch.bfloat16).float()), name


def test_the_manifest_says_what_it_is_and_the_data_need_not_be_there(
    runs: Path, plain: Stage
) -> None:
    made = convert(plain, places(runs / "convertido"), step=1)
    assert made == manifests.read(runs / "convertido")
    assert store.check(runs / "convertido") == []
    of_stage = manifests.read(runs / "lora").inputs
    assert made.inputs == of_stage
    assert [item.path for item in made.inputs] == ["inicio", "cores"]
    assert (made.kind, made.name, made.seed) == ("model", "teste", 0)
    assert {name: made.figures[name] for name in ("steps", "steps_planned")} == {
        "steps": 1,
        "steps_planned": 3,
    }
    assert 0 < made.figures["parameters_trained"] < made.figures["parameters"]
    other = convert(plain, places(runs / "outro"), step=2)
    assert other.fingerprint != made.fingerprint
    assert "  cores  not here any more" in lineage.tree(runs / "convertido")[2]


def test_the_next_stage_and_chat_go_on_from_it(runs: Path, plain: Stage) -> None:
    convert(plain, places(runs / "convertido"))
    assert Local.load(runs / "convertido")
    write_data(runs)
    more = Stage.model_validate(tree_of("convertido", name="mais", steps=1))
    assert run_stage(more, places(runs / "mais")).inputs[0].name == "convertido"


def test_a_finished_stage_gives_what_it_kept(runs: Path) -> None:
    adapted = Stage.model_validate(tree_of("inicio", name="lora", trainable=LORA))
    assert convert(adapted, places(runs / "convertido"), step=1).figures["steps"] == 1


def test_any_folder_can_be_named(runs: Path, plain: Stage, tmp_path: Path) -> None:
    elsewhere = tmp_path / "longe"
    for number, source in enumerate(
        ("teste", "teste.partial", "teste.partial/checkpoints/step-00000002")
    ):
        made = convert(plain, places(elsewhere / str(number)), source=runs / source)
        assert made.figures["steps"] == 2
        assert made.inputs[0].path == str(runs / "inicio")
    taken = tmp_path / "guardado"
    shutil.copytree(runs / "teste.partial/checkpoints/step-00000001", taken)
    assert convert(plain, places(runs / "3"), source=taken).figures["steps"] == 1
    assert_equal(elsewhere / "0", elsewhere / "2")


def refused(stage: Stage, out: Path, **more: Any) -> str:
    """What is said; nothing is left at the output."""
    before = out.exists()
    with pytest.raises(ArtifactError) as error:
        convert(stage, places(out), **more)
    assert out.exists() == before
    assert "\n" not in str(error.value)
    return str(error.value)


def test_without_a_checkpoint_it_says_where_it_looked(runs: Path) -> None:
    other = Stage.model_validate(tree_of("inicio", name="outra"))
    assert refused(other, runs / "c") == (
        f"there is no checkpoint in {runs}/outra.partial/checkpoints or {runs}/outra/checkpoints; "
        "let the stage save one, or name one, or the folder of its stage, with --from"
    )
    shutil.rmtree(runs / "lora/checkpoints")
    assert "lora is finished and has kept no checkpoint" in refused(
        other, runs / "c", source=runs / "lora"
    )


def test_a_step_that_is_not_there_is_told_with_those_that_are(runs: Path, plain: Stage) -> None:
    assert refused(plain, runs / "c", step=7) == (
        f"{runs}/teste.partial/checkpoints has no checkpoint of step 7, but step 1, step 2; "
        "give one of these as --step"
    )
    one = runs / "teste.partial/checkpoints/step-00000001"
    assert "give one of them" in refused(plain, runs / "c", source=one, step=2)


def test_a_torn_checkpoint_is_refused_or_passed_over(
    runs: Path, plain: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    folder = runs / "teste.partial/checkpoints"
    (folder / "step-00000002/__0_0.distcp").write_bytes(b"half")
    assert refused(plain, runs / "c", step=2) == (
        f"checkpoint {folder}/step-00000002 is damaged or was never finished; "
        f"those in {folder} are step 1, step 2"
    )
    assert convert(plain, places(runs / "c")).figures["steps"] == 1
    assert "step-00000002 is damaged" in caplog.text
    (folder / "step-00000001/state.json").unlink()
    assert "every checkpoint in" in refused(plain, runs / "d")


def test_a_checkpoint_of_another_recipe_is_refused(runs: Path) -> None:
    other = Stage.model_validate(tree_of("inicio", steps=9, seed=5))
    said = refused(other, runs / "c")
    assert "is of another recipe (seed: 0 → 5; steps: 3 → 9); give the recipe" in said
    executed = Stage.model_validate(tree_of("inicio", run={"micro_batch": 1}))
    assert convert(executed, places(runs / "c")).recipe["run"]["micro_batch"] == 1


def test_a_start_that_has_changed_or_is_gone_is_refused(runs: Path, plain: Stage) -> None:
    about = json.loads((runs / "inicio/manifest.json").read_text())
    changed = {**about, "fingerprint": "0" * 16}
    (runs / "inicio/manifest.json").write_text(json.dumps(changed))
    assert refused(plain, runs / "c") == (
        f"{runs}/inicio is not what the stage started from: its fingerprint is {'0' * 16}, "
        f"expected {about['fingerprint']}; put back what stood there"
    )
    shutil.rmtree(runs / "inicio")
    assert "does not exist" in refused(plain, runs / "c")


def test_an_output_that_is_not_free_is_refused(runs: Path, plain: Stage) -> None:
    (runs / "c").mkdir()
    (runs / "c/notas.txt").touch()
    assert refused(plain, runs / "c") == (
        f"{runs}/c is there and not empty; give an --out that is not there yet, or remove it"
    )
    assert "teste.partial is a stage that is not finished" in refused(plain, runs / "teste")
    assert len(checkpoint.saved(runs / "teste.partial/checkpoints")) == 2


def test_an_old_checkpoint_does_not_say_whose_it_is(runs: Path, plain: Stage) -> None:
    path = runs / "teste.partial/checkpoints/step-00000002/state.json"
    about = json.loads(path.read_text())
    del about["owner"]
    path.write_text(json.dumps(about))
    assert "does not say of which stage it is" in refused(plain, runs / "c")


def test_an_interruption_leaves_nothing_and_the_same_again_finishes(
    runs: Path, plain: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = start.write

    def interrupted(*arguments: Any, **more: Any) -> None:
        original(*arguments, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(start, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            convert(plain, places(runs / "c"))
    assert not (runs / "c").exists()
    convert(plain, places(runs / "c"))
    assert store.check(runs / "c") == []
    assert not (runs / "c.partial").exists()


@pytest.mark.parametrize("name", ["prepare", "whole"])
def test_a_checkpoint_removed_meanwhile_is_one_line(
    name: str, runs: Path, plain: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = convert_module if name == "prepare" else checkpoint
    original, path = getattr(module, name), runs / "teste.partial/checkpoints/step-00000002"

    def removed(*arguments: Any) -> Any:
        given = original(*arguments)
        if name == "prepare":
            shutil.rmtree(path)
        else:
            (path / "__0_0.distcp").unlink(missing_ok=True)
        return given

    monkeypatch.setattr(module, name, removed)
    assert f"{path} was removed while it was converted" in refused(plain, runs / "c")


def test_the_command_says_what_it_made(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = runs / "receita.yaml"
    recipe.write_text(json.dumps(tree_of("inicio", seed=4)))
    monkeypatch.chdir(runs)
    command = ["convert", str(recipe), "seed=0", "--out"]
    result = CliRunner().invoke(app, [*command, "c"])
    assert (result.exit_code, result.stdout) == (0, "c: step 2 of 3\n")
    result = CliRunner().invoke(app, [*command, "d", "--step", "1", "--from", "teste", "--json"])
    assert json.loads(result.stdout)["steps"] == 1
    result = CliRunner().invoke(app, [*command, "c"])
    assert str(result.exception).startswith("c is there and not empty")
    assert result.stdout == ""
