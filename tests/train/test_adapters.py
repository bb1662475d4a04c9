"""Adapters: beside the layers meant, nothing at the start, one folder for peft and plain weights for the rest."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import make
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from amalia import store
from amalia.device import Device
from amalia.errors import MissingExtra, TrainingError
from amalia.model import attention, build, export
from amalia.model.render import Renderer, collate
from amalia.train import adapters, loop
from amalia.train.loop import run_stage
from amalia.train.meters import Pace
from amalia.train.micro_batch import Named, next_token_batch
from amalia.train.optimizer import optimizers_for
from amalia.train.sharding import Computed
from amalia.train.stage import Lora, Places, Stage, Trainable
from amalia.train.step import train_step
from amalia.train.trainable import freeze, lighten

CPU = Device("cpu", "float32", "a test", "test", 1, 0)
COLORS = ("red", "green", "blue", "white", "black", "yellow")
NAMES = ("vermelho", "verde", "azul", "branco", "preto", "amarelo")
LAYERS_OF_A_TOWER = ["fc1", "fc2", "k_proj", "out_proj", "q_proj", "v_proj"]
LAYERS_OF_A_LLAMA = [
    "down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj",
]  # fmt: skip
MIXED: dict[str, Any] = {
    "vision": {"lr": 1e-2, "lora": {"rank": 2, "dropout": 0.1}},
    "connector": {"lr": 1e-3},
    "language": {"lr": 1e-2, "lora": {"rank": 4, "alpha": 12}},
}


def conversations() -> list[Any]:
    return [
        make.conversation(
            ("user", make.picture(color=COLORS[n]), "Que cor?"),
            ("assistant", f"É {NAMES[n]}."),
            id=f"c{n}",
        )
        for n in range(6)
    ]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of conversations, preferences and prose."""
    folder = tmp_path_factory.mktemp("beside")
    make.write_artifact(folder / "cores", "conversations", conversations())
    pairs = [
        make.preference(
            ("user", make.picture(color=COLORS[n]), "O que vês?"),
            chosen=f"Um autocarro {NAMES[n]}.",
            rejected=f"Um ônibus {NAMES[n]}.",
            id=f"p{n}",
        )
        for n in range(6)
    ]
    make.write_artifact(folder / "pares", "preferences", pairs)
    prose = [make.document(text, id=f"d{n}") for n, text in enumerate(make.TEXTS)]
    make.write_artifact(folder / "prosa", "documents", prose)
    return folder


def stage(model: Path, **more: Any) -> Stage:
    tree: dict[str, Any] = {
        "name": "teste",
        "start": {"kind": "model", "model": str(model)},
        "objective": {"kind": "next_token"},
        "trainable": MIXED,
        "mixture": [{"artifact": "cores", "weight": 1}],
        "steps": 6,
        "batch": 4,
        "max_tokens": 96,
        "run": {"checkpoint_every_s": 1e-9},
    }
    return Stage.model_validate({**tree, **more})


def places(out: Path, beside: Path) -> Places:
    return Places(out=out, beside=beside, packaged=beside)


def log_of(folder: Path) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in entry.items() if name not in ("seconds", *Pace._fields)}
        for entry in entries
    ]


def logits(model: Any, renderer: Renderer) -> torch.Tensor:
    """What a model says about pictures and words of six conversations."""
    attention.attend(model, "eager")
    items = [renderer.conversation(row) for row in conversations()]
    batch = collate(items, pad_id=renderer.pad_id)
    model.eval()
    with torch.no_grad():
        found: torch.Tensor = model(**batch.model_inputs()).logits
    return found[batch.attention_mask_BT.bool()]


def adapted(folder: Path, **trainable: Any) -> tuple[Any, dict[str, torch.nn.Parameter]]:
    torch.manual_seed(0)
    model = export.load(folder)
    attention.attend(model, "eager", "documents")
    hows = {name: Trainable.model_validate({"lr": 0.1, **how}) for name, how in trainable.items()}
    return model, freeze(model, hows)


def layers(names: Any) -> list[str]:
    """Last names of the layers beside which there are adapters."""
    return sorted({name.partition(".lora_")[0].rpartition(".")[2] for name in names})


