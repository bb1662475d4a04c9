"""The loop: what is frozen stays, what is stopped goes on, and how a batch is cut changes nothing."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import make
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModelForImageTextToText

from amalia import manifest as manifests
from amalia import store
from amalia.device import Device
from amalia.errors import ArtifactError, MissingExtra, TrainingError
from amalia.model import attention, build, export
from amalia.model.render import Renderer
from amalia.records import Conversation, Row
from amalia.train import checkpoint, loop, start
from amalia.train.loop import run_stage
from amalia.train.meters import Pace
from amalia.train.micro_batch import Limits, MicroBatch, Named, next_token_batches
from amalia.train.objectives import LossSum
from amalia.train.optimizer import Optimizers, optimizers_for
from amalia.train.preemption import Preempted
from amalia.train.sharding import Computed
from amalia.train.stage import Places, Stage, Trainable
from amalia.train.step import measure, train_step
from amalia.train.trainable import freeze

CPU = Device("cpu", "float32", "a test", "test", 1, 0)
COLORS = ("red", "green", "blue", "white", "black", "yellow")
NAMES = ("vermelho", "verde", "azul", "branco", "preto", "amarelo")


def colors(count: int) -> list[Row[Conversation]]:
    """Questions about colors, every third without a picture, answers of unequal length."""
    rows = []
    for n in range(count):
        size = (20, 12) if n % 2 else (12, 30)
        shown = [make.picture(*size, COLORS[n % 6])] if n % 3 else []
        answer = f"É {NAMES[n % 6]}." * (1 + n % 4)
        rows.append(
            make.conversation(("user", *shown, "Que cor?"), ("assistant", answer), id=f"c{n}")
        )
    return rows


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of artifacts: conversations, more of them to validate on, preferences, captions, prose."""
    folder = tmp_path_factory.mktemp("beside")
    make.write_artifact(folder / "cores", "conversations", colors(30))
    make.write_artifact(folder / "cores-de-parte", "conversations", colors(5))
    pairs = [
        make.preference(
            ("user", *([make.picture(color=COLORS[n])] if n % 2 else []), "O que vês?"),
            chosen=f"Um autocarro {NAMES[n]}.",
            rejected=f"Um ônibus {NAMES[n]}.",
            id=f"p{n}",
        )
        for n in range(6)
    ]
    make.write_artifact(folder / "pares", "preferences", pairs)
    captions = [
        make.preference(
            ("user", make.picture(color=COLORS[n])),
            chosen=NAMES[n],
            rejected=NAMES[n - 1],
            id=f"l{n}",
        )
        for n in range(6)
    ]
    make.write_artifact(folder / "legendas", "preferences", captions)
    prose = [make.document(text, id=f"d{n}") for n, text in enumerate(make.TEXTS * 3)]
    make.write_artifact(folder / "prosa", "documents", prose)
    return folder


def stage(model: Path | str = "", **more: Any) -> Stage:
    tree: dict[str, Any] = {
        "name": "teste",
        "start": {"kind": "model", "model": str(model)},
        "objective": {"kind": "next_token"},
        "trainable": {"language": {"lr": 1e-3}, "connector": {"lr": 1e-3}},
        "mixture": [{"artifact": "cores", "weight": 3}, {"artifact": "prosa", "weight": 1}],
        "validation": {"artifact": "cores-de-parte", "rows": 4, "times": 3},
        "steps": 6,
        "batch": 4,
        "max_tokens": 96,
        "run": {"checkpoint_every_s": 1e-9},
    }
    return Stage.model_validate({**tree, **more})


def places(out: Path, beside: Path) -> Places:
    return Places(out=out, beside=beside, packaged=beside)


def log_of(folder: Path) -> list[dict[str, Any]]:
    """The log without times."""
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in entry.items() if name not in ("seconds", *Pace._fields)}
        for entry in entries
    ]


