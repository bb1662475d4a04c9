"""Liger's kernels are taken where they can be had, and asked for in vain with one line."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from amalia.device import Device
from amalia.errors import MissingExtra, TrainingError
from amalia.model import export
from amalia.train.execution import Kernels
from amalia.train.kernels import fuse

GPU = Device("cuda", "bfloat16", "a test", "GPU", 1, 0)
CPU = Device("cpu", "float32", "a test", "CPU", 1, 0)


class Liger(ModuleType):
    """Remembers what it was applied to, as the real one would be called."""

    def __init__(self) -> None:
        super().__init__("liger_kernel.transformers")
        self.calls: list[tuple[str, dict[str, bool]]] = []

    def apply_liger_kernel_to_llama(self, *, model: Any, **wanted: bool) -> None:
        self.calls.append((type(model).__name__, wanted))


@pytest.fixture
def liger(monkeypatch: pytest.MonkeyPatch) -> Liger:
    package = ModuleType("liger_kernel")
    package.__spec__ = ModuleSpec("liger_kernel", None)
    found = Liger()
    monkeypatch.setitem(sys.modules, "liger_kernel", package)
    monkeypatch.setitem(sys.modules, "liger_kernel.transformers", found)
    monkeypatch.setattr(package, "transformers", found, raising=False)
    return found


@pytest.mark.parametrize(
    ("kernels", "device", "compiles", "taken"),
    [
        ("auto", GPU, False, True),
        ("auto", GPU, True, False),
        ("auto", CPU, False, False),
        ("liger", GPU, True, True),
        ("torch", GPU, False, False),
    ],
)
def test_kernels_are_taken_where_they_can_be_had(
    kernels: Kernels, device: Device, compiles: bool, taken: bool, liger: Liger, tiny_model: Path
) -> None:
    fuse(export.load(tiny_model), kernels, device=device, compiles=compiles)
    assert [name for name, _ in liger.calls] == ["LlamaModel"] * taken
    for _, wanted in liger.calls:
        # The head and its loss are ours.
        assert wanted.pop("cross_entropy") is wanted.pop("fused_linear_cross_entropy") is False
        assert wanted == {"rope": True, "rms_norm": True, "swiglu": True}


@pytest.mark.usefixtures("liger")
def test_kernels_without_a_gpu_are_refused(tiny_model: Path) -> None:
    with pytest.raises(TrainingError, match=r"run\.kernels is liger and the stage runs on cpu"):
        fuse(export.load(tiny_model), "liger", device=CPU, compiles=False)


def test_kernels_that_are_not_installed_are_named(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "liger_kernel", None)
    fuse(export.load(tiny_model), "auto", device=GPU, compiles=False)
    with pytest.raises(MissingExtra, match=r"pip install 'amalia\[liger\]'"):
        fuse(export.load(tiny_model), "liger", device=GPU, compiles=False)
