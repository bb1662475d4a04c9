"""How long a stage takes: floating-point operations ÷ (GPUs × peak × the share of it that is expected).

Operations are those the model needs, not those a machine does (what checkpointing computes again does
not count), as in the definition of model FLOPs utilization (Chowdhery et al. 2022, appendix B,
arXiv:2204.02311): two for each weight of a product and each token, and attention.
"""

from __future__ import annotations

from dataclasses import dataclass

from transformers import LlamaConfig, SiglipTextConfig, SiglipVisionConfig

from amalia.plan.hardware import Cluster
from amalia.plan.shape import Shape
from amalia.train.stage import Preferences, Stage

_SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Work:
    """What one step computes, on all GPUs together."""

    tokens: float
    """Without padding."""
    supervised: float
    """Tokens whose logits are computed."""
    squares: float
    """Sum over sequences of their length squared; packed records count each for itself."""
    tiles: float


@dataclass(frozen=True, slots=True)
class Hours:
    """How long a stage takes."""

    flops_of_step: float
    flops_before: float
    """Of the reference log-probabilities of preferences."""
    hours: float
    gpu_hours: float
    mfu: float
    """What was expected."""


def hours_of(shape: Shape, stage: Stage, work: Work, cluster: Cluster, *, mfu: float) -> Hours:
    """Estimate the time of a stage.

    Args:
        shape: The model.
        stage: What trains, and for how many steps.
        work: Of one step.
        cluster: What it runs on.
        mfu: Share of the peak that is expected.
    """
    step = flops_of_step(shape, stage, work)
    before = 0.0
    if isinstance(stage.objective, Preferences):
        before = stage.steps * sum(_forward(shape, work).values())
    rate = cluster.number * cluster.each.peak_flops * mfu
    hours = (step * stage.steps + before) / rate / _SECONDS_AN_HOUR
    return Hours(step, before, hours, hours * cluster.number, mfu)


def flops_of_step(shape: Shape, stage: Stage, work: Work) -> float:
    """Count the operations of one step.

    A part that trains is computed three times, forwards and twice backwards, for its input and for its
    weights; a frozen one behind a part that trains twice, but its attention, which has no weights, three
    times; a frozen one before all that train once.
    """
    forward = _forward(shape, work)
    trains = set(stage.trainable)
    passes = {
        "vision": 3 if "vision" in trains else 1,
        "connector": 3 if "connector" in trains else 2 if "vision" in trains else 1,
        "language": 3 if "language" in trains else 2,
        "attention": 3,  # of the language model, which is behind whatever trains
        "captions": 3 if "captions" in trains else 1,
    }
    return sum(flops * passes[part] for part, flops in forward.items())


def _forward(shape: Shape, work: Work) -> dict[str, float]:
    """Operations of one pass forwards, by part; attention of the language model apart."""
    tower, language = shape.tower, shape.language
    found: dict[str, float] = {}
    if tower is not None:
        patches = shape.patches
        embedding = 2 * 3 * tower.patch_size**2 * tower.hidden_size
        found["vision"] = work.tiles * patches * (embedding + _tower_token(tower, patches))
        if language is not None:
            h = language.hidden_size
            found["connector"] = work.tiles * patches * 2 * (tower.hidden_size * h + h * h)
    if language is not None:
        q, weights = _weights(language)
        head = 2 * language.hidden_size * language.vocab_size * work.supervised
        layers = language.num_hidden_layers
        found["language"] = 2 * layers * weights * work.tokens + head
        found["attention"] = 2 * layers * q * work.squares  # a token sees half of its sequence
    text = getattr(shape.model.config, "text_config", None)
    if isinstance(text, SiglipTextConfig):
        found["captions"] = work.tokens * _tower_token(text, text.max_position_embeddings)
    return found


def _tower_token(config: SiglipVisionConfig | SiglipTextConfig, seen: int) -> float:
    """Operations of one token that sees ``seen``."""
    h, f = config.hidden_size, config.intermediate_size
    return float(config.num_hidden_layers * (2 * (4 * h * h + 2 * h * f) + 4 * h * seen))


def _weights(config: LlamaConfig) -> tuple[int, int]:
    """Width of all queries, and weights of the products of one layer."""
    h, f = config.hidden_size, config.intermediate_size
    head = getattr(config, "head_dim", None) or h // config.num_attention_heads
    q, k = head * config.num_attention_heads, head * config.num_key_value_heads
    return q, 2 * h * q + 2 * h * k + 3 * h * f
