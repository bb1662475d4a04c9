"""How long a stage takes: floating-point operations ÷ (GPUs × peak × the share of it that is expected).

Operations are those the model needs, not those a machine does (what checkpointing computes again does
not count), as in the definition of model FLOPs utilization (Chowdhery et al. 2022, appendix B,
arXiv:2204.02311): two for each weight of a product and each token, and attention.
"""

from __future__ import annotations

from dataclasses import dataclass

from amalia.model import flops
from amalia.model.flops import forward_products, step_flops
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
        before = stage.steps * _forward_flops(shape, work)
    rate = cluster.number * cluster.each.peak_flops * mfu
    hours = (step * stage.steps + before) / rate / _SECONDS_AN_HOUR
    return Hours(step, before, hours, hours * cluster.number, mfu)


def flops_of_step(shape: Shape, stage: Stage, work: Work) -> float:
    """Count the operations of one step, see ``model.flops``."""
    trained: dict[str, float] = {
        str(name): _share(how.lora is not None) for name, how in stage.trainable.items()
    }
    return sum(step_flops(shape.model.config, _counted(work), trained).values())


def _share(adapts: bool) -> float:
    """Share of a part that trains; of adapters it is too small to matter, but not nothing."""
    return 1e-6 if adapts else 1.0


def _forward_flops(shape: Shape, work: Work) -> float:
    products = forward_products(shape.model.config, _counted(work))
    return sum(each.forward for each in products.values())


def _counted(work: Work) -> flops.Work:
    return flops.Work(work.tokens, work.squares, work.tiles, work.supervised)
