r"""Turn conversations into token ids, the mask of supervised positions, and tiles.

The only module that knows the chat template, the image tokens and the mask. The template is ChatML as
in EuroLLM and AMALIA: ``<|im_start|>role\ntext<|im_end|>\\n``; a picture is ``<image>`` repeated once
for each of its tokens, then a line break. The same text stands in ``chat_template.jinja``, which
exports carry; a test holds the two together. Supervised are the assistant's text and its end of turn,
nothing else. Each piece is tokenized alone, which gives the ids of the whole because pieces meet at
special tokens or line breaks, and the tokenizer never joins over either.

Shape suffixes: B sequences, T tokens, N tiles, I pictures, P pixels of a side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoImageProcessor, AutoTokenizer, PreTrainedTokenizerFast

from amalia.errors import ArtifactError, RecordError
from amalia.model.decode import tiles_of
from amalia.model.tile import TileGrid, Tiles
from amalia.model.tokenizer import END_OF_TURN, IMAGE_TOKEN
from amalia.records import Conversation, Image, Preference, Row, Text, Turn


@dataclass(frozen=True, slots=True)
class Outline:
    """One conversation as token ids, its pictures known by their sizes only."""

    ids: tuple[int, ...]
    """[T]"""
    supervised: tuple[bool, ...]
    """[T], true where the model is trained to predict this very token."""
    image_sizes: tuple[tuple[int, int], ...]
    """(height, width) in px of each picture, [I]"""
    num_tiles: int
    """Of all pictures."""
    name: str = ""
    """Which record it is, for messages."""

    def __len__(self) -> int:
        """Tokens."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One conversation as the model sees it."""

    ids: tuple[int, ...]
    """[T]"""
    supervised: tuple[bool, ...]
    """[T], true where the model is trained to predict this very token."""
    tiles: Tiles
    """uint8 [N, 3, P, P]"""
    image_sizes: tuple[tuple[int, int], ...]
    """(height, width) in px of each picture, [I]"""
    name: str = ""
    """Which record it is, for messages."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rendered conversations as padded tensors."""

    input_ids_BT: torch.Tensor
    attention_mask_BT: torch.Tensor
    supervised_BT: torch.Tensor
    pixel_values_N3PP: torch.Tensor | None
    image_sizes_I2: torch.Tensor | None

    def model_inputs(self) -> dict[str, torch.Tensor]:
        """Give the keyword arguments of ``forward`` and ``generate``."""
        inputs = {"input_ids": self.input_ids_BT, "attention_mask": self.attention_mask_BT}
        if self.pixel_values_N3PP is not None and self.image_sizes_I2 is not None:
            inputs["pixel_values"] = self.pixel_values_N3PP
            inputs["image_sizes"] = self.image_sizes_I2
        return inputs

    def to(self, device: torch.device | str) -> Batch:
        """Move every tensor."""
        return Batch(
            self.input_ids_BT.to(device),
            self.attention_mask_BT.to(device),
            self.supervised_BT.to(device),
            None if self.pixel_values_N3PP is None else self.pixel_values_N3PP.to(device),
            None if self.image_sizes_I2 is None else self.image_sizes_I2.to(device),
        )


@cache
def chat_template() -> str:
    """Read the Jinja template that exports carry."""
    return resources.files("amalia.model").joinpath("chat_template.jinja").read_text("utf-8")


