"""Models built from sizes, taken apart into what a stage can train, and given a longer context."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import make
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from amalia.errors import TrainingError
from amalia.model import build, export
from amalia.model.sizes import ContextExtension


def test_parts_hold_every_parameter_once(tiny_model: Path) -> None:
    model = export.load(tiny_model)
    parts = build.parts(model)
    assert set(parts) == {"vision", "connector", "language"}
    names = [name for part in parts.values() for name in part.parameters]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
    assert sum(part.count for part in parts.values()) == sum(p.numel() for p in model.parameters())


def test_the_connector_is_two_matrices_and_the_newline(tiny_model: Path) -> None:
    connector = build.parts(export.load(tiny_model))["connector"]
    assert {name: tuple(value.shape) for name, value in connector.parameters.items()} == {
        "model.image_newline": (32,),
        "model.multi_modal_projector.linear_1.weight": (32, 32),
        "model.multi_modal_projector.linear_1.bias": (32,),
        "model.multi_modal_projector.linear_2.weight": (32, 32),
        "model.multi_modal_projector.linear_2.bias": (32,),
    }
    assert connector.count == 2 * (32 * 32 + 32) + 32


def test_tied_embeddings_are_one_parameter(tiny_model: Path, tiny_language: Path) -> None:
    for folder in (tiny_model, tiny_language):
        model: Any = export.load(folder)
        assert model.lm_head.weight is model.get_input_embeddings().weight
        assert not any("lm_head" in name for name in build.parts(model)["language"].parameters)


def test_untied_embeddings_are_two(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    size = make.LANGUAGE.model_copy(update={"tied_embeddings": False})
    names = build.parts(build.language_model(size, tiny_tokenizer))["language"].parameters
    assert {"lm_head.weight", "model.embed_tokens.weight"} <= set(names)


def test_a_pair_has_a_half_that_is_not_kept(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    pair = build.siglip_pair(make.TOWER, make.TEXT_TOWER, tiny_tokenizer)
    parts = build.parts(pair)
    assert set(parts) == {"vision", "captions", "temperature"}
    assert set(parts["temperature"].parameters) == {"logit_scale", "logit_bias"}
    tower = build.tower_of(pair)
    kept = tower.state_dict()
    assert not any(".head." in name for name in kept)
    original = pair.state_dict()
    for name, value in kept.items():
        assert torch.equal(value, original[name])


def test_joining_keeps_the_weights_of_both(
    tiny_tower: Path, tiny_language: Path, tiny_model: Path
) -> None:
    tower, language = export.load_tower(tiny_tower), export.load_language(tiny_language)
    model: Any = export.load(tiny_model)
    for name, value in tower.state_dict().items():
        assert torch.equal(model.model.vision_tower.state_dict()[name], value), name
    for name, value in language.model.state_dict().items():
        assert torch.equal(model.model.language_model.state_dict()[name], value), name


def test_joined_it_reads_text_as_the_language_model_does(
    tiny_model: Path, tiny_language: Path
) -> None:
    ids = torch.arange(6, 30)[None]
    with torch.no_grad():
        alone = export.load(tiny_language)(input_ids=ids).logits
        joined = export.load(tiny_model)(input_ids=ids).logits
    torch.testing.assert_close(joined, alone)


def longer(folder: Path, **settings: Any) -> tuple[LlamaForCausalLM, LlamaForCausalLM]:
    short = export.load_language(folder)
    return short, build.extended(short, ContextExtension(**settings))


@pytest.mark.parametrize("kind", ["linear", "dynamic", "yarn", "llama3"])
def test_a_longer_context_keeps_the_weights_and_is_in_the_config(
    tiny_language: Path, kind: Any
) -> None:
    short, long = longer(tiny_language, kind=kind, factor=2)
    for name, value in short.state_dict().items():
        assert torch.equal(long.state_dict()[name], value)
    assert long.config.rope_scaling["rope_type"] == kind
    assert long.config.rope_scaling["factor"] == 2.0
    # transformers scales a dynamic model only beyond the length in its config.
    assert long.config.max_position_embeddings == (512 if kind == "dynamic" else 1024)
    assert short.config.rope_scaling is None


def frequencies(model: LlamaForCausalLM) -> torch.Tensor:
    found: torch.Tensor = model.model.rotary_emb.inv_freq
    return found


def test_linear_scaling_halves_every_frequency(tiny_language: Path) -> None:
    short, long = longer(tiny_language, kind="linear", factor=2)
    torch.testing.assert_close(frequencies(long), frequencies(short) / 2)


def test_dynamic_scaling_changes_nothing_inside_the_old_context(tiny_language: Path) -> None:
    short, long = longer(tiny_language, kind="dynamic", factor=2)
    ids = torch.arange(6, 200)[None]
    with torch.no_grad():
        torch.testing.assert_close(long(ids).logits, short(ids).logits)


def test_yarn_and_llama3_keep_the_fast_and_slow_the_slow(tiny_language: Path) -> None:
    short, yarn = longer(tiny_language, kind="yarn", factor=4)
    _, llama = longer(
        tiny_language, kind="llama3", factor=4, low_frequency_factor=1.0, high_frequency_factor=4.0
    )
    for long in (yarn, llama):
        ratio = frequencies(short) / frequencies(long)
        torch.testing.assert_close(ratio[0], torch.tensor(1.0))
        torch.testing.assert_close(ratio[-1], torch.tensor(4.0))
    # Peng et al. 2023, equation 22: the attention is sharpened by 0.1 ln(factor) + 1.
    assert yarn.model.rotary_emb.attention_scaling == pytest.approx(0.1 * math.log(4) + 1)
    assert llama.config.rope_scaling["low_freq_factor"] == 1.0
    assert llama.config.rope_scaling["high_freq_factor"] == 4.0


def test_a_higher_base_divides_the_slowest_frequency_by_the_factor(tiny_language: Path) -> None:
    short, long = longer(tiny_language, kind="theta", factor=4)
    # Heads of 16 numbers: 10,000 · 4^(16/14).
    assert long.config.rope_theta == pytest.approx(48760.546)
    assert (long.config.rope_scaling, long.config.max_position_embeddings) == (None, 2048)
    expected = torch.tensor([48760.546 ** (-i / 16) for i in range(0, 16, 2)])
    torch.testing.assert_close(frequencies(long), expected, rtol=1e-5, atol=0)
    ratio = frequencies(short) / frequencies(long)
    torch.testing.assert_close(ratio[0], torch.tensor(1.0))
    torch.testing.assert_close(ratio[-1], torch.tensor(4.0))
    assert long.model.rotary_emb.attention_scaling == 1.0


def test_a_base_that_is_given_is_the_base(tiny_language: Path) -> None:
    _, long = longer(tiny_language, kind="theta", factor=2, rope_theta=500000)
    expected = torch.tensor([500000 ** (-i / 16) for i in range(0, 16, 2)])
    torch.testing.assert_close(frequencies(long), expected, rtol=1e-5, atol=0)
    assert (long.config.rope_theta, long.config.max_position_embeddings) == (500000, 1024)


@given(
    theta=st.floats(1e3, 1e7), factor=st.floats(1.01, 128), head_dim=st.sampled_from([32, 64, 128])
)
def test_the_computed_base_keeps_the_fastest_and_slows_the_slowest(
    theta: float, factor: float, head_dim: int
) -> None:
    new = build.ntk_theta(theta, factor=factor, head_dim=head_dim)
    last = (head_dim - 2) / head_dim
    assert (new / theta) ** last == pytest.approx(factor)


def test_a_base_that_is_not_higher_is_refused(tiny_language: Path) -> None:
    with pytest.raises(
        TrainingError,
        match=r"extension\.rope_theta 10000 is not above that of the model, 10000; a longer context",
    ):
        longer(tiny_language, kind="theta", factor=2, rope_theta=10000)


@pytest.mark.parametrize("kind", ["linear", "theta"])
def test_a_model_that_is_scaled_already_is_not_scaled_again(tiny_language: Path, kind: Any) -> None:
    _, long = longer(tiny_language, kind="linear", factor=2)
    with pytest.raises(
        TrainingError,
        match=r"is extended already, by .*'linear', 'factor': 2\.0.*; start from the model before",
    ):
        build.extended(long, ContextExtension(kind=kind, factor=2))


def test_a_higher_base_can_be_raised_again(tiny_language: Path) -> None:
    _, long = longer(tiny_language, kind="theta", factor=2)
    longest = build.extended(long, ContextExtension(kind="theta", factor=2))
    _, direct = longer(tiny_language, kind="theta", factor=4)
    torch.testing.assert_close(frequencies(longest), frequencies(direct))
    assert longest.config.max_position_embeddings == direct.config.max_position_embeddings == 2048
