"""Write and read plain Hugging Face folders: safetensors, config, tokenizer, processor, template.

Weight names are those of transformers 4.57.6, which vLLM loads; a folder saved by transformers 5 has
others. What lands on disk is all a user needs for ``AutoProcessor`` and ``AutoModelForImageTextToText``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoTokenizer,
    GenerationConfig,
    LlamaForCausalLM,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessor,
    LlavaNextProcessor,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from amalia.errors import ArtifactError
from amalia.model.render import chat_template
from amalia.model.tile import TileGrid
from amalia.model.tokenizer import END_OF_TURN


def processor_for(tokenizer: PreTrainedTokenizerFast, grid: TileGrid) -> LlavaNextProcessor:
    """Build transformers' own processor with our grid and template."""
    side = {"height": grid.tile_px, "width": grid.tile_px}
    image_processor = LlavaNextImageProcessor(
        size={"shortest_edge": grid.tile_px},
        crop_size=side,
        image_grid_pinpoints=[list(size) for size in grid.pinpoints_px],
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    return LlavaNextProcessor(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=grid.patch_px,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        chat_template=chat_template(),
    )


def export(
    model: PreTrainedModel,
    folder: Path,
    *,
    tokenizer: PreTrainedTokenizerFast,
    grid: TileGrid | None,
    max_new_tokens: int = 256,
) -> None:
    """Write a model folder that transformers and vLLM load as it is.

    Args:
        model: LLaVA-NeXT, Llama or SigLIP tower; written in bfloat16, the original is untouched.
        folder: Existing folder to write into.
        tokenizer: Its tokenizer.
        grid: How it cuts pictures; ``None`` for a model that reads text only.
        max_new_tokens: Default answer length in the generation configuration.
    """
    halves: dict[tuple[int, torch.Size], torch.Tensor] = {}
    state = {
        # Tied weights stay one tensor, or both would be written.
        name: halves.setdefault((value.data_ptr(), value.shape), value.detach().to(torch.bfloat16))
        for name, value in model.state_dict().items()
    }
    end = tokenizer.convert_tokens_to_ids(END_OF_TURN)
    if not isinstance(model, SiglipVisionModel):
        model.generation_config = GenerationConfig(
            do_sample=False,
            max_new_tokens=max_new_tokens,
            eos_token_id=end,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
        )
    model.save_pretrained(folder, state_dict=state, safe_serialization=True)
    _amend_config(folder / "config.json")
    if grid is None:
        tokenizer.chat_template = chat_template()
        tokenizer.save_pretrained(folder)
    else:
        processor_for(tokenizer, grid).save_pretrained(folder)


def _amend_config(config_path: Path) -> None:
    # save_pretrained writes the dtype of the model in memory, not that of the state it was given,
    # and the folders on this machine that the parts were loaded from.
    config = json.loads(config_path.read_text("utf-8"))
    for section in (config, config.get("text_config", {}), config.get("vision_config", {})):
        section["dtype"] = "bfloat16"
        section.pop("_name_or_path", None)
    config_path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def load(folder: Path) -> PreTrainedModel:
    """Load an exported folder in float32, to train or to look into.

    Raises:
        ArtifactError: Not a model folder, one of a kind this project does not make, or one without weights.
    """
    kind, _ = described(folder)
    if not any(folder.glob("*.safetensors")):
        raise ArtifactError(f"{folder} holds no weights; expected *.safetensors beside config.json")
    model: PreTrainedModel = kind.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True
    )
    return model


def described(folder: Path) -> tuple[Any, PretrainedConfig]:
    """Give the class and the configuration of the model in a folder, which need not have its weights.

    Raises:
        ArtifactError: Not a model folder, or one of a kind this project does not make.
    """
    if not (folder / "config.json").is_file():
        raise ArtifactError(f"{folder} is not an exported model: it has no config.json")
    config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
    classes = {
        "llava_next": LlavaNextForConditionalGeneration,
        "llama": LlamaForCausalLM,
        "siglip_vision_model": SiglipVisionModel,
    }
    if config.model_type not in classes:
        known = ", ".join(sorted(classes))
        raise ArtifactError(
            f"{folder} holds a model of type {config.model_type}; expected one of {known}"
        )
    return classes[config.model_type], config


def load_language(folder: Path) -> LlamaForCausalLM:
    """Load a folder that must hold a Llama-type language model."""
    model = load(folder)
    if not isinstance(model, LlamaForCausalLM):
        raise ArtifactError(f"{folder} holds a {type(model).__name__}; expected a language model")
    return model


def load_tower(folder: Path) -> SiglipVisionModel:
    """Load a SigLIP-type tower, alone or out of a LLaVA-NeXT model or of a SigLIP pair."""
    if (config := paired_tower(folder)) is not None:
        tower: SiglipVisionModel = SiglipVisionModel.from_pretrained(
            folder, config=config, dtype=torch.float32, local_files_only=True
        )
        return tower
    model = load(folder)
    if isinstance(model, LlavaNextForConditionalGeneration):
        model = model.model.vision_tower
    if not isinstance(model, SiglipVisionModel):
        raise ArtifactError(
            f"{folder} holds a {type(model).__name__}; expected a SigLIP-type tower"
        )
    return model


def paired_tower(folder: Path) -> SiglipVisionConfig | None:
    """Give the tower's configuration, without the pooling head, of a folder that holds a SigLIP pair."""
    if not (folder / "config.json").is_file():
        return None
    config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
    if config.model_type != "siglip":
        return None
    return SiglipVisionConfig(**{**config.vision_config.to_dict(), "vision_use_head": False})


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Load the tokenizer of an exported folder."""
    if not (folder / "tokenizer.json").is_file():
        raise ArtifactError(
            f"{folder} has no tokenizer.json; expected an exported model or tokenizer"
        )
    tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(
        folder, local_files_only=True
    )
    return tokenizer
