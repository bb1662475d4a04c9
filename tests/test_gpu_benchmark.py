"""The benchmark for GPUs runs here at a toy size, so that it can be trusted where there is one."""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import torch

SCRIPT = Path(__file__).parents[1] / "benchmarks/gpu_train.py"


@pytest.fixture(scope="module")
def benchmark() -> Any:
    spec = spec_from_file_location("gpu_train", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["gpu_train"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_without_a_gpu_it_says_so(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu_train.py", "--json"])
    benchmark.main()
    printed = capsys.readouterr()
    assert printed.err == "no GPU here: nothing was measured\n"
    assert json.loads(printed.out) == {}


def test_backends_of_attention_agree(benchmark: Any) -> None:
    losses = benchmark._one("agree", "cpu", tiny=True)["losses"]
    assert losses["block"] == pytest.approx(losses["documents"], rel=1e-4)


@pytest.mark.parametrize("name", ["sft-1.7b", "cpt-1.7b", "dpo-1.7b", "lora-9.6b"])
def test_a_case_is_measured(benchmark: Any, name: str) -> None:
    found = benchmark._one(name, "cpu", tiny=True)
    assert found["tokens_per_s"] > found["rows_per_s"] > 0
    assert 0 < found["trained"] <= found["parameters"]
    assert " tok/s " in benchmark._line(name, found)


def test_a_case_that_fails_is_a_line_with_its_reason(benchmark: Any) -> None:
    found = benchmark._apart("connector-9.6b", "tpu", tiny=True, seconds=60)
    assert "invalid choice" in benchmark._line("connector-9.6b", found)
