"""Low-rank adapters (LoRA) by peft: put beside layers, written in peft's format, merged into the model.

They are put into the model itself, whose class stays what it is. There is one adapter for a model,
whichever parts have it, so that one folder holds it and one call loads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import PreTrainedModel

from amalia.errors import MissingExtra, TrainingError
from amalia.model import build
from amalia.train.stage import Lora

# The name that peft gives an adapter, and under which it loads one, unless told otherwise.
_NAME = "default"
# Tokens and classes are read out here; the loss calls heads by themselves and a tied one is an embedding.
_HEADS = {"lm_head", "readout", "head"}
# How peft calls a parameter of the model it has wrapped.
_WRAPPED = "base_model.model."


def inject(model: PreTrainedModel, loras: Mapping[Any, Lora]) -> None:
    """Put adapters beside linear layers of the parts named; they change nothing yet.

    Args:
        model: Changed in place.
        loras: Part → its adapters.

    Raises:
        MissingExtra: peft is not installed.
        TrainingError: A target is no ending of the name of a layer of its part.
    """
    peft = _peft()
    parts = build.parts(model)
    chosen = {
        layer: lora
        for name, lora in loras.items()
        for layer in _targets(model, parts[name], lora.targets)
    }
    first = next(iter(loras.values()))
    others = {re.escape(layer): lora for layer, lora in chosen.items() if lora != first}
    config = peft.LoraConfig(
        r=first.rank,
        lora_alpha=first.scale_alpha,
        rank_pattern={layer: lora.rank for layer, lora in others.items()},
        alpha_pattern={layer: lora.scale_alpha for layer, lora in others.items()},
        lora_dropout=max(lora.dropout for lora in loras.values()),
        use_rslora=first.rslora,
        target_modules=list(chosen),
    )
    peft.inject_adapter_in_model(config, model, adapter_name=_NAME)
    for layer, lora in chosen.items():
        adapted: Any = model.get_submodule(layer)
        if config.lora_dropout:
            # A configuration of peft has one dropout for all.
            adapted.lora_dropout[_NAME].p = lora.dropout
        # Autocast converts; peft would first make a float32 copy of what every layer reads.
        adapted.cast_input_dtype_enabled = False


def count(model: PreTrainedModel, part: build.Part, lora: Lora) -> int:
    """Count the parameters of the adapters a part would get, whose model has none yet."""
    layers: list[Any] = [model.get_submodule(name) for name in _targets(model, part, lora.targets)]
    return sum(lora.rank * (layer.in_features + layer.out_features) for layer in layers)


def are_in(model: PreTrainedModel) -> bool:
    """Say whether a model has adapters."""
    return any(part.adapters for part in build.parts(model).values())


def write(model: PreTrainedModel, folder: Path) -> None:
    """Write adapters in peft's format, for the model that the stage began with.

    Parameters that trained in full beside them are in the same file, in bfloat16, under the names by
    which peft finds them: ``PeftModel.from_pretrained`` gives the model as trained.
    """
    folder.mkdir(exist_ok=True)
    configs: Any = model.peft_config
    config = configs[_NAME]
    # peft holds a set, whose order would be another one in every process.
    config.target_modules = sorted(config.target_modules)
    config.inference_mode = True
    config.save_pretrained(str(folder))
    adapters = {name for part in build.parts(model).values() for name in part.adapters}
    tensors = {
        _WRAPPED + name.replace(f".{_NAME}.", "."): value.detach()
        if name in adapters
        else value.detach().to(torch.bfloat16)
        for name, value in model.named_parameters()
        if value.requires_grad
    }
    save_file(
        {name: value.cpu().contiguous() for name, value in tensors.items()},
        folder / "adapter_model.safetensors",
        metadata={"format": "pt"},
    )


def merge(model: PreTrainedModel) -> None:
    """Add adapters to the layers they stand beside, and leave the plain model."""
    layers = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, _peft().tuners.lora.LoraLayer)
    ]
    for name, module in layers:
        module.merge()
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, module.get_base_layer())
    del model.peft_config


def _targets(model: PreTrainedModel, part: build.Part, endings: Sequence[str] | None) -> list[str]:
    layers = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and f"{name}.weight" in part.parameters
        and not _HEADS & set(name.split("."))
    ]
    if endings is None:
        return layers
    unknown = [
        ending
        for ending in endings
        if not any(f".{layer}".endswith(f".{ending}") for layer in layers)
    ]
    if unknown:
        have = ", ".join(sorted({layer.rpartition(".")[2] for layer in layers}))
        raise TrainingError(
            f"trainable.{part.name}.lora.targets names {', '.join(unknown)}; "
            f"the layers of this part end in {have}"
        )
    return [
        layer for layer in layers if any(f".{layer}".endswith(f".{ending}") for ending in endings)
    ]


def _peft() -> ModuleType:
    try:
        import peft
    except ModuleNotFoundError as error:
        raise MissingExtra("Training adapters (lora)", "train") from error
    module: ModuleType = peft
    return module
