"""An exported folder as a model that answers: checked, loaded, in evaluation mode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

from amalia.device import Device
from amalia.errors import ArtifactError
from amalia.model.render import Renderer

_CLASSES = {"llava_next": AutoModelForImageTextToText, "llama": AutoModelForCausalLM}


class Loaded(NamedTuple):
    """A model and what renders its prompts."""

    model: Any  # transformers' model classes leave generate and forward untyped
    renderer: Renderer


def load(folder: Path, device: Device) -> Loaded:
    """Load an exported folder.

    Args:
        folder: What ``amalia.model.export`` wrote, or a published model of the same kind.
        device: Where to compute.

    Raises:
        ArtifactError: No such folder, not a model of a known kind, or damaged weights.
    """
    model_class = _CLASSES[model_type(folder)]
    renderer = Renderer.load(folder)
    try:
        model, info = model_class.from_pretrained(
            folder, dtype=device.weight_dtype, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        detail = " ".join(str(error).split())
        raise ArtifactError(
            f"{folder}: the weights cannot be read ({detail}); export the model again"
        ) from error
    if info["missing_keys"]:
        # transformers would go on with random weights in their place.
        missing = ", ".join(sorted(info["missing_keys"])[:3])
        raise ArtifactError(
            f"{folder}: {len(info['missing_keys'])} weights are missing ({missing} …); "
            "expected all that config.json describes; export the model again"
        )
    model.eval().to(device.kind)
    return Loaded(model, renderer)


def context_tokens(config: Any) -> int:
    """Give the tokens that a model reads, prompt and answer together."""
    text = config.get_text_config()
    scaling = getattr(text, "rope_scaling", None) or {}
    # In this mode the configuration keeps the length trained at; the factor says how far it goes.
    factor = scaling["factor"] if scaling.get("rope_type") == "dynamic" else 1
    return int(text.max_position_embeddings * factor)


def end_ids(model: Any, renderer: Renderer) -> frozenset[int]:
    """Give the tokens that end an answer."""
    declared = model.generation_config.eos_token_id
    more = declared if isinstance(declared, list) else [] if declared is None else [declared]
    return frozenset([renderer.end_id, *more])


def model_type(folder: Path) -> str:
    """Give the type of a model that answers.

    Raises:
        ArtifactError: No such folder, or not a model of a known kind.
    """
    if not folder.is_dir():
        raise ArtifactError(f"{folder} is not a folder; expected an exported model")
    if not (folder / "config.json").is_file():
        raise ArtifactError(f"{folder} has no config.json; expected an exported model")
    try:
        model_type = json.loads((folder / "config.json").read_text("utf-8")).get("model_type")
    except (ValueError, AttributeError) as error:
        raise ArtifactError(
            f"{folder / 'config.json'} is not a model configuration; export the model again"
        ) from error
    if model_type not in _CLASSES:
        raise ArtifactError(
            f"{folder} holds a model of type {model_type!r}, which does not answer; expected one "
            f"of {', '.join(sorted(_CLASSES))}"
        )
    return str(model_type)