class Renderer:
    """Renders conversations with one tokenizer and, for models that see, one tile grid."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        grid: TileGrid | None,
        *,
        is_exact: bool = True,
    ) -> None:
        """Wrap a tokenizer and a grid.

        Args:
            tokenizer: Of the model.
            grid: How it cuts pictures; ``None`` for a model that reads text only.
            is_exact: Whether tiles are those of the reference; see ``decode``.
        """
        self.tokenizer = tokenizer
        self.grid = grid
        self.is_exact = is_exact
        # A language model made by others may have no token for pictures.
        self.image_id = _id_of(tokenizer, IMAGE_TOKEN) if grid else _found(tokenizer, IMAGE_TOKEN)
        self.end_id = _id_of(tokenizer, END_OF_TURN)
        self.pad_id = int(tokenizer.pad_token_id)

    @classmethod
    def load(cls, folder: Path) -> Renderer:
        """Make the renderer of an exported model folder.

        Raises:
            ArtifactError: The folder holds no tokenizer.
        """
        if not (folder / "tokenizer.json").is_file():
            raise ArtifactError(f"{folder} is not an exported model: it has no tokenizer.json")
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return cls(tokenizer, _grid_of(folder))

    def conversation(self, row: Row[Conversation]) -> Rendered:
        """Render all turns; assistant turns are supervised.

        Raises:
            RecordError: No assistant turn, or a picture the row does not carry.
        """
        return self.looked_at(self.outline(row.record), row)

    def outline(self, conversation: Conversation) -> Outline:
        """Render all turns without looking at a picture; assistant turns are supervised.

        Raises:
            RecordError: No assistant turn.
        """
        if not any(turn.role == "assistant" for turn in conversation.turns):
            raise RecordError(
                f"conversation {conversation.id} has no assistant turn; there is nothing to learn from it",
                reason="no_assistant_turn",
            )
        return self._outline(conversation, answer_follows=False)

    def looked_at(self, outline: Outline, row: Row[Conversation]) -> Rendered:
        """Cut the pictures of a conversation into tiles.

        Args:
            outline: Of this very conversation.
            row: The conversation with its pictures.

        Raises:
            RecordError: A picture the row does not carry or that cannot be read.
        """
        tiles = [self._cut(image, row.images, row.record.id) for image in row.record.images]
        side = self.grid.tile_px if self.grid else 1
        stacked = np.concatenate(tiles) if tiles else np.zeros((0, 3, side, side), np.uint8)
        return Rendered(outline.ids, outline.supervised, stacked, outline.image_sizes, outline.name)

    def prompt(self, row: Row[Conversation]) -> Rendered:
        """Render the turns and the header of the assistant turn to come; nothing is supervised."""
        rendered = self.looked_at(self.prompt_outline(row.record), row)
        return replace(rendered, supervised=(False,) * len(rendered.ids))

    def prompt_outline(self, conversation: Conversation) -> Outline:
        """Outline the turns and the header of the assistant turn to come."""
        return self._outline(conversation, answer_follows=True)

    def answers(self, row: Row[Preference]) -> tuple[Rendered, Rendered]:
        """Render the prompt with the chosen and with the rejected answer; only the answer is supervised."""
        prompt = self.prompt(Row(row.record.prompt, row.images))
        return self.continued(prompt, row.record.chosen.text), self.continued(
            prompt, row.record.rejected.text
        )

    def continued(self, prompt: Rendered, answer: str) -> Rendered:
        """Put an answer after a rendered prompt; only the answer and its end of turn are supervised."""
        ids = self.answer(answer)
        supervised = prompt.supervised + (True,) * len(ids)
        return replace(prompt, ids=prompt.ids + tuple(ids), supervised=supervised)

    def answer(self, text: str) -> list[int]:
        """Give the ids of an assistant answer, its end of turn included."""
        return [*self._encode(text), self.end_id]

    def text(self, text: str) -> Rendered:
        """Render plain text for continued pre-training: everything is supervised, an end closes it."""
        ids = (*self._encode(text), int(self.tokenizer.pad_token_id))
        return Rendered(ids, (True,) * len(ids), np.zeros((0, 3, 1, 1), np.uint8), ())

    def _outline(self, conversation: Conversation, *, answer_follows: bool) -> Outline:
        ids: list[int] = []
        supervised: list[bool] = []
        for turn in conversation.turns:
            header = self._encode(f"<|im_start|>{turn.role}\n")
            body = [*self._body(turn, conversation.id), self.end_id]
            close = self._encode("\n")
            ids += [*header, *body, *close]
            learned = turn.role == "assistant"
            supervised += [False] * len(header) + [learned] * len(body) + [False] * len(close)
        if answer_follows:
            header = self._encode("<|im_start|>assistant\n")
            ids += header
            supervised += [False] * len(header)
        sizes = tuple((image.height_px, image.width_px) for image in conversation.images)
        count = sum(self.grid.num_tiles(*size) for size in sizes) if self.grid else 0
        return Outline(tuple(ids), tuple(supervised), sizes, count, conversation.id)

    def _body(self, turn: Turn, record_id: str) -> list[int]:
        ids: list[int] = []
        pending = ""
        for part in turn.parts:
            if isinstance(part, Text):
                pending += part.text
                continue
            if self.grid is None:
                raise RecordError(
                    f"conversation {record_id} holds a picture but this model reads text only",
                    reason="picture_for_text_model",
                )
            assert self.image_id is not None
            count = self.grid.num_tokens(part.height_px, part.width_px)
            ids += [*self._encode(pending), *[self.image_id] * count]
            pending = "\n"
        return [*ids, *self._encode(pending)]

    def _cut(self, image: Image, images: Mapping[str, bytes], record_id: str) -> Tiles:
        assert self.grid is not None
        if image.sha256 not in images:
            raise RecordError(
                f"conversation {record_id} names picture {image.sha256[:12]} but the row does not carry it",
                reason="picture_missing",
            )
        try:
            return tiles_of(images[image.sha256], self.grid, is_exact=self.is_exact)
        except (OSError, SyntaxError, ValueError) as error:
            raise RecordError(
                f"picture {image.sha256[:12]} of conversation {record_id} cannot be read: {error}",
                reason="picture_unreadable",
            ) from error

    def _encode(self, text: str) -> list[int]:
        if not text:
            return []
        inner: Any = self.tokenizer.backend_tokenizer
        if inner.truncation or inner.padding:  # left behind by a call of the tokenizer itself
            return list(self.tokenizer.encode(text, add_special_tokens=False))
        # What transformers does around it takes several times as long.
        return list(inner.encode(text, add_special_tokens=False).ids)


def collate(
    rendered: Sequence[Rendered],
    *,
    pad_id: int,
    side: Literal["left", "right"] = "right",
    multiple: int = 1,
) -> Batch:
    """Pad rendered conversations into one batch.

    Args:
        rendered: B rendered conversations, at least one.
        pad_id: Token that fills the shorter ones; it is masked.
        side: Where to pad: ``right`` to train, ``left`` to generate.
        multiple: The length is rounded up to a multiple of this.

    Returns:
        The batch; pixels are float32 in [-1, 1] (mean and deviation 0.5), as SigLIP expects.
    """
    length = max(len(item.ids) for item in rendered)
    length += -length % multiple
    ids = np.full((len(rendered), length), pad_id, dtype=np.int64)
    mask = np.zeros((len(rendered), length), dtype=np.int64)
    supervised = np.zeros((len(rendered), length), dtype=bool)
    for row, item in enumerate(rendered):
        start = length - len(item.ids) if side == "left" else 0
        span = slice(start, start + len(item.ids))
        ids[row, span], mask[row, span], supervised[row, span] = item.ids, 1, item.supervised
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(mask),
        torch.from_numpy(supervised),
        *pictures_of(rendered),
    )


def pictures_of(rendered: Sequence[Rendered]) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Give the tiles and the sizes of all pictures as a model takes them, or nothing."""
    sizes = [size for item in rendered for size in item.image_sizes]
    if not sizes:
        return None, None
    tiles = np.concatenate([item.tiles for item in rendered if item.image_sizes])
    return torch.from_numpy(scaled(tiles)), torch.tensor(sizes, dtype=torch.long)


