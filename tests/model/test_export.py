"""Exports are plain Hugging Face folders: what a user would type works on them as it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import make
import pytest
import torch
from safetensors import safe_open
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    pipeline,
)

from amalia.errors import ArtifactError
from amalia.model import build, export
from amalia.model.render import Renderer, chat_template, collate
from amalia.model.sizes import ContextExtension


@pytest.fixture
def picture_path(tmp_path: Path) -> str:
    path = tmp_path / "gato.png"
    path.write_bytes(make.picture(40, 24, noise=1))
    return str(path)


@pytest.mark.parametrize("key", ["path", "url", "image"])
def test_the_snippet_of_the_model_card_works(tiny_model: Path, picture_path: str, key: str) -> None:
    model_id = str(tiny_model)
    processor = AutoProcessor.from_pretrained(model_id)
    model = AutoModelForImageTextToText.from_pretrained(
        model_id, dtype=torch.bfloat16, device_map="auto"
    )
    messages = [
        {
            "role": "user",
            "content": [
                {"type": "image", key: picture_path},
                {"type": "text", "text": "Descreve esta imagem em português."},
            ],
        }
    ]
    inputs = processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    ).to(model.device)
    output = model.generate(**inputs, max_new_tokens=6)
    answers = processor.batch_decode(output, skip_special_tokens=True)

    assert set(inputs) == {"input_ids", "attention_mask", "pixel_values", "image_sizes"}
    assert model.dtype == torch.bfloat16
    assert len(answers) == 1
    assert answers[0].startswith("user\n\nDescreve esta imagem em português.\nassistant\n")


def test_the_pipeline_works(tiny_model: Path, picture_path: str) -> None:
    answer: Any = pipeline("image-text-to-text", model=str(tiny_model))
    messages = [
        {
            "role": "user",
            "content": [{"type": "image", "url": picture_path}, {"type": "text", "text": "Olá."}],
        }
    ]
    (found,) = answer(text=messages, max_new_tokens=4)
    assert found["generated_text"][-1]["role"] == "assistant"
    assert isinstance(found["generated_text"][-1]["content"], str)


def test_several_pictures_and_turns_generate_as_rendered_here(tiny_model: Path) -> None:
    model: Any = export.load(tiny_model)
    renderer = Renderer.load(tiny_model)
    rows = [
        make.conversation(
            ("user", make.picture(40, 16, noise=1), "E ", make.picture(9, 30, noise=2), "?")
        ),
        make.conversation(
            ("user", "Olá."), ("assistant", "Olá!"), ("user", make.picture(), "E isto?")
        ),
        make.conversation(("user", "Só texto.")),
    ]
    rendered = [renderer.prompt(row) for row in rows]
    together = collate(rendered, pad_id=renderer.pad_id, side="left")
    alone = [collate([item], pad_id=renderer.pad_id) for item in rendered]
    with torch.no_grad():
        last = model(**together.model_inputs()).logits[:, -1]
        for row, batch in enumerate(alone):
            torch.testing.assert_close(model(**batch.model_inputs()).logits[0, -1], last[row])


def weights(folder: Path) -> dict[str, str]:
    with safe_open(folder / "model.safetensors", "pt") as file:
        return {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118


def test_weights_are_bfloat16_and_tied_ones_stand_once(
    tiny_model: Path, tiny_language: Path, tiny_tower: Path
) -> None:
    for folder in (tiny_model, tiny_language, tiny_tower):
        assert set(weights(folder).values()) == {"BF16"}
        assert not any("lm_head" in name for name in weights(folder))
    # The names of transformers 4.57, which vLLM loads.
    assert {name.split(".")[0] for name in weights(tiny_model)} == {
        "image_newline", "language_model", "multi_modal_projector", "vision_tower",
    }  # fmt: skip


def test_untied_weights_stand_twice(
    tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    size = make.LANGUAGE.model_copy(update={"tied_embeddings": False})
    model = build.language_model(size, tiny_tokenizer)
    export.export(model, tmp_path, tokenizer=tiny_tokenizer, grid=None)
    assert {"lm_head.weight", "model.embed_tokens.weight"} <= set(weights(tmp_path))
    assert not torch.equal(
        *(
            export.load(tmp_path).state_dict()[name]
            for name in ("lm_head.weight", "model.embed_tokens.weight")
        )
    )


def read(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / name).read_text("utf-8"))
    return found


def test_the_config_says_what_is_there_and_no_path_of_this_machine(tiny_model: Path) -> None:
    config = read(tiny_model, "config.json")
    for section in (config, config["text_config"], config["vision_config"]):
        assert section["dtype"] == "bfloat16"
    assert config["model_type"] == "llava_next"
    assert config["image_grid_pinpoints"] == [[16, 16], [16, 32], [32, 16]]
    for path in tiny_model.glob("*.json"):
        assert str(tiny_model.parent.parent) not in path.read_text("utf-8"), path.name


def test_the_folder_says_how_to_read_and_answer(
    tiny_model: Path, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    assert (tiny_model / "chat_template.jinja").read_text("utf-8") == chat_template()
    words = read(tiny_model, "tokenizer_config.json")
    assert words["model_input_names"] == ["input_ids", "attention_mask"]
    answering = read(tiny_model, "generation_config.json")
    assert answering["eos_token_id"] == tiny_tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert answering["pad_token_id"] == tiny_tokenizer.pad_token_id
    assert answering["max_new_tokens"] == 256
    assert not answering.get("do_sample", False)


def test_what_is_loaded_is_what_was_saved_rounded_to_bfloat16(
    tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast, tiny_tower: Path, tiny_language: Path
) -> None:
    torch.manual_seed(0)
    model = build.llava_next(
        export.load_tower(tiny_tower),
        export.load_language(tiny_language),
        tiny_tokenizer,
        make.GRID,
    )
    make.spread(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    export.export(model, tmp_path, tokenizer=tiny_tokenizer, grid=make.GRID)
    loaded = export.load(tmp_path)
    assert loaded.dtype == torch.float32
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, before[name].to(torch.bfloat16).float()), name
        assert torch.equal(model.state_dict()[name], before[name]), name


def test_a_language_model_is_a_plain_llama(tiny_language: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_language, dtype="auto")
    words = AutoTokenizer.from_pretrained(tiny_language)
    inputs = words.apply_chat_template(
        [{"role": "user", "content": "Olá."}],
        add_generation_prompt=True,
        return_dict=True,
        return_tensors="pt",
    )
    assert (
        words.decode(inputs["input_ids"][0])
        == "<|im_start|>user\nOlá.<|im_end|>\n<|im_start|>assistant\n"
    )
    output: Any = model.generate(**inputs, max_new_tokens=3)
    assert model.dtype == torch.bfloat16
    assert inputs["input_ids"].shape[1] < output.shape[1] <= inputs["input_ids"].shape[1] + 3


@pytest.mark.parametrize("kind", ["linear", "dynamic", "yarn", "llama3"])
def test_a_longer_context_survives_export_and_generates_past_the_old_one(
    tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast, tiny_tower: Path, kind: Any
) -> None:
    torch.manual_seed(0)
    size = make.LANGUAGE.model_copy(update={"context_tokens": 32})
    short = build.language_model(size, tiny_tokenizer)
    make.spread(short)
    long = build.extended(short, ContextExtension(kind=kind, factor=2))
    (tmp_path / "text").mkdir()
    export.export(long, tmp_path / "text", tokenizer=tiny_tokenizer, grid=None)
    scaling = read(tmp_path / "text", "config.json")["rope_scaling"]
    assert (scaling["rope_type"], scaling["factor"]) == (kind, 2.0)
    if kind in ("yarn", "llama3"):
        assert scaling["original_max_position_embeddings"] == 32

    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "text", dtype=torch.float32)
    ids = torch.arange(6, 46)[None]
    output: Any = loaded.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, min_new_tokens=8
    )
    assert output.shape == (1, 48)
    exact = export.load_language(tmp_path / "text")
    with torch.no_grad():
        # Word by word equals all at once, also past position 32. A dynamic model rescales as it
        # grows, so there what was cached before is only nearly the same; see transformers.
        whole = exact(output).logits[0, 39:-1].argmax(-1)
    if kind != "dynamic":
        assert whole.tolist() == output[0, 40:].tolist()

    seeing = build.llava_next(
        export.load_tower(tiny_tower),
        export.load_language(tmp_path / "text"),
        tiny_tokenizer,
        make.GRID,
    )
    (tmp_path / "seeing").mkdir()
    export.export(seeing, tmp_path / "seeing", tokenizer=tiny_tokenizer, grid=make.GRID)
    assert read(tmp_path / "seeing", "config.json")["text_config"]["rope_scaling"] == scaling


def test_a_higher_base_is_plain_in_the_config_and_survives_export(
    tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast, tiny_tower: Path, tiny_language: Path
) -> None:
    short = export.load_language(tiny_language)
    long = build.extended(short, ContextExtension(kind="theta", factor=2, rope_theta=200000))
    (tmp_path / "text").mkdir()
    export.export(long, tmp_path / "text", tokenizer=tiny_tokenizer, grid=None)
    loaded = export.load_language(tmp_path / "text")
    seeing = build.llava_next(export.load_tower(tiny_tower), loaded, tiny_tokenizer, make.GRID)
    (tmp_path / "seeing").mkdir()
    export.export(seeing, tmp_path / "seeing", tokenizer=tiny_tokenizer, grid=make.GRID)
    text = read(tmp_path / "text", "config.json")
    for config in (text, read(tmp_path / "seeing", "config.json")["text_config"]):
        assert config["rope_theta"] == 200000.0
        assert config["max_position_embeddings"] == 1024
        assert config["rope_scaling"] is None
    ids = torch.arange(6, 46)[None]
    with torch.no_grad():
        said = export.load(tmp_path / "seeing")(input_ids=ids).logits
        torch.testing.assert_close(said, loaded(ids).logits)
        assert not torch.allclose(said, short(ids).logits, atol=0.01)


def test_what_is_no_model_or_another_one_is_refused(
    tmp_path: Path, tiny_tower: Path, tiny_language: Path
) -> None:
    with pytest.raises(ArtifactError, match=r"is not an exported model: it has no config\.json"):
        export.load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(
        ArtifactError, match="holds a model of type gpt2; expected one of llama, llava_next"
    ):
        export.load(tmp_path)
    with pytest.raises(ArtifactError, match="holds a SiglipVisionModel; expected a language model"):
        export.load_language(tiny_tower)
    with pytest.raises(
        ArtifactError, match="holds a LlamaForCausalLM; expected a SigLIP-type tower"
    ):
        export.load_tower(tiny_language)
    with pytest.raises(ArtifactError, match=r"has no tokenizer\.json"):
        export.load_tokenizer(tmp_path)
