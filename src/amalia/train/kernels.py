"""Fused kernels for the layers of a language model on GPUs, by Liger (Hsu et al. 2024, arXiv:2410.10989).

Norms, rotary positions and the gated product are each one pass over memory and keep less for the
backward pass. The head is not Liger's: see ``head``, which also tells the losses of sources apart.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from transformers import LlamaModel, PreTrainedModel

from amalia.device import Device
from amalia.errors import MissingExtra, TrainingError
from amalia.train.execution import Kernels


def fuse(model: PreTrainedModel, kernels: Kernels, *, device: Device, compiles: bool) -> None:
    """Give the layers of the language model Liger's kernels, if they are wanted and can be had.

    Args:
        model: Changed in place; one without a Llama in it is left alone.
        kernels: ``auto`` takes them where they are installed and there is a GPU, but not for blocks that
            are compiled, which the compiler fuses itself.
        device: What the model computes on.
        compiles: Whether blocks are compiled.

    Raises:
        TrainingError: They are asked for and there is no GPU.
        MissingExtra: They are asked for and not installed.
    """
    if kernels == "torch":
        return
    can = device.kind == "cuda"
    has = find_spec("liger_kernel") is not None
    if kernels == "auto" and (compiles or not can or not has):
        return
    if not can:
        raise TrainingError(
            f"run.kernels is liger and the stage runs on {device.kind}; they need a GPU: take auto or torch"
        )
    if not has:
        raise MissingExtra("Training with run.kernels liger", "liger")
    for language in [module for module in model.modules() if isinstance(module, LlamaModel)]:
        _apply(language)


def _apply(language: LlamaModel) -> None:
    import liger_kernel.transformers as liger

    given: dict[str, Any] = {"rope": True, "rms_norm": True, "swiglu": True}
    liger.apply_liger_kernel_to_llama(
        **given, cross_entropy=False, fused_linear_cross_entropy=False, model=language
    )
