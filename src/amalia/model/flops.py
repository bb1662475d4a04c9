"""How many floating-point operations a training step needs, from a model's configuration.

Counted are the matrix products the model needs, two operations for a multiplication and an addition:
what a machine computes again (activation checkpointing), pads, or masks does not count, which makes
the share of a machine's speed that they take its *model FLOPs utilization* (Chowdhery et al. 2022, PaLM,
appendix B, arXiv:2204.02311). As there and in Kaplan et al. 2020 (section 2.1, arXiv:2001.08361) norms,
activations, softmax, rotary positions, embedding tables, losses and the optimizer are left out. Unlike
there, causal attention counts half of its square, the half that is not masked.

Forwards, with h hidden, f feed-forward, L layers, q = heads × head size, k = key-value heads × head size,
P patches of a tile, p pixels of a patch's side, V vocabulary:

===========  ====================================================================================
language     L · 2 · (2hq + 2hk + 3hf) a token, and L · 2q · n² for a document of n tokens
head         2hV a position whose logits are computed
connector    2 · (h_vision · h + h²) a patch
vision       P · 2 · 3p²h + L · (P · 2 · (4h² + 2hf) + 4hP²) a tile
===========  ====================================================================================

Backwards, a product with weights is needed once more for the gradient of its input, if anything before
it or in its part trains, and once more for the gradient of its weights, as far as these train; a product
of activations (attention) twice more, if anything before it or in its part trains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from transformers import (
    LlamaConfig,
    LlavaNextConfig,
    PretrainedConfig,
    PreTrainedModel,
    SiglipConfig,
    SiglipTextConfig,
    SiglipVisionConfig,
)

from amalia.model import build

# Which parts hand their output to which; a part that is not named reads data.
_BEFORE = {"connector": ("vision",), "language": ("vision", "connector")}


@dataclass(frozen=True, slots=True)
class Work:
    """What is computed, without padding."""

    tokens: float
    """Of all documents, those that stand for pictures included."""
    squares: float
    """Sum over documents of their tokens squared."""
    tiles: float
    predicted: float
    """Positions whose logits are computed."""


@dataclass(frozen=True, slots=True)
class Products:
    """Operations of the matrix products of one part, forwards."""

    first: float = 0.0
    """With the weights that read the part's input, where that is another part's output or data."""
    weights: float = 0.0
    """With all other weights."""
    activations: float = 0.0
    """Of activations with each other."""

    @property
    def forward(self) -> float:
        """All of them."""
        return self.first + self.weights + self.activations

    def step(self, trained: float, *, below: bool) -> float:
        """Operations forwards and backwards.

        Args:
            trained: Share of the part's weights that train, 0 to 1.
            below: Whether anything trains in what comes before it.
        """
        weights = trained * (self.first + self.weights)
        if trained or below:
            weights += self.weights + 2 * self.activations
        return self.forward + weights + (self.first if below else 0.0)


def forward_products(config: PretrainedConfig, work: Work) -> dict[str, Products]:
    """Count the products of one pass forwards.

    Args:
        config: Of a Llama, a LLaVA-NeXT of SigLIP and Llama, or a SigLIP pair.
        work: What is computed; of a pair the tokens of captions, and each tile is a picture.

    Returns:
        Part → its products, the head of the language model for itself as ``head``.

    Raises:
        TypeError: A configuration of another kind.
    """
    if isinstance(config, LlamaConfig):
        return _language(config, work)
    if isinstance(config, LlavaNextConfig) and isinstance(config.text_config, LlamaConfig):
        vision, text = config.vision_config, config.text_config
        patches = work.tiles * _patches(vision)
        hidden = text.hidden_size
        connector = Products(
            first=patches * 2.0 * vision.hidden_size * hidden, weights=patches * 2.0 * hidden**2
        )
        return {
            "vision": _tower(vision, work.tiles),
            "connector": connector,
            **_language(text, work),
        }
    if isinstance(config, SiglipConfig):
        return {
            "vision": _tower(config.vision_config, work.tiles),
            "captions": _encoder(config.text_config, work.tokens, work.squares),
        }
    raise TypeError(f"operations of a {config.model_type} are not known")


def step_flops(
    config: PretrainedConfig, work: Work, trained: Mapping[str, float]
) -> dict[str, float]:
    """Count the operations of a training step, by part.

    Args:
        config: See ``forward_products``.
        work: What is computed at once: without tiles nothing before the language model takes part.
        trained: Part → share of its parameters that train, see ``trained_shares``. A low-rank adapter
            counts for its small share.

    Returns:
        Part → operations, the head of the language model for itself as ``head``.
    """
    found = {}
    for name, products in forward_products(config, work).items():
        part = "language" if name == "head" else name
        before = _BEFORE.get(part, ()) if work.tiles else ()
        below = any(trained.get(other, 0.0) for other in before)
        # The head reads what the layers give.
        below = below or (name == "head" and trained.get(part, 0.0) > 0)
        found[name] = products.step(trained.get(part, 0.0), below=below)
    return found


def trained_shares(model: PreTrainedModel) -> dict[str, float]:
    """Give for each part the share of its parameters that train."""
    return {
        part.name: sum(value.numel() for value in part.parameters.values() if value.requires_grad)
        / part.count
        for part in build.parts(model).values()
    }


def _language(config: LlamaConfig, work: Work) -> dict[str, Products]:
    h, layers = config.hidden_size, config.num_hidden_layers
    size = getattr(config, "head_dim", None) or h // config.num_attention_heads
    q, k = size * config.num_attention_heads, size * config.num_key_value_heads
    weights = 2 * h * q + 2 * h * k + 3 * h * config.intermediate_size
    return {
        "language": Products(
            weights=layers * 2.0 * weights * work.tokens,
            activations=layers * 2.0 * q * work.squares,
        ),
        "head": Products(first=2.0 * h * config.vocab_size * work.predicted),
    }


def _tower(config: SiglipVisionConfig, tiles: float) -> Products:
    patches = _patches(config)
    embedding = 2.0 * config.num_channels * config.patch_size**2 * config.hidden_size
    layers = _encoder(config, tiles * patches, tiles * patches**2)
    weights, activations = layers.weights, layers.activations
    if getattr(config, "vision_use_head", True):
        # One learnt question that sees all patches, and a feed-forward of its own.
        h, f = config.hidden_size, config.intermediate_size
        weights += tiles * 2.0 * (2 * h * h * patches + 2 * h * h + 2 * h * f)
        activations += tiles * 4.0 * h * patches
    return Products(tiles * patches * embedding, weights, activations)


def _encoder(
    config: SiglipVisionConfig | SiglipTextConfig, tokens: float, squares: float
) -> Products:
    """Count layers in which every token sees all of its sequence."""
    h, layers = config.hidden_size, config.num_hidden_layers
    weights = 4 * h * h + 2 * h * config.intermediate_size
    return Products(weights=layers * 2.0 * weights * tokens, activations=layers * 4.0 * h * squares)


def _patches(config: SiglipVisionConfig) -> int:
    return int(config.image_size // config.patch_size) ** 2
