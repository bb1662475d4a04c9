"""The side of plain transformers: what a user of the exported folder types, with nothing of ours between.

One prompt at a time through the folder's own processor and template, then ``generate``. The weights are
float32, so that what differs is the computation and not its rounding. Settings in the folder's
``generation_config.json`` apply as they do for any user, except that nothing is sampled and no picture said.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import PIL.Image
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)

from amalia.device import Device
from amalia.pipeline.parity_prompts import Prompt
from amalia.pipeline.parity_sides import (
    NUM_NEW_TOKENS,
    STAGES,
    Pixels,
    Side,
    Step,
    Told,
    Words,
    likeliest,
    one_line,
)
from amalia.records import Conversation, Row, Text


def transformers(
    folder: Path, prompts: Sequence[Prompt], *, words: Words, device: Device, sees: bool
) -> Side:
    """Ask transformers.

    Args:
        folder: Exported model.
        prompts: What is asked.
        words: Of the model.
        device: Where to compute, in float32.
        sees: Whether the model takes pictures.
    """
    # Their loaders are untyped.
    make_reader: Any = AutoProcessor if sees else AutoTokenizer
    make_model: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    reader = make_reader.from_pretrained(folder, local_files_only=True)
    model = make_model.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    model.eval().to(device.kind)
    told = tuple(_told(model, reader, prompt, words, sees=sees) for prompt in prompts)
    return Side("transformers", told)


def messages(row: Row[Conversation], *, sees: bool) -> list[dict[str, Any]]:
    """Write a prompt as transformers takes it; processors want parts, tokenizers a text."""
    return [
        {"role": turn.role, "content": _parts(turn.parts, row.images) if sees else turn.text}
        for turn in row.record.turns
    ]


def _parts(parts: Sequence[Any], images: Mapping[str, bytes]) -> list[dict[str, Any]]:
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, Text)
        else {"type": "image", "image": PIL.Image.open(io.BytesIO(images[part.sha256]))}
        for part in parts
    ]


def _told(model: Any, reader: Any, prompt: Prompt, words: Words, *, sees: bool) -> Told:
    try:
        inputs = reader.apply_chat_template(
            messages(prompt.row, sees=sees),
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
    except (ValueError, RuntimeError, IndexError, TypeError) as error:
        return Told(failures=dict.fromkeys(STAGES, one_line(error)))
    ids = tuple(inputs["input_ids"][0].tolist())
    pixels = tuple(map(_filled, inputs["pixel_values"])) if prompt.sizes_px else ()
    try:
        with torch.inference_mode():
            said = model.generate(
                **inputs.to(model.device),
                max_new_tokens=NUM_NEW_TOKENS,
                do_sample=False,
                # As amalia's engine, which never says a picture; trained models do not either.
                suppress_tokens=None if words.image_id is None else [words.image_id],
                output_logits=True,
                return_dict_in_generate=True,
            )
    except (ValueError, RuntimeError, IndexError) as error:
        failures = dict.fromkeys(STAGES[STAGES.index("first token") :], one_line(error))
        return Told(ids=ids, num_tokens=len(ids), pixels=pixels, failures=failures)
    new = said.sequences[0, len(ids) :].tolist()
    steps = tuple(
        Step(chosen, likeliest(logits_1V[0].float().log_softmax(-1).cpu()))
        for chosen, logits_1V in zip(new, said.logits, strict=True)
    )
    return Told(ids, len(ids), pixels, steps[0].nats, words.text(new), steps)


def _filled(pixels_N3PP: torch.Tensor) -> Pixels:
    """Leave out the tiles of zeros that fill up to the picture with the most; no color is 0 in [-1, 1]."""
    used = pixels_N3PP.flatten(1).any(-1).nonzero()
    found: Pixels = pixels_N3PP[: int(used.max()) + 1 if len(used) else 0].float().numpy()
    return found