def test_adapters_are_in_the_part_named_and_nowhere_else(tiny_model: Path) -> None:
    tower, seen = adapted(tiny_model, vision={"lora": {}})
    assert all(name.startswith("model.vision_tower.") for name in seen)
    assert layers(seen) == LAYERS_OF_A_TOWER
    assert not any("lora" in name for name in build.parts(tower)["language"].parameters)
    _, spoken = adapted(tiny_model, language={"lora": {}})
    assert all(name.startswith("model.language_model.layers.") for name in spoken)
    assert layers(spoken) == LAYERS_OF_A_LLAMA
    _, joined = adapted(tiny_model, connector={"lora": {"rank": 3}})
    assert {name: tuple(value.shape) for name, value in joined.items()} == {
        f"model.multi_modal_projector.linear_{n}.lora_{matrix}.default.weight": shape
        for n in (1, 2)
        for matrix, shape in (("A", (3, 32)), ("B", (32, 3)))
    }


def test_only_adapters_and_full_parts_train(tiny_model: Path) -> None:
    model, trained = adapted(tiny_model, connector={}, language={"lora": {"rank": 4}})
    parts = build.parts(model)
    assert set(trained) == {*parts["connector"].parameters, *parts["language"].adapters}
    assert {name for name, value in model.named_parameters() if value.requires_grad} == set(trained)
    # Of the language model: two layers, each with matrices of 32 x 32, 32 x 16 (twice) and 32 x 64.
    widths = [32 + 32, 32 + 16, 32 + 16, 32 + 32, 32 + 64, 32 + 64, 64 + 32]
    assert sum(value.numel() for value in parts["language"].adapters.values()) == 2 * 4 * sum(
        widths
    )
    plain = build.parts(export.load(tiny_model))
    assert {name: part.count for name, part in parts.items()} == {
        name: part.count for name, part in plain.items()
    }


def test_tied_embeddings_stay_tied_and_have_no_adapter(tiny_model: Path) -> None:
    model, trained = adapted(tiny_model, language={"lora": {}})
    assert model.lm_head.weight is model.get_input_embeddings().weight
    assert not any("lm_head" in name or "embed" in name for name in trained)


def test_untied_heads_have_no_adapter_either(tiny_tokenizer: Any) -> None:
    size = make.LANGUAGE.model_copy(update={"tied_embeddings": False})
    model = build.language_model(size, tiny_tokenizer)
    trained = freeze(model, {"language": Trainable(lr=0.1, lora=Lora())})
    assert layers(trained) == LAYERS_OF_A_LLAMA


def test_the_pooling_head_of_a_tower_has_no_adapter(tiny_tokenizer: Any) -> None:
    pair = build.siglip_pair(make.TOWER, make.TEXT_TOWER, tiny_tokenizer, letters="ab")
    assert any(name.startswith("vision_model.head.") for name, _ in pair.named_parameters())
    trained = freeze(pair, {"vision": Trainable(lr=0.1, lora=Lora())})
    assert layers(trained) == LAYERS_OF_A_TOWER
    assert all(name.startswith("vision_model.encoder.layers.") for name in trained)


def test_targets_are_endings_of_names(tiny_model: Path) -> None:
    _, some = adapted(tiny_model, language={"lora": {"targets": ["q_proj", "mlp.up_proj"]}})
    assert layers(some) == ["q_proj", "up_proj"]
    assert len(some) == 2 * 2 * 2
    _, one = adapted(tiny_model, vision={"lora": {"targets": ["layers.1.self_attn.v_proj"]}})
    prefix = "model.vision_tower.vision_model.encoder.layers.1.self_attn.v_proj"
    assert set(one) == {f"{prefix}.lora_{matrix}.default.weight" for matrix in "AB"}


@pytest.mark.parametrize(
    ("part", "target", "have"),
    [
        ("vision", "up_proj", LAYERS_OF_A_TOWER),
        ("language", "lm_head", LAYERS_OF_A_LLAMA),
        ("language", "proj", LAYERS_OF_A_LLAMA),
        ("language", "embed_tokens", LAYERS_OF_A_LLAMA),
        ("connector", "q_proj", ["linear_1", "linear_2"]),
    ],
)
def test_a_target_that_is_not_there_is_refused_with_those_that_are(
    tiny_model: Path, part: str, target: str, have: list[str]
) -> None:
    with pytest.raises(TrainingError) as caught:
        adapted(tiny_model, **{part: {"lora": {"targets": [*have[:1], target]}}})
    assert str(caught.value) == (
        f"trainable.{part}.lora.targets names {target}; "
        f"the layers of this part end in {', '.join(have)}"
    )


