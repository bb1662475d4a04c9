"""Our own two sides: what the trainer computes, and what amalia's engine in this process answers.

The trainer renders prompts, packs several into one sequence and computes them with the attention of a
stage. Its weights are float32 and its tiles exact, whatever a stage trains with: a recipe may choose
bfloat16 and quick tiles for speed, and their differences are known and measured elsewhere. Adapters, fused
kernels, compilation and sharding are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from amalia.device import Device
from amalia.errors import AmaliaError
from amalia.inference.base import Sampling
from amalia.inference.local import Local
from amalia.model import attention, export
from amalia.model.packed import pack
from amalia.model.render import Rendered, Renderer, scaled
from amalia.pipeline.parity_prompts import Prompt
from amalia.pipeline.parity_sides import (
    NUM_NEW_TOKENS,
    Pixels,
    Side,
    Told,
    likeliest,
    one_line,
    whole,
)
from amalia.train.micro_batch import Limits

_PACK = Limits(rows=8, tokens=2048)
_BATCH_SIZE = 8


def trainer(folder: Path, prompts: Sequence[Prompt], renderer: Renderer, device: Device) -> Side:
    """Render prompts and compute their first token as a stage does.

    Args:
        folder: Exported model.
        prompts: What is asked.
        renderer: Of the model.
        device: Where to compute, in float32.
    """
    rendered = [renderer.prompt(prompt.row) for prompt in prompts]
    told = [
        Told(ids=item.ids, num_tokens=len(item.ids), pixels=_pixels(item, renderer))
        for item in rendered
    ]
    model: Any = export.load(folder)
    longest = max((len(item.ids) for item in rendered), default=0)
    attention.attend(model, device.attention(longest), device.packed_attention())
    model.eval().to(device.kind)
    for places in _PACK.packs([len(item.ids) for item in rendered]):
        for place, found in _computed(model, rendered, places, renderer, device):
            told[place] = (
                replace(told[place], failures={"first token": found})
                if isinstance(found, str)
                else replace(told[place], first=found)
            )
    silent = "the trainer generates nothing"
    return Side("trainer", tuple(told), {"greedy text": silent})


def _pixels(rendered: Rendered, renderer: Renderer) -> tuple[Pixels, ...]:
    """Give the tiles of each picture."""
    if renderer.grid is None:
        return ()
    counts = [renderer.grid.num_tiles(*size) for size in rendered.image_sizes]
    return tuple(scaled(tiles) for tiles in np.split(rendered.tiles, np.cumsum(counts)[:-1]))


def _computed(
    model: Any,
    rendered: Sequence[Rendered],
    places: Sequence[int],
    renderer: Renderer,
    device: Device,
) -> list[tuple[int, dict[int, float] | str]]:
    """Compute prompts as one pack; if that fails, one by one, to know which ones it was."""
    try:
        return list(
            zip(places, _first_nats(model, rendered, places, renderer, device), strict=True)
        )
    except (ValueError, RuntimeError, IndexError) as error:
        if len(places) == 1:
            return [(places[0], one_line(error))]
    return [
        found for place in places for found in _computed(model, rendered, [place], renderer, device)
    ]


def _first_nats(
    model: Any,
    rendered: Sequence[Rendered],
    places: Sequence[int],
    renderer: Renderer,
    device: Device,
) -> list[dict[int, float]]:
    # One supervised token after each prompt: the state that predicts it is the one that is wanted.
    asked = [
        replace(
            rendered[place],
            ids=(*rendered[place].ids, renderer.end_id),
            supervised=(*rendered[place].supervised, True),
        )
        for place in places
    ]
    packed = pack(asked, pad_id=renderer.pad_id, device=device.kind)
    with torch.inference_mode():
        hidden_1TH = model.model(**packed.model_inputs(), use_cache=False).last_hidden_state
        logits_SV = model.lm_head(hidden_1TH[0][packed.predictors_S]).float()
    nats_SV = logits_SV.log_softmax(-1).cpu()
    found = {
        owner: likeliest(nats)
        for owner, nats in zip(packed.owners_S.tolist(), nats_SV, strict=True)
    }
    return [found[number] for number in range(len(places))]


def engine(folder: Path, prompts: Sequence[Prompt], device: Device) -> Side:
    """Answer prompts with amalia's own engine, several at once.

    Raises:
        ArtifactError: The folder cannot be loaded.
    """
    local = Local.load(folder, device=device, batch_size=_BATCH_SIZE)
    sampling = Sampling(max_new_tokens=NUM_NEW_TOKENS)
    told = []
    try:
        answers = list(local.answer_many([prompt.row for prompt in prompts], sampling))
    except (ValueError, RuntimeError, IndexError) as error:
        failed = Told(failures={"greedy text": one_line(error)})
        return Side("amalia", (failed,) * len(prompts))
    for answer in answers:
        if isinstance(answer, AmaliaError):
            told.append(Told(failures={"greedy text": one_line(answer)}))
        else:
            told.append(Told(text=whole(answer.text)))
    return Side("amalia", tuple(told))
