"""One record as a stage's model gets it: its tokens, which of them are learnt, and its pictures as tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from rich.text import Text as Colored
from transformers import PreTrainedTokenizerFast

from amalia import manifest as manifests
from amalia.errors import ArtifactError, RecordError, TrainingError
from amalia.manifest import FILE_NAME
from amalia.model.decode import tiles_of
from amalia.model.fork import fork_of
from amalia.model.render import Rendered, Renderer
from amalia.model.tile import TileGrid, Tiles
from amalia.plan.shape import Here, reader
from amalia.records import Row
from amalia.train.micro_batch import contrast_picture
from amalia.train.mixture import Mixture, Weighted
from amalia.train.rows import Rows
from amalia.train.sources import Texts, TokenRuns
from amalia.train.stage import Contrast, NewPair, Preferences, Stage

_BROKEN_CHARACTER = "\ufffd"


class Piece(NamedTuple):
    """Tokens that stand together: a piece of text, or all tokens of a picture."""

    text: str
    ids: tuple[int, ...]
    is_learnt: bool
    is_picture: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A run of tokens with a heading."""

    title: str
    pieces: tuple[Piece, ...]

    @property
    def num_tokens(self) -> int:
        """Tokens of all pieces."""
        return sum(len(piece.ids) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is cut."""

    width_px: int
    height_px: int
    rows: int
    """Of the grid; 0 for a tower that sees one tile only."""
    columns: int
    num_tokens: int
    tiles: Tiles
    """uint8 [N, 3, P, P], the whole picture first, then the grid row by row."""

    @property
    def told(self) -> str:
        """Say how it is cut, in one line."""
        side = self.tiles.shape[-1]
        grid = f" + {self.rows}×{self.columns}" if self.rows else ""
        count = len(self.tiles)
        told = f"{count} {'tile' if count == 1 else 'tiles'}: 1 base{grid} of {side} px"
        return f"{told}, {self.num_tokens:,} tokens" if self.num_tokens else told


@dataclass(frozen=True, slots=True)
class Sample:
    """A record at a place of a stage's order."""

    position: int
    source: str
    name: str
    parts: tuple[Part, ...]
    pictures: tuple[Picture, ...]

    @property
    def counts(self) -> str:
        """Say how much of it there is, and how much of that is learnt."""
        pieces = [piece for part in self.parts for piece in part.pieces]
        tokens = sum(len(piece.ids) for piece in pieces)
        learnt = sum(len(piece.ids) for piece in pieces if piece.is_learnt)
        return f"{tokens:,} tokens, {learnt:,} of them learnt ({learnt / max(1, tokens):.1%})"


def drawn(stage: Stage, here: Here, position: int) -> Sample:
    """Give the record at a place of a stage's order, counted from 0.

    Args:
        stage: The recipe.
        here: Where artifacts are.
        position: Which record; the order has no end.

    Raises:
        ArtifactError: The tokenizer or a source is not on this machine.
        TrainingError: No record of the source can be shown.
    """
    renderer = reader(stage, here)
    if renderer is None:
        raise ArtifactError(
            "the tokenizer of what the stage starts from is not on this machine; run the stages before it"
        )
    sources, weighted = [], []
    for item in stage.mixture:
        folder = here(item.artifact)
        if folder is None:
            raise ArtifactError(
                f"{item.artifact} is not on this machine; run the recipe that makes it, or name its folder"
            )
        is_text = (folder / FILE_NAME).is_file() and manifests.read(folder).kind == "documents"
        if is_text:
            runs: Texts | TokenRuns
            if stage.packing:
                runs = Texts(Rows(folder, "documents"), renderer, max_tokens=stage.max_tokens)
            else:
                runs = TokenRuns(folder, renderer, max_tokens=stage.max_tokens, seed=stage.seed)
            source: Any = _Runs(runs, renderer)
        else:
            kind = "conversations" if stage.objective.kind == "next_token" else "preferences"
            source = _Records(Rows(folder, kind), stage, renderer)
        sources.append(source)
        weighted.append(Weighted(source.name, source.blocks, item.weight))
    place = Mixture(weighted, seed=stage.seed).at(position)
    name, record, parts, pictures = sources[place.source].shown(place.record, place.epoch)
    return Sample(position, name, record, tuple(parts), tuple(pictures))


def pieces_of(ids: Sequence[int], learnt: Sequence[bool], renderer: Renderer) -> tuple[Piece, ...]:
    """Split tokens where they can be read: a piece is one token, or several that share a letter.

    Tokens of a picture are one piece.
    """
    found: list[Piece] = []
    place = 0
    for _, run in groupby(
        zip(ids, learnt, strict=True), lambda pair: (pair[0] == renderer.image_id, pair[1])
    ):
        tokens = [token for token, _ in run]
        is_learnt = learnt[place]
        place += len(tokens)
        if tokens[0] == renderer.image_id:
            found.append(Piece("<image>", tuple(tokens), is_learnt, is_picture=True))
        else:
            found += _readable(tokens, is_learnt, renderer.tokenizer)
    return tuple(found)


def _readable(
    tokens: list[int], is_learnt: bool, tokenizer: PreTrainedTokenizerFast
) -> Iterator[Piece]:
    def text_of(some: list[int]) -> str:
        return str(tokenizer.decode(some, clean_up_tokenization_spaces=False))

    start = 0
    for end in range(1, len(tokens) + 1):
        # With the token before it, for many tokenizers drop the blank a text begins with.
        before = tokens[max(0, start - 1) : start]
        text = text_of(tokens[max(0, start - 1) : end])[len(text_of(before)) :]
        if _BROKEN_CHARACTER not in text or end == len(tokens):
            yield Piece(text, tuple(tokens[start:end]), is_learnt)
            start = end


@dataclass
class _Records:
    """Records of an artifact, to be shown; one that is not read gives way to the next, as in the feed."""

    rows: Rows
    stage: Stage
    renderer: Renderer

    @property
    def name(self) -> str:
        return self.rows.name

    @property
    def blocks(self) -> tuple[int, ...]:
        return self.rows.blocks

    def shown(self, index: int, epoch: int) -> tuple[str, str, list[Part], list[Picture]]:
        del epoch
        for place in range(index, index + len(self.rows)):
            try:
                row = self.rows.row(place % len(self.rows))
                parts, pictures, longest = self._parts(row)
            except RecordError:
                continue
            if longest <= self.stage.max_tokens:
                return self.name, str(row.record.id), parts, pictures
        raise TrainingError(
            f"no record of {self.name} fits into max_tokens {self.stage.max_tokens}; raise max_tokens"
        )

    def _parts(self, row: Row[Any]) -> tuple[list[Part], list[Picture], int]:
        objective, start = self.stage.objective, self.stage.start
        if isinstance(objective, Contrast):
            assert isinstance(start, NewPair)
            return *_of_captions(row, start, self.renderer), 0
        if isinstance(objective, Preferences):
            fork = fork_of(self.renderer, row)
            parts = [_part("prompt", fork.prompt, self.renderer)]
            for title, answer in zip(("chosen", "rejected"), fork.answers, strict=True):
                learnt = pieces_of(answer, [True] * len(answer), self.renderer)
                parts.append(Part(title, learnt))
            return parts, _pictures(fork.prompt, self.renderer.grid), fork.longest
        rendered = self.renderer.conversation(row)
        pictures = _pictures(rendered, self.renderer.grid)
        return [_part("conversation", rendered, self.renderer)], pictures, len(rendered.ids)


@dataclass
class _Runs:
    """Runs of text, to be shown."""

    runs: Texts | TokenRuns
    renderer: Renderer

    @property
    def name(self) -> str:
        return self.runs.name

    @property
    def blocks(self) -> tuple[int, ...]:
        return self.runs.blocks

    def shown(self, index: int, epoch: int) -> tuple[str, str, list[Part], list[Picture]]:
        rendered = self.runs.item(index, epoch)
        return self.name, rendered.name, [_part("text", rendered, self.renderer)], []


def _part(title: str, rendered: Rendered, renderer: Renderer) -> Part:
    return Part(title, pieces_of(rendered.ids, rendered.supervised, renderer))


def _pictures(rendered: Rendered, grid: TileGrid | None) -> list[Picture]:
    found = []
    start = 0
    for height, width in rendered.image_sizes:
        assert grid is not None
        canvas_height, canvas_width = grid.canvas(height, width)
        end = start + grid.num_tiles(height, width)
        found.append(
            Picture(
                width,
                height,
                canvas_height // grid.tile_px,
                canvas_width // grid.tile_px,
                grid.num_tokens(height, width),
                rendered.tiles[start:end],
            )
        )
        start = end
    return found


def _of_captions(
    row: Row[Any], start: NewPair, renderer: Renderer
) -> tuple[list[Part], list[Picture]]:
    side = start.tower.image_px
    base = tiles_of(contrast_picture(row), TileGrid(side, side, ((side, side),)), is_exact=True)[:1]
    (image,) = row.record.prompt.images
    parts = []
    for title, turn in (("caption", row.record.chosen), ("nearly right", row.record.rejected)):
        ids = renderer.tokenizer(turn.text).input_ids[: start.text.max_tokens]
        parts.append(Part(title, pieces_of(ids, [True] * len(ids), renderer)))
    return parts, [Picture(image.width_px, image.height_px, 0, 0, 0, base)]


def told(sample: Sample, *, ids: bool, in_color: bool) -> Iterator[Colored]:
    """Tell a sample in lines for a terminal.

    What is learnt is green; without colors it stands between ⟦ and ⟧.

    Args:
        sample: The sample.
        ids: Whether every token's id follows its text.
        in_color: Whether colors will be seen.
    """
    yield Colored(f"sample {sample.position}: {sample.name} of {sample.source}, {sample.counts}")
    for number, picture in enumerate(sample.pictures, start=1):
        size = f"{picture.width_px} × {picture.height_px} px"
        yield Colored(f"picture {number}: {size} → {picture.told}")
    for part in sample.parts:
        yield Colored("")
        yield Colored(f"{part.title} ({part.num_tokens:,} tokens)", style="bold")
        yield _colored(part, ids=ids, in_color=in_color)
    key = "green is learnt" if in_color else "⟦…⟧ is learnt"
    yield Colored("")
    yield Colored(key, style="green" if in_color else "")


def _colored(part: Part, *, ids: bool, in_color: bool) -> Colored:
    line = Colored()
    for is_learnt, run in groupby(part.pieces, lambda piece: piece.is_learnt):
        line.append("" if in_color or not is_learnt else "⟦")
        for piece in run:
            style = "bold cyan" if piece.is_picture else "green" if is_learnt else ""
            line.append(
                f"{piece.text} × {len(piece.ids):,}" if piece.is_picture else piece.text, style
            )
            if ids and not piece.is_picture:
                line.append(f"‹{' '.join(map(str, piece.ids))}›", "dim")
        line.append("" if in_color or not is_learnt else "⟧")
    return line