def test_without_peft_the_extra_is_named(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtra, match=r"adapters \(lora\) needs .*'amalia\[train\]'"):
        adapted(tiny_model, language={"lora": {}})
    adapted(tiny_model, language={})


@pytest.mark.parametrize(
    ("settings", "scale"),
    [
        ({"rank": 4}, 2.0),
        ({"rank": 16}, 2.0),
        ({"rank": 4, "alpha": 2}, 0.5),
        ({"rank": 4, "alpha": 16, "rslora": True}, 8.0),
    ],
)
def test_the_scale_is_alpha_by_rank_or_by_its_root(
    tiny_model: Path, settings: Any, scale: float
) -> None:
    model, _ = adapted(tiny_model, language={"lora": settings})
    before = export.load(tiny_model).model.language_model.layers[0].mlp.up_proj.weight
    up = model.model.language_model.layers[0].mlp.up_proj
    up.lora_B["default"].weight.data.normal_()
    delta = scale * up.lora_B["default"].weight @ up.lora_A["default"].weight
    adapters.merge(model)
    torch.testing.assert_close(
        model.model.language_model.layers[0].mlp.up_proj.weight, before + delta
    )


def test_every_part_has_its_own_rank_scale_and_dropout(tiny_model: Path) -> None:
    model, _ = adapted(tiny_model, **MIXED)
    seen = model.model.vision_tower.vision_model.encoder.layers[1].mlp.fc1
    spoken = model.model.language_model.layers[1].self_attn.q_proj
    assert (seen.r["default"], seen.scaling["default"]) == (2, 2.0)
    assert (spoken.r["default"], spoken.scaling["default"]) == (4, 3.0)
    assert (seen.lora_dropout["default"].p, spoken.lora_dropout["default"].p) == (0.1, 0.0)


def test_adapters_are_drawn_from_the_seed_and_change_nothing_yet(tiny_model: Path) -> None:
    renderer = Renderer.load(tiny_model)
    plain = logits(export.load(tiny_model), renderer)
    (model, first), (_, second) = adapted(tiny_model, **MIXED), adapted(tiny_model, **MIXED)
    assert all(torch.equal(second[name], value) for name, value in first.items())
    assert torch.equal(logits(model, renderer), plain)
    down = [value for name, value in first.items() if ".lora_A." in name]
    assert all(value.any() for value in down)


def test_merged_it_is_the_plain_model_and_says_the_same(tiny_model: Path) -> None:
    renderer = Renderer.load(tiny_model)
    model, trained = adapted(tiny_model, **MIXED)
    items = [Named(renderer.conversation(row), "cores") for row in conversations()]
    batches = [next_token_batch(items, pad_id=renderer.pad_id, device="cpu")]
    hows = {name: Trainable.model_validate(how) for name, how in MIXED.items()}
    optimizer = optimizers_for(model, hows, kind="adamw", beta2=0.95)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    for _ in range(3):
        train_step(Computed(model), batches, optimizer, clip_norm=1.0, device=CPU)
    changed = {
        name for name, value in model.named_parameters() if not torch.equal(value, before[name])
    }
    assert changed <= set(trained)
    assert all(name in changed for name in trained if ".lora_B." in name)
    said = logits(model, renderer)
    adapters.merge(model)
    assert not adapters.are_in(model)
    torch.testing.assert_close(logits(model, renderer), said, rtol=1e-4, atol=1e-4)
    plain = export.load(tiny_model)
    assert [name for name, _ in model.named_parameters()] == [
        name for name, _ in plain.named_parameters()
    ]
    assert model.lm_head.weight is model.get_input_embeddings().weight