def scaled(tiles_N3PP: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Pixels from 0–255 to [-1, 1].

    In numpy, because this runs in a thread beside a training step. Torch would start an OpenMP team
    of its own there, and from then on libgomp lets the threads of the training sleep between any two
    operations: a step of our size then takes half as long again.
    """
    pixels_N3PP = tiles_N3PP.astype(np.float32)
    pixels_N3PP /= 127.5
    pixels_N3PP -= 1.0
    return pixels_N3PP


def _id_of(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    found = _found(tokenizer, token)
    if found is None:
        raise ArtifactError(
            f"the tokenizer has no {token} token; use one made by amalia.model.tokenizer"
        )
    return found


def _found(tokenizer: PreTrainedTokenizerFast, token: str) -> int | None:
    found: Any = tokenizer.convert_tokens_to_ids(token)
    return None if found is None or found == tokenizer.unk_token_id else int(found)


def _grid_of(folder: Path) -> TileGrid | None:
    if not (folder / "preprocessor_config.json").is_file():
        return None
    processor: Any = AutoImageProcessor.from_pretrained(
        folder, local_files_only=True, use_fast=False
    )
    from transformers import AutoConfig

    config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
    pinpoints = tuple((int(h), int(w)) for h, w in processor.image_grid_pinpoints)
    return TileGrid(config.vision_config.image_size, config.vision_config.patch_size, pinpoints)
