"""What every test stands on: no network, one thread, and models small enough to make in a moment."""

from __future__ import annotations

import os

# Read when the libraries are imported, so they must stand before that.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Test files are imported one by one, so the builders beside this file must be found by name.
sys.path.insert(0, str(Path(__file__).parent))

import make
import pytest
import torch
from hypothesis import settings
from transformers import PreTrainedTokenizerFast

from amalia.model import build, export, tokenizer

torch.set_num_threads(1)
# Times on a busy machine say nothing, and the same examples everywhere make a failure repeatable.
settings.register_profile("amalia", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("amalia")

_LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test reach this machine only."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))


def _guarded(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(_LOOPBACK):
            raise AssertionError(f"a test wants the network: {address}")
        return connect(self, address)

    return guarded


@pytest.fixture(scope="session")
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE of 400 tokens."""
    return tokenizer.train(make.TEXTS * 20, vocab_size=400)


@pytest.fixture(scope="session")
def tiny_language(
    tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: PreTrainedTokenizerFast
) -> Path:
    """An exported random Llama with a context of 512 tokens, as an artifact named ``language``."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("parts") / "language"
    folder.mkdir()
    language = build.language_model(make.LANGUAGE, tiny_tokenizer)
    make.spread(language)
    export.export(language, folder, tokenizer=tiny_tokenizer, grid=None)
    return make.finish(folder, "model")


@pytest.fixture(scope="session")
def tiny_tower(
    tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: PreTrainedTokenizerFast
) -> Path:
    """An exported random tower of 16 px tiles with patches of 8, as an artifact named ``tower``."""
    torch.manual_seed(2)
    folder = tmp_path_factory.mktemp("parts") / "tower"
    folder.mkdir()
    pair = build.siglip_pair(make.TOWER, make.TEXT_TOWER, tiny_tokenizer)
    make.spread(pair)
    export.export(build.tower_of(pair), folder, tokenizer=tiny_tokenizer, grid=None)
    return make.finish(folder, "model")


@pytest.fixture(scope="session")
def tiny_model(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_tokenizer: PreTrainedTokenizerFast,
    tiny_tower: Path,
    tiny_language: Path,
) -> Path:
    """The tower and the language model joined, exported as an artifact named ``model``."""
    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("parts") / "model"
    folder.mkdir()
    model = build.llava_next(
        export.load_tower(tiny_tower),
        export.load_language(tiny_language),
        tiny_tokenizer,
        make.GRID,
    )
    export.export(model, folder, tokenizer=tiny_tokenizer, grid=make.GRID)
    return make.finish(folder, "model")
