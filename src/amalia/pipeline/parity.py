"""Whether a model is the same wherever it runs: ``amalia verify``.

The same prompts and pictures go through the trainer, through plain transformers, through amalia's engine and,
where one is named, through a server. Then neighbours are compared stage by stage, in the order in which a
prompt becomes an answer, so that the first stage that parts is where to look. Models are loaded one at a time.

Not covered: sampled answers, tools, several GPUs, and numbers of other formats than float32 on our own side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from amalia.device import Device, detect
from amalia.errors import ArtifactError
from amalia.inference.endpoint import EndpointSettings
from amalia.inference.identity import identity
from amalia.pipeline import parity_stages as stages
from amalia.pipeline.parity_comparison import About, Comparison, Pair
from amalia.pipeline.parity_prompts import Prompt, prompts_for
from amalia.pipeline.parity_sides import NUM_NEW_TOKENS, Side, Words


@dataclass(frozen=True, slots=True)
class Sides:
    """What every side told of the same prompts."""

    trainer: Side
    transformers: Side
    amalia: Side
    server: Side | None = None

    def others(self, first: Side) -> list[Side]:
        """Give a side and the server, if there is one."""
        return [first] if self.server is None else [first, self.server]


@dataclass(frozen=True, slots=True)
class Report:
    """What a comparison of all sides found."""

    model: str
    server: str | None
    num_prompts: int
    num_pictures: int
    """Prompts that show one or more."""
    sees: bool
    too_long: tuple[str, ...]
    """Prompts left out because the model, or the server, does not read so many tokens."""
    comparisons: tuple[Comparison, ...]
    """In the order of the stages."""

    @property
    def parts_at(self) -> Comparison | None:
        """The first stage in which two sides part."""
        return next((found for found in self.comparisons if found.parting), None)


def verify(folder: Path, *, num_pictures: int, against: EndpointSettings | None = None) -> Report:
    """Put the same prompts to every side and compare.

    Args:
        folder: Exported model.
        num_pictures: Pictures of odd sizes to show; none to a model that reads text only.
        against: A server to compare with.

    Raises:
        ArtifactError: The folder is no model that answers.
        GenerationError: The server is not there, or does not have the model.
        MissingExtra: torch and transformers are not installed.
    """
    # A folder that is wrong is told before torch is loaded, and a server that is not there before a model.
    name = identity(folder.resolve())
    from amalia.pipeline.parity_engine import connected

    with ExitStack() as stack:
        server = None if against is None else stack.enter_context(connected(against))
        device = _in_float32(detect())
        device.claim()
        return _verified(folder, name, num_pictures, server, device)


def _verified(folder: Path, name: str, num_pictures: int, server: Any, device: Device) -> Report:
    from amalia.inference.loading import model_type
    from amalia.model import export
    from amalia.model.render import Renderer
    from amalia.pipeline import parity_ours as ours
    from amalia.pipeline.parity_transformers import transformers

    model_type(folder)
    _, config = export.described(folder)
    renderer = Renderer.load(folder)
    sees = renderer.grid is not None
    limits = [_context_tokens(config), server.context_tokens if server else None]
    wanted = prompts_for(renderer.grid, num_pictures)
    limit = min(number for number in limits if number)
    prompts = [
        prompt
        for prompt in wanted
        if len(renderer.prompt_outline(prompt.row.record)) + NUM_NEW_TOKENS <= limit
    ]
    if not prompts:
        raise ArtifactError(
            f"{folder} reads {limit} tokens, too few for any of the {len(wanted)} prompts with "
            f"{NUM_NEW_TOKENS} tokens of answer; verify a model that reads more"
        )
    words = Words(renderer.tokenizer, renderer.image_id, _end_ids(folder, renderer.end_id))
    amalia = ours.engine(folder, prompts, device)
    trainer = ours.trainer(folder, prompts, renderer, device)
    plain = transformers(folder, prompts, words=words, device=device, sees=sees)
    served = server.side(prompts, words) if server else None
    sides = Sides(trainer, plain, amalia, served)
    return Report(
        model=name,
        server=f"{server.model} at {server.url}" if server else None,
        num_prompts=len(prompts),
        num_pictures=sum(bool(prompt.sizes_px) for prompt in prompts),
        sees=sees,
        too_long=tuple(prompt.name for prompt in wanted if prompt not in prompts),
        comparisons=tuple(compared(sides, prompts, words, sees=sees)),
    )


def compared(
    sides: Sides, prompts: Sequence[Prompt], words: Words, *, sees: bool
) -> Iterator[Comparison]:
    """Compare all sides in all stages, in order.

    Args:
        sides: What all of them told of the prompts.
        prompts: What was asked.
        words: Of the model.
        sees: Whether there are stages of pictures.
    """
    abouts: tuple[About, ...] = ("text", "pictures") if sees else ("text",)
    # The trainer renders and computes, transformers computes and answers: each stage starts from the
    # one that has it first.
    rendering = [Pair(sides.trainer, other, prompts) for other in sides.others(sides.transformers)]
    answering = [Pair(sides.transformers, other, prompts) for other in sides.others(sides.amalia)]
    computing = [rendering[0], *answering[1:]]
    for pair in rendering:
        yield stages.rendered_ids(pair, words)
    if sees:
        for pair in rendering:
            yield stages.image_tokens(pair, words)
        for pair in rendering:
            yield stages.pixels(pair)
    for about in abouts:
        for pair in computing:
            yield stages.first_token(pair, words, about)
    for about in abouts:
        for pair in answering:
            yield stages.greedy_text(pair, words, about)


def _in_float32(device: Device) -> Device:
    return replace(device, dtype="float32", reason=f"{device.reason}; float32, to compare")


def _context_tokens(config: Any) -> int:
    return int(config.get_text_config().max_position_embeddings)


def _end_ids(folder: Path, end_id: int) -> frozenset[int]:
    from transformers import GenerationConfig

    if not (folder / "generation_config.json").is_file():
        return frozenset([end_id])
    make: Any = GenerationConfig  # untyped in transformers
    declared = make.from_pretrained(folder, local_files_only=True).eos_token_id
    more = declared if isinstance(declared, list) else [] if declared is None else [declared]
    return frozenset([end_id, *more])
