"""Build models from sizes: SigLIP pair, Llama, LLaVA-NeXT, and take them apart into trainable parts.

Classes are transformers' own, so every checkpoint is a plain Hugging Face one. Sizes of AMALIA-VL-9B are
in ``recipes/amalia-vl-9b``; what is not published about them is a setting there, never a default here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipModel,
    SiglipTextConfig,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from amalia.errors import TrainingError
from amalia.model.letters import LetterReader
from amalia.model.sizes import ContextExtension, LanguageSize, TextTowerSize, TowerSize
from amalia.model.tile import TileGrid
from amalia.model.tokenizer import END_OF_TURN, IMAGE_TOKEN

# Matrix products on GPUs want whole multiples.
_ROWS_STEP = 64


def siglip_pair(
    tower: TowerSize,
    text: TextTowerSize,
    tokenizer: PreTrainedTokenizerFast,
    *,
    letters: str = "",
) -> SiglipModel:
    """Build an untrained SigLIP pair with the tower's hidden size as the shared space.

    With ``letters`` it also has a ``letter_reader`` of them.
    """
    config = pair_config(
        tower,
        text,
        len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    pair = SiglipModel(config)
    # transformers starts at temperature 1 and bias 0, the paper at 10 and -10 for batches of 32,768
    # (section 3.2). For hundreds of captions a bias of -5 is what a blind model would learn, and a
    # sharper start spares a short training the wait for the temperature.
    pair.logit_scale.data.fill_(math.log(20.0))
    pair.logit_bias.data.fill_(-5.0)
    if letters:
        side = tower.image_px // tower.patch_px
        pair.letter_reader = LetterReader(letters, patches_per_side=side, hidden=tower.hidden)
    return pair


def pair_config(
    tower: TowerSize, text: TextTowerSize, vocabulary: int, **ids: int | None
) -> SiglipConfig:
    """Give the configuration of a SigLIP pair.

    Args:
        tower: Sizes of its tower, whose hidden size is that of the shared space.
        text: Sizes of its text half.
        vocabulary: Rows of its embedding.
        **ids: Special tokens, as ``SiglipTextConfig`` calls them.
    """
    text_config = SiglipTextConfig(
        vocab_size=vocabulary,
        hidden_size=tower.hidden,
        intermediate_size=text.feed_forward,
        num_hidden_layers=text.layers,
        num_attention_heads=text.heads,
        max_position_embeddings=text.max_tokens,
        projection_size=tower.hidden,
        **ids,
    )
    vision_config = tower_config(tower, use_head=True)
    return SiglipConfig(text_config=text_config.to_dict(), vision_config=vision_config.to_dict())


def tower_of(pair: SiglipModel) -> SiglipVisionModel:
    """Take the tower out of a trained pair, without the pooling head, which a LLaVA model never uses."""
    config = SiglipVisionConfig(**{**pair.config.vision_config.to_dict(), "vision_use_head": False})
    tower = SiglipVisionModel(config)
    trained = {
        f"vision_model.{name}": value
        for name, value in pair.vision_model.state_dict().items()
        if not name.startswith("head.")
    }
    tower.load_state_dict(trained)
    return tower


def language_model(size: LanguageSize, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Build an untrained Llama for a tokenizer."""
    ids = {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.convert_tokens_to_ids(END_OF_TURN),
    }
    return LlamaForCausalLM(language_config(size, len(tokenizer), **ids))


def language_config(size: LanguageSize, vocabulary: int, **ids: int | None) -> LlamaConfig:
    """Give the configuration of a Llama.

    Args:
        size: Its sizes.
        vocabulary: Rows of its embedding.
        **ids: Special tokens, as ``LlamaConfig`` calls them.
    """
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=size.hidden,
        intermediate_size=size.feed_forward,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.key_value_heads,
        max_position_embeddings=size.context_tokens,
        rope_theta=size.rope_theta,
        rms_norm_eps=1e-5,
        tie_word_embeddings=size.tied_embeddings,
        **ids,
    )


def extended(model: LlamaForCausalLM, extension: ContextExtension) -> LlamaForCausalLM:
    """Give the same weights a longer context by other rotary positions, written into the configuration.

    Raises:
        TrainingError: The model is extended by scaling already; the new base is not above the old one.
    """
    if (model.config.rope_scaling or {}).get("rope_type", "default") != "default":
        raise TrainingError(
            f"the language model is extended already, by {model.config.rope_scaling}; "
            "start from the model before that"
        )
    old = int(model.config.max_position_embeddings)
    new = int(old * extension.factor)
    changed: dict[str, Any] = {"max_position_embeddings": new, "rope_scaling": None}
    if extension.kind == "theta":
        changed["rope_theta"] = _longer_theta(model.config, extension)
    else:
        changed["rope_scaling"] = _scaling(extension, old)
    if extension.kind == "dynamic":
        # transformers scales beyond ``max_position_embeddings`` in this mode, so it stays as trained.
        changed["max_position_embeddings"] = old
    longer = LlamaForCausalLM(LlamaConfig(**{**model.config.to_dict(), **changed}))
    longer.load_state_dict(model.state_dict())
    return longer