def cut(rows: list[Row[Conversation]], renderer: Renderer, micro: int) -> list[MicroBatch]:
    items = [Named(renderer.conversation(row), "cores") for row in rows]
    return next_token_batches(items, limits=Limits(micro), pad_id=renderer.pad_id, device="cpu")


def loaded(folder: Path) -> Any:
    """A model that reads packed sequences."""
    model = export.load(folder)
    attention.attend(model, "eager", "documents")
    return model


def gradients(folder: Path, micro: int) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and unclipped gradients of one step over eight conversations."""
    model = loaded(folder)
    batches = cut(colors(8), Renderer.load(folder), micro)
    optimizer = Optimizers((torch.optim.SGD(model.parameters(), lr=0.0),))
    result = train_step(Computed(model), batches, optimizer, clip_norm=1e9, device=CPU)
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return result.loss, found


@pytest.mark.parametrize("micro", [4, 2, 1, 3])
def test_one_batch_of_eight_equals_smaller_ones(tiny_model: Path, micro: int) -> None:
    masks = [
        sum(item.supervised) for item in map(Renderer.load(tiny_model).conversation, colors(8))
    ]
    assert len(set(masks)) > 3
    loss, whole = gradients(tiny_model, 8)
    other_loss, parts = gradients(tiny_model, micro)
    assert other_loss == pytest.approx(loss, rel=1e-6)
    assert set(whole) == set(parts)
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("kind", ["adamw", "muon"])
@pytest.mark.parametrize("part", ["connector", "vision", "language"])
def test_what_is_frozen_is_bit_identical_after_a_step(
    tiny_model: Path, part: Any, kind: Any
) -> None:
    model = loaded(tiny_model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainable = {part: Trainable(lr=1e-2)}
    trained = freeze(model, trainable)
    optimizer = optimizers_for(model, trainable, kind=kind, beta2=0.95)
    batches = cut(colors(8), Renderer.load(tiny_model), 4)
    for _ in range(2):
        train_step(Computed(model), batches, optimizer, clip_norm=1.0, device=CPU)
    assert set(trained) == set(build.parts(model)[part].parameters)
    assert {name for name, value in model.named_parameters() if value.requires_grad} == set(trained)
    for name, value in model.named_parameters():
        same = torch.equal(value, before[name])
        # The embeddings of words and the newline of pictures are used in every batch.
        assert same == (name not in trained) or "vision_tower" in name, name
    changed = [
        name for name, value in model.named_parameters() if not torch.equal(value, before[name])
    ]
    assert set(changed) <= set(trained)
    assert len(changed) > len(trained) // 2


def test_only_the_connector_changes_in_an_align_stage(
    beside: Path, tiny_tower: Path, tiny_language: Path, tmp_path: Path
) -> None:
    align = stage(
        start={
            "kind": "llava_next",
            "tower": str(tiny_tower),
            "language": str(tiny_language),
            "pinpoints_px": make.GRID.pinpoints_px,
        },
        trainable={"connector": {"lr": 1e-2}},
    )
    manifest = run_stage(align, places(tmp_path / "alinhado", beside))
    trained = load_file(tmp_path / "alinhado" / "model.safetensors")
    for folder, prefix in ((tiny_tower, "vision_tower."), (tiny_language, "language_model.")):
        for name, value in load_file(folder / "model.safetensors").items():
            assert torch.equal(trained.pop(prefix + name), value), name
    assert sorted(trained) == [
        "image_newline",
        *(
            f"multi_modal_projector.linear_{n}.{kind}"
            for n in (1, 2)
            for kind in ("bias", "weight")
        ),
    ]
    assert manifest.figures["parameters_trained"] == 2 * (32 * 32 + 32) + 32
    assert [item.name for item in manifest.inputs] == [
        str(tiny_language), str(tiny_tower), "cores", "prosa", "cores-de-parte",
    ]  # fmt: skip


def test_the_tower_of_a_trained_model_can_be_kept_alone(
    beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    trained = stage(
        start={"kind": "model", "model": str(tiny_model)},
        trainable={"vision": {"lr": 1e-2}},
        keep="tower",
    )
    run_stage(trained, places(tmp_path / "torre", beside))
    kept = export.load_tower(tmp_path / "torre")
    before = export.load_tower(tiny_model).state_dict()
    assert set(kept.state_dict()) == set(before)
    name = "vision_model.encoder.layers.0.mlp.fc1.weight"
    assert not torch.equal(kept.state_dict()[name], before[name])


def test_a_tower_cannot_be_kept_of_a_model_without_one(
    beside: Path, tiny_language: Path, tmp_path: Path
) -> None:
    blind = stage(
        start={"kind": "model", "model": str(tiny_language)},
        trainable={"language": {"lr": 1e-2}},
        mixture=[{"artifact": "prosa", "weight": 1}],
        keep="tower",
    )
    with pytest.raises(TrainingError, match="keep asks for the tower of a LlamaForCausalLM"):
        run_stage(blind, places(tmp_path / "nada", beside))


def test_a_part_the_model_does_not_have_is_named(tiny_language: Path) -> None:
    with pytest.raises(
        TrainingError, match="trainable names vision; this model has the parts language"
    ):
        freeze(export.load(tiny_language), {"vision": Trainable(lr=1.0)})


def test_gradients_are_clipped_and_their_norm_is_told(tiny_model: Path) -> None:
    model = loaded(tiny_model)
    optimizer = Optimizers((torch.optim.SGD(model.parameters(), lr=0.0),))
    batches = cut(colors(4), Renderer.load(tiny_model), 4)
    result = train_step(Computed(model), batches, optimizer, clip_norm=0.01, device=CPU)
    norms = [p.grad.norm() for p in model.parameters() if p.grad is not None]
    assert result.grad_norm > 0.01
    assert float(torch.stack(norms).norm()) == pytest.approx(0.01, rel=1e-3)


def broken(batch: MicroBatch, factor: float) -> MicroBatch:
    """Make a micro-batch whose loss is no number."""

    def compute(model: Any) -> LossSum:
        result = batch.compute(model)
        return LossSum(result.total * factor, result.count, {})

    return replace(batch, compute=compute)


@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_a_step_whose_loss_is_not_finite_is_refused(tiny_model: Path, factor: float) -> None:
    model = loaded(tiny_model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    (batch,) = cut(colors(2), Renderer.load(tiny_model), 2)
    optimizer = Optimizers((torch.optim.AdamW(model.parameters(), lr=1.0),))
    result = train_step(
        Computed(model), [broken(batch, factor)], optimizer, clip_norm=1.0, device=CPU
    )
    assert not result.is_finite
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not optimizer.each[0].state


def break_steps(numbers: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the losses of some steps, counted from 1, no numbers."""
    calls = 0

    def breaking(computed: Any, batches: list[MicroBatch], *rest: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls in numbers:
            batches = [broken(batch, math.nan) for batch in batches]
        return train_step(computed, batches, *rest, **more)

    monkeypatch.setattr(loop, "train_step", breaking)


def test_refused_steps_are_logged_with_their_records_and_training_goes_on(
    beside: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_steps({2, 3, 5}, monkeypatch)
    run_stage(stage(tiny_model), places(tmp_path / "teste", beside))
    refused = [entry for entry in log_of(tmp_path / "teste") if entry["series"] == "refused"]
    assert [entry["step"] for entry in refused] == [2, 3, 5]
    assert all("loss" not in entry and len(entry["records"]) == 4 for entry in refused)


def test_three_refused_steps_in_a_row_stop_and_name_their_records(
    beside: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_steps({2, 3, 4}, monkeypatch)
    with pytest.raises(TrainingError, match=r"not finite, 3 steps in a row, the last of .*c\d"):
        run_stage(stage(tiny_model), places(tmp_path / "teste", beside))


def test_measuring_is_the_loss_without_training(tiny_model: Path) -> None:
    model = loaded(tiny_model)
    renderer = Renderer.load(tiny_model)
    rows = colors(6)
    measured = measure(Computed(model), cut(rows, renderer, 4), CPU)
    optimizer = Optimizers((torch.optim.SGD(model.parameters(), lr=0.0),))
    assert measured.loss == pytest.approx(
        train_step(
            Computed(model), cut(rows, renderer, 6), optimizer, clip_norm=1.0, device=CPU
        ).loss,
        rel=1e-6,
    )
    assert model.training
    assert 0 <= measured.metrics["token_accuracy"] <= 1


@pytest.fixture(scope="module")
def whole(beside: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stage run in one go."""
    out = tmp_path_factory.mktemp("whole") / "teste"
    run_stage(stage(tiny_model), places(out, beside))
    return out


def test_a_stage_leaves_a_model_its_log_and_a_manifest(whole: Path) -> None:
    assert not (whole / "checkpoints").exists()
    assert store.check(whole) == []
    manifest = manifests.read(whole)
    assert (manifest.kind, manifest.name, manifest.seed) == ("model", "teste", 0)
    assert (manifest.figures["steps"], manifest.figures["rows"]) == (6, 24)
    entries = log_of(whole)
    assert [entry["step"] for entry in entries if entry["series"] == "train"] == [1, 2, 3, 4, 5, 6]
    assert [entry["step"] for entry in entries if entry["series"] == "validation"] == [0, 2, 4, 6]
    train = [entry for entry in entries if entry["series"] == "train"]
    assert set(train[0]) == {
        "step", "series", "loss", "token_accuracy", "loss_of", "count_of", "rows", "tokens", "tiles",
        "grad_norm", "grad_norm_of", "lr_connector", "lr_language",
    }  # fmt: skip
    assert all(sum(entry["rows"].values()) == 4 for entry in train)
    assert {source for entry in train for source in entry["loss_of"]} == {"cores", "prosa"}
    assert manifest.figures["tokens"] == sum(entry["tokens"] for entry in train)
    assert manifest.figures["tiles"] == sum(entry["tiles"] for entry in train)
    assert type(AutoModelForImageTextToText.from_pretrained(whole)).__name__ == (
        "LlavaNextForConditionalGeneration"
    )


def test_the_same_stage_gives_the_same_losses_and_weights(
    whole: Path, beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    run_stage(stage(tiny_model), places(tmp_path / "teste", beside))
    assert log_of(tmp_path / "teste") == log_of(whole)
    again, first = (
        load_file(folder / "model.safetensors") for folder in (tmp_path / "teste", whole)
    )
    assert all(torch.equal(again[name], value) for name, value in first.items())


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the loop stop as Ctrl-C does, when it is about to do a step."""
    calls = 0

    def stopping(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == step:
            raise KeyboardInterrupt
        return train_step(*arguments, **more)

    monkeypatch.setattr(loop, "train_step", stopping)


def test_the_log_has_the_learning_rate_of_every_part(
    beside: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sloped = {"warmup_fraction": 0, "decay": "linear", "final_fraction": 0}
    two = stage(
        tiny_model,
        trainable={"language": {"lr": 1e-3}, "connector": {"lr": 4e-3, "schedule": sloped}},
        schedule={"warmup_fraction": 0, "decay": "none"},
        steps=4,
    )
    run_stage(two, places(tmp_path / "teste", beside))
    train = [entry for entry in log_of(tmp_path / "teste") if entry["series"] == "train"]
    assert [entry["lr_language"] for entry in train] == [1e-3] * 4
    assert [entry["lr_connector"] for entry in train] == pytest.approx([4e-3, 3e-3, 2e-3, 1e-3])
    said = capsys.readouterr()
    assert said.err.splitlines()[1].split() == ["vision", "frozen", "23,456", "0", *"––––"]
    assert said.err.splitlines()[4] == (
        "total                  56,992   33,536  58.8 % of the parameters"
    )
    assert said.out == ""


@pytest.mark.parametrize("step", [1, 3, 6])
def test_stopping_and_going_on_gives_the_same_to_the_last_digit(
    whole: Path,
    beside: Path,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    out = tmp_path / "teste"
    stop_at(step, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_stage(stage(tiny_model), places(out, beside))
    assert not out.exists()
    with pytest.raises(ArtifactError, match="is unfinished"):
        manifests.read(out)
    monkeypatch.setattr(loop, "train_step", train_step)
    run_stage(stage(tiny_model), places(out, beside))
    assert log_of(out) == log_of(whole)
    resumed, first = (load_file(folder / "model.safetensors") for folder in (out, whole))
    assert all(torch.equal(resumed[name], value) for name, value in first.items())
    assert manifests.read(out).figures["tokens"] == manifests.read(whole).figures["tokens"]
    assert not (out / "checkpoints").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_saves_and_stops_and_the_same_command_goes_on(
    whole: Path,
    beside: Path,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    out = tmp_path / "teste"
    calls = 0

    def signalled(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            os.kill(os.getpid(), number)
        return train_step(*arguments, **more)

    monkeypatch.setattr(loop, "train_step", signalled)
    before = signal.getsignal(number)
    rarely = stage(tiny_model, run={"checkpoint_every_s": 1e9})
    with pytest.raises(Preempted, match="teste stopped after step 3 of 6"):
        run_stage(rarely, places(out, beside))
    assert signal.getsignal(number) == before
    saved = sorted(path.name for path in (tmp_path / "teste.partial/checkpoints").iterdir())
    assert saved == ["step-00000003"]
    monkeypatch.setattr(loop, "train_step", train_step)
    run_stage(rarely, places(out, beside))
    assert log_of(out) == log_of(whole)


def test_checkpoints_kept_for_good_stay_in_the_artifact(
    beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    run_stage(stage(tiny_model, run={"keep_every": 2}), places(tmp_path / "teste", beside))
    kept = sorted(path.name for path in (tmp_path / "teste/checkpoints").iterdir())
    assert kept == ["step-00000002", "step-00000004"]


def test_a_kill_in_the_middle_of_writing_goes_on_from_the_checkpoint_before(
    whole: Path, beside: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, partial = tmp_path / "teste", tmp_path / "teste.partial"
    stop_at(5, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_stage(stage(tiny_model), places(out, beside))
    monkeypatch.setattr(loop, "train_step", train_step)
    newest = sorted((partial / "checkpoints").iterdir())[-1]
    assert newest.name == "step-00000004"
    (newest / "__0_0.distcp").write_bytes((newest / "__0_0.distcp").read_bytes()[:100])
    with (partial / "log.jsonl").open("a") as file:
        file.write('{"step": 5, "series": "tr')
    (tmp_path / "teste.lock").write_text("")
    run_stage(stage(tiny_model), places(out, beside))
    assert log_of(out) == log_of(whole)


def test_a_finished_stage_is_left_alone_and_another_one_refused(
    beside: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "teste"
    first = run_stage(stage(tiny_model, steps=1), places(out, beside))
    stop_at(1, monkeypatch)
    again = stage(tiny_model, steps=1, run={"micro_batch": 2})
    assert run_stage(again, places(out, beside)) == first
    with pytest.raises(ArtifactError, match=r"was made from another recipe \(steps: 1 → 2\)"):
        run_stage(stage(tiny_model, steps=2), places(out, beside))


def test_an_input_that_is_missing_is_named_before_anything_is_made(
    beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    wrong = stage(tiny_model, mixture=[{"artifact": "coras", "weight": 1}])
    with pytest.raises(
        ArtifactError, match=r"artifact .*coras does not exist; run the recipe that makes"
    ):
        run_stage(wrong, places(tmp_path / "teste", beside))
    assert list(tmp_path.iterdir()) == []


def test_a_device_that_is_not_there_is_refused(
    beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has what the test asks for in vain")
    with pytest.raises(
        TrainingError, match=r"run\.device asks for cuda but this machine offers cpu"
    ):
        run_stage(stage(tiny_model, run={"device": "cuda"}), places(tmp_path / "teste", beside))


def test_a_disk_that_fills_up_leaves_no_model(
    beside: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "write_shares", full)
        with pytest.raises(ArtifactError, match="the disk is full while writing"):
            run_stage(stage(tiny_model), places(tmp_path / "teste", beside))
    with monkeypatch.context() as patched:
        patched.setattr(start, "write", full)
        with pytest.raises(ArtifactError, match=r"the disk is full while writing .*teste\.partial"):
            run_stage(stage(tiny_model), places(tmp_path / "teste", beside))
    assert not (tmp_path / "teste").exists()
    checkpoints = tmp_path / "teste.partial/checkpoints"
    assert checkpoint.newest(checkpoints) is not None, "what was trained is not lost"
    run_stage(stage(tiny_model), places(tmp_path / "teste", beside))


def losses(folder: Path, series: str = "train") -> list[float]:
    return [entry["loss"] for entry in log_of(folder) if entry["series"] == series]


def test_training_on_answers_makes_them_likely(
    beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    sft = stage(
        tiny_model,
        trainable={part: {"lr": 1e-2} for part in ("vision", "connector", "language")},
        mixture=[{"artifact": "cores", "weight": 1}],
        steps=40,
        batch=8,
        run={},
    )
    run_stage(sft, places(tmp_path / "sft", beside))
    before, *_, after = losses(tmp_path / "sft", "validation")
    assert after < 0.5 * before


def test_preferences_start_at_log_2_and_learn(
    beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    dpo = stage(
        tiny_model,
        objective={"kind": "dpo", "beta": 0.1},
        trainable={"language": {"lr": 1e-3}},
        mixture=[{"artifact": "pares", "weight": 1}],
        validation={"artifact": "pares", "rows": 6, "times": 1},
        steps=15,
        batch=6,
        run={"micro_batch": 3},
    )
    manifest = run_stage(dpo, places(tmp_path / "dpo", beside))
    first, last = (entry for entry in log_of(tmp_path / "dpo") if entry["series"] == "validation")
    # Half precision sums another batch in another order.
    assert first["loss"] == pytest.approx(math.log(2), abs=0.02)
    assert last["loss"] < 0.5 * first["loss"]
    assert last["reward_accuracy"] == 1
    assert "reference/part-00000-00000.parquet" in [output.path for output in manifest.outputs]


def test_pretraining_a_tower_leaves_the_tower_alone_in_the_folder(
    beside: Path, tiny_language: Path, tmp_path: Path
) -> None:
    pair = stage(
        start={
            "kind": "siglip",
            "tokenizer": str(tiny_language),
            "tower": make.TOWER.model_dump(),
            "text": make.TEXT_TOWER.model_dump(),
        },
        objective={"kind": "contrast"},
        trainable={part: {"lr": 3e-3} for part in ("vision", "captions", "temperature")},
        mixture=[{"artifact": "legendas", "weight": 1}],
        validation={"artifact": "legendas", "rows": 6, "times": 1},
        steps=40,
        batch=6,
        run={},
    )
    run_stage(pair, places(tmp_path / "torre", beside))
    before, after = losses(tmp_path / "torre", "validation")
    assert after < 0.7 * before
    tower = export.load_tower(tmp_path / "torre")
    assert tower.config.image_size == 16


def test_a_language_model_begins_from_nothing_and_is_extended(
    beside: Path, tiny_language: Path, tmp_path: Path
) -> None:
    text: dict[str, Any] = {
        "trainable": {"language": {"lr": 1e-2}},
        "mixture": [{"artifact": "prosa", "weight": 1}],
        "validation": {"artifact": "prosa", "rows": 4, "times": 1},
        "max_tokens": 32,
        "run": {},
    }
    size = make.LANGUAGE.model_copy(update={"context_tokens": 32})
    new = {"kind": "language", "tokenizer": str(tiny_language), "size": size.model_dump()}
    run_stage(stage(start=new, steps=20, **text), places(tmp_path / "curto", beside))
    before, after = losses(tmp_path / "curto", "validation")
    assert before == pytest.approx(math.log(400), abs=0.1)
    assert after < 0.8 * before
    extension = {"kind": "yarn", "factor": 2}
    longer = {"kind": "extended", "language": str(tmp_path / "curto"), "extension": extension}
    run_stage(
        stage(start=longer, steps=2, **{**text, "max_tokens": 64}),
        places(tmp_path / "longo", beside),
    )
    config = export.load_language(tmp_path / "longo").config
    assert config.max_position_embeddings == 64
    assert config.rope_scaling["rope_type"] == "yarn"


def test_canvases_that_are_no_multiple_of_the_tile_are_refused(
    beside: Path, tiny_tower: Path, tiny_language: Path, tmp_path: Path
) -> None:
    start = {
        "kind": "llava_next",
        "tower": str(tiny_tower),
        "language": str(tiny_language),
        "pinpoints_px": [[16, 24]],
    }
    with pytest.raises(
        TrainingError, match=r"\[\(16, 24\)\] are not all multiples of the tile, 16 px"
    ):
        run_stage(stage(start=start), places(tmp_path / "a", beside))


def losses_of(folder: Path, series: str) -> list[tuple[int, float]]:
    return [(entry["step"], entry["loss"]) for entry in log_of(folder) if entry["series"] == series]


def test_a_step_tells_how_fast_it_was_and_the_norm_of_every_part(whole: Path) -> None:
    lines = (whole / "log.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    train = [entry for entry in entries if entry["series"] == "train"]
    for entry in train:
        assert entry["tokens_per_s"] == pytest.approx(
            entry["tokens"] / entry["step_seconds"], rel=0.02
        )
        assert 0 <= entry["waiting"] <= 1
        assert 0 < entry["mfu"] < 1
        assert entry["peak_memory_bytes"] > 10**8
        norms = entry["grad_norm_of"]
        # A connector learns nothing where there was no picture.
        assert set(norms) == {"connector", "language"}
        assert bool(norms["connector"]) == bool(entry["tiles"])
        assert math.hypot(*norms.values()) == pytest.approx(entry["grad_norm"], rel=1e-6)
    assert all("mfu" not in entry for entry in entries if entry["series"] == "validation")


def test_every_field_of_the_log_is_explained(whole: Path) -> None:
    page = Path(__file__).parents[2] / "docs/training-log.md"
    explained = set(re.findall(r"`(\w+)`", page.read_text("utf-8")))
    lines = (whole / "log.jsonl").read_text().splitlines()
    assert {field for line in lines for field in json.loads(line)} <= explained


def test_tensorboard_shows_every_step_once_also_after_a_stop(
    whole: Path, beside: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Checkpoints after steps 2 and 4 only, so that step 5 is done twice.
    often = stage(tiny_model, run={"checkpoint_every_s": 1e9, "keep_every": 2})
    stop_at(6, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_stage(often, places(tmp_path / "teste", beside))
    monkeypatch.setattr(loop, "train_step", train_step)
    run_stage(often, places(tmp_path / "teste", beside))
    for folder in (whole, tmp_path / "teste"):
        events = EventAccumulator(str(folder / "tensorboard")).Reload()
        for series in ("train", "validation"):
            shown = [(event.step, event.value) for event in events.Scalars(f"{series}/loss")]
            assert shown == [(step, pytest.approx(loss)) for step, loss in losses_of(whole, series)]
    assert store.check(tmp_path / "teste") == []


def test_a_tracker_that_is_not_installed_is_named_before_anything_is_made(
    beside: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    tracked = stage(tiny_model, run={"trackers": ["wandb"]})
    with pytest.raises(MissingExtra, match=r"amalia\[wandb\]"):
        run_stage(tracked, places(tmp_path / "teste", beside))
    assert list(tmp_path.iterdir()) == []