def test_in_half_precision_the_adapters_get_nearly_the_same_gradients(tiny_model: Path) -> None:
    renderer = Renderer.load(tiny_model)
    items = [Named(renderer.conversation(row), "cores") for row in conversations()]
    found = []
    for device in (CPU, Device("cpu", "bfloat16", "a test", "test", 1, 0)):
        model, trained = adapted(tiny_model, language={"lora": {}})
        batches = [next_token_batch(items, pad_id=renderer.pad_id, device="cpu")]
        optimizer = optimizers_for(
            model, {"language": Trainable(lr=0.1, lora=Lora())}, kind="adamw", beta2=0.95
        )
        train_step(Computed(model), batches, optimizer, clip_norm=1e9, device=device)
        gradients = [value.grad for name, value in trained.items() if ".lora_B." in name]
        assert all(grad is not None and grad.dtype == torch.float32 for grad in gradients)
        found.append(torch.cat([grad.flatten() for grad in gradients if grad is not None]))
    exact, half = found
    assert torch.nn.functional.cosine_similarity(exact, half, dim=0) > 0.999


def test_held_in_half_precision_what_is_frozen_gives_adapters_nearly_the_same_gradients(
    tiny_model: Path,
) -> None:
    renderer = Renderer.load(tiny_model)
    items = [Named(renderer.conversation(row), "cores") for row in conversations()]
    found = []
    for device in (CPU, Device("cuda", "bfloat16", "a test", "test", 1, 0)):
        model, trained = adapted(tiny_model, language={"lora": {}}, connector={})
        lighten(model, device)
        with torch.autocast("cpu", torch.bfloat16, enabled=device is not CPU):
            next_token_batch(items, pad_id=renderer.pad_id, device="cpu").compute(
                model
            ).total.backward()
        held = {value.dtype for value in model.parameters() if not value.requires_grad}
        assert held == {device.torch_dtype}
        assert {value.dtype for value in trained.values()} == {torch.float32}
        gradients = [value.grad for value in trained.values()]
        assert all(grad is None or grad.dtype == torch.float32 for grad in gradients)
        found.append(torch.cat([grad.flatten() for grad in gradients if grad is not None]))
    exact, half = found
    assert torch.nn.functional.cosine_similarity(exact, half, dim=0) > 0.999


