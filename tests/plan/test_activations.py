"""What a layer keeps, beside what torch really keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaModel, SiglipVisionConfig, SiglipVisionModel

from amalia.plan.activations import Pass, language_layer, language_stack, tower_layer, tower_stack

TOKENS, PATCHES = 96, 64
WAYS = pytest.mark.parametrize("is_trained", [True, False], ids=["trained", "frozen"])
FORMATS = pytest.mark.parametrize(
    ("attention", "dtype"),
    [("eager", torch.float32), ("sdpa", torch.float32), ("sdpa", torch.bfloat16)],
    ids=["plain", "fused", "bfloat16"],
)


def kept(model: torch.nn.Module, run: Callable[[], Any]) -> int:
    """Bytes of the tensors that a forward pass keeps, without the weights, each storage once."""
    weights = {parameter.data_ptr() for parameter in model.parameters()}
    found: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in weights:
            found[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        run()
    return sum(tensor.untyped_storage().nbytes() for tensor in found.values())


def llama(layers: int) -> LlamaConfig:
    return LlamaConfig(
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=50,
    )


def siglip(layers: int) -> SiglipVisionConfig:
    return SiglipVisionConfig(
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=layers,
        num_attention_heads=4,
        image_size=64,
        patch_size=8,
        vision_use_head=False,
    )


def of_llama(layers: int, attention: str, dtype: torch.dtype, is_trained: bool) -> int:
    config = llama(layers)
    config._attn_implementation = attention
    model = LlamaModel(config).to(dtype).train().requires_grad_(is_trained)
    embedded = torch.randn(1, TOKENS, 64, dtype=dtype, requires_grad=True)
    # With a mask of ones transformers takes the kernel without a mask; with none it makes one.
    ones = torch.ones(1, TOKENS, dtype=torch.long)
    return kept(model, lambda: model(inputs_embeds=embedded, attention_mask=ones, use_cache=False))


def of_siglip(layers: int, attention: str, dtype: torch.dtype, is_trained: bool) -> int:
    config = siglip(layers)
    config._attn_implementation = attention
    model = SiglipVisionModel(config).to(dtype).train().requires_grad_(is_trained)
    pixels = torch.randn(2, 3, 64, 64, dtype=dtype, requires_grad=True)
    return kept(model, lambda: model(pixel_values=pixels))


@WAYS
@FORMATS
def test_a_llama_layer_keeps_as_much_as_counted(
    attention: str, dtype: torch.dtype, is_trained: bool
) -> None:
    how = (attention, dtype, is_trained)
    measured = (of_llama(2, *how) - of_llama(1, *how)) / TOKENS
    plain = TOKENS if attention == "eager" else 0
    assert measured == language_layer(llama(1), Pass(dtype.itemsize, plain, is_trained))


@WAYS
@FORMATS
def test_a_siglip_layer_keeps_as_much_as_counted(
    attention: str, dtype: torch.dtype, is_trained: bool
) -> None:
    how = (attention, dtype, is_trained)
    measured = (of_siglip(2, *how) - of_siglip(1, *how)) / (2 * PATCHES)
    plain = PATCHES if attention == "eager" else 0
    # On a CPU the mean and the scale of a LayerNorm in bfloat16 are bfloat16 too: 8 bytes less.
    counted = tower_layer(siglip(1), Pass(dtype.itemsize, plain, is_trained))
    assert 0 <= counted - measured <= 8


def test_the_layer_of_the_published_size_by_hand() -> None:
    config = LlamaConfig(
        hidden_size=4096,
        intermediate_size=12288,
        num_hidden_layers=42,
        num_attention_heads=32,
        num_key_value_heads=8,
    )
    # 20 × 4096 + 4 × 1024 + 8 × 12288, and 4 bytes for each of two norms and 32 heads
    assert language_layer(config, Pass(2)) == 184_320 + 136
    assert language_stack(config, Pass(2), "none") == 42 * 184_456
    assert language_stack(config, Pass(2), "full") == 42 * 8192 + 184_456
    # 2 × (3 × 4096 + 2 × 4096 + 2 × 1024 + 2 × 12288) + 4 × 32 of each layer, and one whole
    assert language_stack(config, Pass(2), "selective") == 42 * 94_336 + 184_456 - 94_336


def test_checkpointing_keeps_less_the_more_is_computed_again() -> None:
    for stack, config in ((language_stack, llama(6)), (tower_stack, siglip(6))):
        none, selective, full = (
            stack(config, Pass(2), how)  # type: ignore[operator]
            for how in ("none", "selective", "full")
        )
        assert none > selective > full