def ntk_theta(theta: float, *, factor: float, head_dim: int) -> float:
    """Give the base with which the slowest rotary frequency is divided by ``factor``, the fastest kept.

    Frequency i of d / 2 is theta^(-2i/d), the last one theta^(-(d-2)/d), hence theta · factor^(d/(d-2)):
    «NTK-aware scaled RoPE» (bloc97 2023; Peng et al. 2023, arXiv:2309.00071, definition 1).
    """
    return float(theta * factor ** (head_dim / (head_dim - 2)))


def _longer_theta(config: LlamaConfig, extension: ContextExtension) -> float:
    theta = float(config.rope_theta)
    if extension.rope_theta is None:
        return ntk_theta(theta, factor=extension.factor, head_dim=int(config.head_dim))
    if extension.rope_theta <= theta:
        raise TrainingError(
            f"extension.rope_theta {extension.rope_theta:g} is not above that of the model, {theta:g}; "
            "a longer context needs a higher one"
        )
    return extension.rope_theta


def _scaling(extension: ContextExtension, old_tokens: int) -> dict[str, Any]:
    scaling: dict[str, Any] = {"rope_type": extension.kind, "factor": extension.factor}
    if extension.kind in ("yarn", "llama3"):
        scaling["original_max_position_embeddings"] = old_tokens
    if extension.kind == "llama3":
        scaling["low_freq_factor"] = extension.low_frequency_factor
        scaling["high_freq_factor"] = extension.high_frequency_factor
    return scaling


def llava_next(
    tower: SiglipVisionModel,
    language: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    grid: TileGrid,
) -> LlavaNextForConditionalGeneration:
    """Join a tower and a language model by a new two-layer MLP connector.

    A language model whose tokenizer had no picture token until now gets a row for it.
    """
    rows = rows_for(language.config, tokenizer)
    if rows > language.config.vocab_size:
        language.resize_token_embeddings(rows, mean_resizing=False)
    config = llava_next_config(
        tower.config,
        language.config,
        grid,
        image_token_index=int(tokenizer.get_vocab()[IMAGE_TOKEN]),
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlavaNextForConditionalGeneration(config)
    model.model.vision_tower.load_state_dict(tower.state_dict())
    model.model.language_model.load_state_dict(language.model.state_dict())
    model.lm_head.load_state_dict(language.lm_head.state_dict())
    return model


def rows_for(language: LlamaConfig, tokenizer: PreTrainedTokenizerFast) -> int:
    """Give the rows an embedding needs for a tokenizer: as many as it has, or more in steps of 64."""
    have, needed = int(language.vocab_size), len(tokenizer)
    return have if needed <= have else needed + -needed % _ROWS_STEP


def llava_next_config(
    tower: SiglipVisionConfig, language: LlamaConfig, grid: TileGrid, **ids: int
) -> LlavaNextConfig:
    """Give the configuration of a tower and a language model joined by a two-layer MLP connector.

    Args:
        tower: Of the tower.
        language: Of the language model.
        grid: How pictures are cut.
        **ids: Special tokens, as ``LlavaNextConfig`` calls them.
    """
    return LlavaNextConfig(
        vision_config=tower.to_dict(),
        text_config=language.to_dict(),
        projector_hidden_act="gelu",
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        image_grid_pinpoints=[list(size) for size in grid.pinpoints_px],
        image_seq_length=grid.patches_per_side**2,
        tie_word_embeddings=bool(language.tie_word_embeddings),
        **ids,
    )


@dataclass(frozen=True, slots=True)
class Part:
    """A named group of parameters that a stage can train."""

    name: str
    parameters: Mapping[str, nn.Parameter]

    @property
    def adapters(self) -> dict[str, nn.Parameter]:
        """The matrices of low-rank adapters beside its layers."""
        return {
            name: parameter
            for name, parameter in self.parameters.items()
            if any(matrix in name for matrix in _ADAPTER_MATRICES)
        }

    @property
    def count(self) -> int:
        """Number of scalars, those of adapters left out."""
        every = sum(parameter.numel() for parameter in self.parameters.values())
        return every - sum(parameter.numel() for parameter in self.adapters.values())


# peft's names; the layer beside them becomes its ``base_layer``.
_ADAPTER_MATRICES = (".lora_A.", ".lora_B.")
_PREFIXES = {
    "vision": ("model.vision_tower.", "vision_model."),
    "connector": ("model.multi_modal_projector.", "model.image_newline"),
    "captions": ("text_model.", "letter_reader."),
    "temperature": ("logit_scale", "logit_bias"),
}


def parts(model: PreTrainedModel) -> dict[str, Part]:
    """Split a model's parameters into the parts a stage can train.

    They are ``vision``, ``connector`` and ``language``; a SigLIP pair has ``vision``, ``captions`` (its
    text half, with the reader of letters) and ``temperature``.

    Tied parameters are counted once. Whatever is not the tower, the connector or the text half of a
    SigLIP pair belongs to the language model.
    """
    groups: dict[str, dict[str, nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        part = next(
            (part for part, prefixes in _PREFIXES.items() if name.startswith(prefixes)), "language"
        )
        groups.setdefault(part, {})[name] = parameter
    return {name: Part(name, parameters) for name, parameters in groups.items()}


def tower_config(size: TowerSize, *, use_head: bool = False) -> SiglipVisionConfig:
    """Give the configuration of a SigLIP tower; its pooling head is only there to contrast pictures."""
    return SiglipVisionConfig(
        image_size=size.image_px,
        patch_size=size.patch_px,
        hidden_size=size.hidden,
        intermediate_size=size.feed_forward,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        vision_use_head=use_head,
    )
