"""A checkpoint restores everything, and a torn one is passed over."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException

from amalia.errors import ArtifactError
from amalia.train import checkpoint
from amalia.train.checkpoint import Kept
from amalia.train.optimizer import Optimizers
from amalia.train.order import Cursor

DEFAULT = Kept()
CURSOR = Cursor(96, ((90, 0), (93, 1)), 5)


class Trained:
    """A matrix with its optimizer, a few steps in."""

    def __init__(self, steps: int) -> None:
        torch.manual_seed(0)
        self.weight = nn.Parameter(torch.randn(3, 4))
        self.parameters = {"weight": self.weight}
        self.bias = nn.Parameter(torch.zeros(4))
        self.parameters["bias"] = self.bias
        matrices, rest = (
            torch.optim.Muon([self.weight], lr=0.1),
            torch.optim.AdamW([self.bias], lr=0.1),
        )
        self.optimizer = Optimizers((matrices, rest))
        for step in range(steps):
            self.step(step)

    def step(self, number: int) -> None:
        self.optimizer.zero_grad()
        (self.weight * (number + 1) + self.bias).square().sum().backward()
        self.optimizer.step()

    def save(self, folder: Path, step: int, kept: Kept = DEFAULT) -> None:
        checkpoint.save(
            folder, step, CURSOR, kept=kept, parameters=self.parameters, optimizer=self.optimizer
        )

    def load(self, folder: Path) -> int:
        resumed = checkpoint.load(folder, parameters=self.parameters, optimizer=self.optimizer)
        assert resumed.cursor == (CURSOR if resumed.step else Cursor())
        return resumed.step


def test_going_on_from_a_checkpoint_equals_not_having_stopped(tmp_path: Path) -> None:
    whole = Trained(3)
    whole.save(tmp_path, 3)
    saved_random = torch.get_rng_state()
    whole.step(3)
    resumed = Trained(0)
    assert resumed.load(tmp_path) == 3
    assert torch.equal(torch.get_rng_state(), saved_random)
    resumed.step(3)
    assert torch.equal(resumed.weight, whole.weight)
    assert torch.equal(resumed.bias, whole.bias)


def test_without_a_checkpoint_one_begins_at_the_start(tmp_path: Path) -> None:
    fresh = Trained(0)
    before = fresh.weight.detach().clone()
    assert fresh.load(tmp_path / "none") == 0
    assert torch.equal(fresh.weight, before)


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    trained = Trained(1)
    for step in (1, 2, 10, 100):
        trained.save(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000010", "step-00000100"]


def test_fewer_than_are_kept_all_stay(tmp_path: Path) -> None:
    trained = Trained(1)
    for step in (1, 2):
        trained.save(tmp_path, step, Kept(last=3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000001", "step-00000002"]


def test_every_nth_is_kept_for_good(tmp_path: Path) -> None:
    trained = Trained(1)
    for step in (2, 4, 5, 6, 7):
        trained.save(tmp_path, step, Kept(last=1, every=4))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000004", "step-00000007"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def overwrite(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("tear", [cut, overwrite, Path.unlink])
@pytest.mark.parametrize("name", ["__0_0.distcp", ".metadata", "state.json"])
def test_a_torn_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, name: str, tear: Any, caplog: pytest.LogCaptureFixture
) -> None:
    Trained(1).save(tmp_path, 1)
    Trained(2).save(tmp_path, 2)
    tear(tmp_path / "step-00000002" / name)
    resumed = Trained(0)
    with caplog.at_level(logging.WARNING):
        assert resumed.load(tmp_path) == 1
    assert "step-00000002 is damaged; the one before it is used" in caplog.text
    assert torch.equal(resumed.weight, Trained(1).weight)


def test_a_checkpoint_that_was_being_written_is_not_looked_at(tmp_path: Path) -> None:
    Trained(1).save(tmp_path, 1)
    (tmp_path / "step-00000002.tmp").mkdir()
    assert Trained(0).load(tmp_path) == 1
    Trained(2).save(tmp_path, 2)
    assert Trained(0).load(tmp_path) == 2


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        SafetensorError("IoError: No space left on device (os error 28)"),
        CheckpointException("save", {0: (OSError(28, "No space left on device"), None)}),  # type: ignore[dict-item]
    ],
)
def test_a_full_disk_leaves_the_checkpoints_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    Trained(1).save(tmp_path, 1)

    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(checkpoint, "write_shares", full)
    with pytest.raises(ArtifactError, match=r"the disk is full while writing .*step-00000002"):
        Trained(2).save(tmp_path, 2)
    assert Trained(0).load(tmp_path) == 1
