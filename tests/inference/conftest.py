"""A model small enough to make in a test: 16-pixel tiles, two layers, random weights."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image as PillowImage

# Beside this file, which is imported alone.
sys.path.insert(0, str(Path(__file__).parent))

from batch_hearing import DEVICE, QUESTIONS

from amalia import pictures
from amalia.inference import Sampling, complete
from amalia.inference.batching import Batcher
from amalia.inference.local import Local
from amalia.model import build, export, tokenizer
from amalia.model import sizes as sizes_of
from amalia.model.render import Rendered
from amalia.model.tile import TileGrid
from amalia.records import Conversation, Image, Origin, Row, Text, Turn

ORIGIN = Origin(source="test", license="CC0-1.0", created="authored")
TEXTS = [
    "O autocarro parou junto à estação de comboios.",
    "Quantas maçãs há na imagem? Há três maçãs e um copo de água.",
    "O gato está à esquerda da cadeira azul. Não há nenhum cão.",
]

Ask = Callable[..., Row[Conversation]]


@pytest.fixture(scope="session")
def seeing_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported random LLaVA-NeXT that reads 512 tokens."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "seeing"
    words = tokenizer.train(TEXTS, vocab_size=300)
    sizes = {"hidden": 32, "layers": 2, "heads": 2, "feed_forward": 64}
    size = sizes_of.TowerSize(image_px=16, patch_px=8, **sizes)
    pair = build.siglip_pair(
        size, sizes_of.TextTowerSize(max_tokens=8, layers=1, heads=2, feed_forward=32), words
    )
    language = sizes_of.LanguageSize(key_value_heads=1, context_tokens=512, **sizes)
    grid = TileGrid(16, 8, ((16, 32), (32, 16), (32, 32)))
    model = build.llava_next(
        build.tower_of(pair), build.language_model(language, words), words, grid
    )
    _spread(model)
    folder.mkdir()
    export.export(model, folder, tokenizer=words, grid=grid)
    return folder


@pytest.fixture(scope="session")
def reading_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported random Llama that reads 64 tokens and sees nothing."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("models") / "reading"
    words = tokenizer.train(TEXTS, vocab_size=300)
    size = sizes_of.LanguageSize(
        hidden=32, layers=2, heads=2, key_value_heads=1, feed_forward=64, context_tokens=64
    )
    model = build.language_model(size, words)
    _spread(model)
    folder.mkdir()
    export.export(model, folder, tokenizer=words, grid=None)
    return folder


def _spread(model: torch.nn.Module) -> None:
    """Make the random weights large, so that the model does not always say the same token."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Make a prompt: a question and, when asked for, pictures of one color."""

    def make(
        text: str, *colors: str, id: str = "q", size: tuple[int, int] = (20, 12)
    ) -> Row[Conversation]:
        encoded = [pictures.encode(PillowImage.new("RGB", size, color)) for color in colors]
        parts: list[Text | Image] = [record for record, _ in encoded]
        turn = Turn(role="user", parts=(*parts, Text(text=text)))
        conversation = Conversation(id=id, turns=(turn,), language="pt-PT", origin=ORIGIN)
        return Row(conversation, {record.sha256: data for record, data in encoded})

    return make


@pytest.fixture(scope="module")
def batcher(seeing_model: Path) -> Iterator[Batcher]:
    made = Batcher.load(seeing_model, device=DEVICE, max_batch=4, max_waiting=16)
    yield made
    made.close()


@pytest.fixture(scope="module")
def prompts(batcher, ask) -> list[Rendered]:
    return [
        batcher.prepare(ask(text, *colors, id=str(place)))
        for place, (text, colors) in enumerate(QUESTIONS)
    ]


@pytest.fixture(scope="module")
def alone(seeing_model, ask) -> list[str]:
    """What each question is answered by itself, by the engine of evaluations."""
    local = Local.load(seeing_model, device=DEVICE, batch_size=1)
    sampling = Sampling(max_new_tokens=24)
    return [complete(local, ask(text, *colors), sampling).text for text, colors in QUESTIONS]