@pytest.fixture(scope="module")
def whole(beside: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stage with adapters in the tower and the language model and a full connector, in one go."""
    out = tmp_path_factory.mktemp("whole") / "teste"
    manifest = run_stage(stage(tiny_model), places(out, beside))
    assert manifest.figures["parameters"] == sum(
        part.count for part in build.parts(export.load(tiny_model)).values()
    )
    tower = 2 * 2 * (4 * (32 + 32) + 2 * (32 + 64))
    language = 2 * 4 * (2 * (32 + 32) + 2 * (32 + 16) + 3 * (32 + 64))
    assert manifest.figures["parameters_trained"] == tower + 2 * (32 * 32 + 32) + 32 + language
    return out


def test_the_artifact_is_a_plain_model_with_the_adapters_in_it(
    whole: Path, tiny_model: Path
) -> None:
    assert store.check(whole) == []
    trained, before = (load_file(folder / "model.safetensors") for folder in (whole, tiny_model))
    assert {name: value.shape for name, value in trained.items()} == {
        name: value.shape for name, value in before.items()
    }
    changed = [name for name, value in trained.items() if not torch.equal(value, before[name])]
    assert any("vision_tower" in name for name in changed)
    assert "multi_modal_projector.linear_1.weight" in changed
    assert not any("embed_tokens" in name or "norm" in name for name in changed)
    assert type(AutoModelForImageTextToText.from_pretrained(whole)).__name__ == (
        "LlavaNextForConditionalGeneration"
    )


def test_peft_loads_the_adapters_onto_the_start_and_says_what_the_artifact_says(
    whole: Path, tiny_model: Path
) -> None:
    assert sorted(path.name for path in (whole / "adapter").iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors",
    ]  # fmt: skip
    tensors = load_file(whole / "adapter" / "adapter_model.safetensors")
    full = {name for name in tensors if ".lora_" not in name}
    assert full == {
        f"base_model.model.{name}"
        for name in build.parts(export.load(tiny_model))["connector"].parameters
    }
    renderer = Renderer.load(tiny_model)
    start = logits(export.load(tiny_model), renderer)
    merged = logits(export.load(whole), renderer)
    model = PeftModel.from_pretrained(export.load(tiny_model), str(whole / "adapter"))
    difference = (logits(model, renderer) - merged).abs()
    # The export is in bfloat16, whose numbers are 0.4 to 0.8 % apart.
    assert difference.mean() < 0.01 * (merged - start).abs().mean()
    assert difference.max() < 0.04 * merged.abs().max()
    rounded = model.merge_and_unload().state_dict()
    for name, value in export.load(whole).state_dict().items():
        assert torch.equal(rounded[name].to(torch.bfloat16), value.to(torch.bfloat16)), name


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def stopping(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == step:
            raise KeyboardInterrupt
        return train_step(*arguments, **more)

    monkeypatch.setattr(loop, "train_step", stopping)


def test_stopping_and_going_on_gives_the_same_adapters(
    whole: Path, beside: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, partial = tmp_path / "teste", tmp_path / "teste.partial"
    with monkeypatch.context() as patched:
        stop_at(4, patched)
        with pytest.raises(KeyboardInterrupt):
            run_stage(stage(tiny_model), places(out, beside))
    # A run may also have been killed after it wrote its adapters.
    (partial / "adapter").mkdir()
    (partial / "adapter" / "adapter_config.json").write_text("{}")
    run_stage(stage(tiny_model), places(out, beside))
    assert log_of(out) == log_of(whole)
    for name in ("model.safetensors", "adapter/adapter_model.safetensors"):
        resumed, first = (load_file(folder / name) for folder in (out, whole))
        assert resumed.keys() == first.keys()
        assert all(torch.equal(resumed[key], value) for key, value in first.items()), name
    configs = [(folder / "adapter/adapter_config.json").read_bytes() for folder in (out, whole)]
    assert configs[0] == configs[1]


def test_preferences_with_adapters_start_at_log_2_and_learn(
    beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    dpo = stage(
        tiny_model,
        objective={"kind": "dpo"},
        trainable={"language": {"lr": 1e-2, "lora": {"rank": 4, "dropout": 0.1}}},
        mixture=[{"artifact": "pares", "weight": 1}],
        validation={"artifact": "pares", "rows": 6, "times": 1},
        steps=12,
        batch=6,
    )
    run_stage(dpo, places(tmp_path / "dpo", beside))
    entries = log_of(tmp_path / "dpo")
    measured = [entry["loss"] for entry in entries if entry["series"] == "validation"]
    first_step = next(entry for entry in entries if entry["series"] == "train")
    # Half precision sums another batch in another order.
    assert measured[0] == pytest.approx(math.log(2), abs=0.02)
    assert first_step["loss"] == pytest.approx(math.log(2), abs=0.02)
    assert measured[1] < 0.7 * measured[0]


def test_a_longer_context_can_be_learnt_by_adapters(
    beside: Path, tiny_language: Path, tmp_path: Path
) -> None:
    longer = stage(
        tiny_language,
        start={
            "kind": "extended",
            "language": str(tiny_language),
            "extension": {"kind": "theta", "factor": 2},
        },
        trainable={"language": {"lr": 1e-3, "lora": {"targets": ["q_proj", "k_proj"]}}},
        mixture=[{"artifact": "prosa", "weight": 1}],
        steps=1,
        max_tokens=32,
    )
    run_stage(longer, places(tmp_path / "longo", beside))
    model = export.load_language(tmp_path / "longo")
    assert model.config.max_position_embeddings == 1024
    config = json.loads((tmp_path / "longo/adapter/adapter_config.json").read_text())
    assert config["r"] == 16
    assert config["lora_alpha"] == 32
    assert config["target_modules"] == [
        f"model.layers.{layer}.self_attn.{name}"
        for layer in (0, 1)
        for name in ("k_proj", "q_proj")
    ]


def test_the_tower_alone_has_its_adapters_in_it(
    beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    kept = stage(tiny_model, trainable={"vision": {"lr": 1e-2, "lora": {}}}, keep="tower")
    run_stage(kept, places(tmp_path / "torre", beside))
    name = "vision_model.encoder.layers.0.mlp.fc1.weight"
    trained, before = (export.load_tower(folder) for folder in (tmp_path / "torre", tiny_model))
    assert set(trained.state_dict()) == set(before.state_dict())
    assert not torch.equal(trained.state_dict()[name], before.state_dict()[name])
    assert (tmp_path / "torre/adapter/adapter_config.json").is_file()
