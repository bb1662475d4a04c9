"""Bytes that a forward pass keeps for the backward pass, counted tensor by tensor.

The accounting is that of Korthikanti et al. 2022, section 4 (arXiv:2205.05198), redone for the layers
that are really there: transformers' Llama (RMSNorm in float32, rotary positions, grouped keys, SwiGLU)
and SigLIP (LayerNorm, GELU). A tensor counts once however many operations keep it. A product with
a frozen weight keeps no input, for only the gradient of that weight would need it. Attention is fused
and keeps no scores, except where a CPU computes short sequences plainly.

Checkpointing: ``full`` keeps the input of a layer and computes the rest again, one layer at a time;
``selective`` keeps the results of matrix products and of attention, and computes norms, rotary positions
and activation functions again.

Letters: h hidden, q heads × size of a head, k the same of keys, f feed-forward, e bytes of an element.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from transformers import LlamaConfig, SiglipVisionConfig

Checkpointing = Literal["none", "selective", "full"]

_FLOAT32 = 4


@dataclass(frozen=True, slots=True)
class Pass:
    """How layers are computed."""

    element: int
    """Bytes of the format matrix products are computed in: 2 for bfloat16."""
    plain_attention: int = 0
    """Tokens of the sequences whose attention keeps its scores; 0 when it is fused."""
    is_trained: bool = True
    """False when gradients only go through to what stands before."""


def language_layer(config: LlamaConfig, how: Pass) -> int:
    """Bytes a token that one Llama layer keeps: for e = 2 and trained 20h + 4k + 8f, and a little."""
    h, f, e = int(config.hidden_size), int(config.intermediate_size), how.element
    q, k = _widths(config)
    norms = 2 * (_FLOAT32 * h + _FLOAT32)  # the input in float32 and one number to scale it by
    norms += 2 * (2 * e * h if how.is_trained else 0)  # scaled, and as the products read it
    # Queries, keys, values, and what comes out, which a fused kernel keeps for itself.
    attention = e * (q + 2 * k) + (e * q if how.is_trained or not how.plain_attention else 0)
    attention += _scores(config.num_attention_heads, how)
    if how.plain_attention:
        attention += e * 2 * (q - k)  # keys and values repeated for every query
    gated = 3 * e * f + (e * f if how.is_trained else 0)  # gate, its SiLU, up; their product
    return norms + attention + gated


def language_layer_selective(config: LlamaConfig, how: Pass) -> int:
    """Bytes a token of one Llama layer's input, products and attention."""
    h, f, e = int(config.hidden_size), int(config.intermediate_size), how.element
    q, k = _widths(config)
    scores = _scores(config.num_attention_heads, how)
    return e * (3 * h + 2 * q + 2 * k + 2 * f) + scores


def tower_layer(config: SiglipVisionConfig, how: Pass) -> int:
    """Bytes a patch that one SigLIP layer keeps: for e = 2 and trained 16h + 4f, and a little."""
    h, f, e = int(config.hidden_size), int(config.intermediate_size), how.element
    norms = 2 * (e * h + 2 * _FLOAT32) + (2 * e * h if how.is_trained else 0)
    attention = 3 * e * h + (e * h if how.is_trained or not how.plain_attention else 0)
    attention += _scores(config.num_attention_heads, how)
    products = e * f + (e * f if how.is_trained else 0)  # before and after the GELU
    return norms + attention + products


def tower_layer_selective(config: SiglipVisionConfig, how: Pass) -> int:
    """Bytes a patch of one SigLIP layer's input, products and attention."""
    h, f, e = int(config.hidden_size), int(config.intermediate_size), how.element
    scores = _scores(config.num_attention_heads, how)
    return e * (7 * h + f) + scores


def layers(
    number: int, whole: int, selective: int, first: int, *, checkpointing: Checkpointing
) -> int:
    """Bytes a token that a stack of layers keeps at its fullest.

    Args:
        number: Of the layers.
        whole: What one keeps without checkpointing.
        selective: What one keeps of its products.
        first: Of its input.
        checkpointing: With it, one layer at a time is computed again and whole.
    """
    if checkpointing == "none":
        return number * whole
    if checkpointing == "selective":
        return number * selective + max(0, whole - selective)
    return number * first + whole


def language_stack(config: LlamaConfig, how: Pass, checkpointing: Checkpointing) -> int:
    """Bytes a token that all layers of a language model keep."""
    return layers(
        config.num_hidden_layers,
        language_layer(config, how),
        language_layer_selective(config, how),
        how.element * config.hidden_size,
        checkpointing=checkpointing,
    )


def tower_stack(config: SiglipVisionConfig, how: Pass, checkpointing: Checkpointing) -> int:
    """Bytes a patch that all layers of a tower keep."""
    return layers(
        config.num_hidden_layers,
        tower_layer(config, how),
        tower_layer_selective(config, how),
        how.element * config.hidden_size,
        checkpointing=checkpointing,
    )


def connector(tower: SiglipVisionConfig, language: LlamaConfig, how: Pass) -> int:
    """Bytes a patch that the two-layer MLP between tower and language model keeps."""
    e, h = how.element, int(language.hidden_size)
    return e * h + (e * (int(tower.hidden_size) + h) if how.is_trained else 0)


def _widths(config: LlamaConfig) -> tuple[int, int]:
    """Width of all queries and of all keys of a token."""
    heads = int(config.num_attention_heads)
    head = int(getattr(config, "head_dim", None) or config.hidden_size // heads)
    return head * heads, head * int(config.num_key_value_heads)


def _scores(heads: int, how: Pass) -> int:
    """Bytes a token of scores in float32 and as the product reads them; if fused, one number a head."""
    narrow = how.element if how.element != _FLOAT32 else 0
    return heads * (how.plain_attention * (_FLOAT32 + narrow) or _FLOAT32)
