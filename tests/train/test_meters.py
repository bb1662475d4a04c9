"""What a step cost: seconds, waiting, speed, memory, and the share of what the machine can do."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from amalia.device import Device
from amalia.model import export
from amalia.model.flops import Work, step_flops, trained_shares
from amalia.train import ceiling, meters
from amalia.train.ceiling import matmul_ceiling
from amalia.train.log import Account
from amalia.train.meters import Meters, Pace, peak_memory_bytes, work_of
from amalia.train.micro_batch import MicroBatch
from amalia.train.step import StepResult

CPU = Device("cpu", "float32", "a test", "test", 1, 0)


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def perf_counter(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(meters, "time", SimpleNamespace(perf_counter=made.perf_counter))
    monkeypatch.setattr(meters, "matmul_ceiling", lambda _: 1e9)
    return made


def micro_batch(tokens: int, tiles: int, rows: int) -> MicroBatch:
    """Some records of one length."""
    return MicroBatch(Any, tokens, tiles, tuple("r" * rows), squares=tokens**2 // rows)


def result(*predicted: int) -> StepResult:
    return StepResult(1.25, 0.5, {}, {}, {}, {}, predicted)


def test_a_step_is_measured_from_asking_for_data_to_changed_weights(
    tiny_model: Path, clock: Clock
) -> None:
    model = export.load(tiny_model)
    meter = Meters(model, CPU)
    clock.seconds += 60
    meter.begin()
    clock.seconds += 0.5
    meter.arrived()
    clock.seconds += 1.5
    own = [micro_batch(300, 6, 2), micro_batch(100, 0, 1)]
    pace = meter.end(own, result(40, 20), Account.of_all([Account.of(own), Account.of(own)]))
    # Two processes did the same.
    assert pace[:4] == (2.0, 0.25, 400.0, 6.0)
    # Two documents of 150 tokens with six tiles, and one of 100 without.
    shares = trained_shares(model)
    operations = [
        sum(step_flops(model.config, Work(*work), shares).values())
        for work in ((300, 2 * 150**2, 6, 40), (100, 100**2, 0, 20))
    ]
    assert pace.mfu == pytest.approx(sum(operations) / 2 / 1e9, abs=5e-5)


def test_attention_is_counted_by_the_length_of_every_record() -> None:
    batch = MicroBatch(Any, 300, 6, ("a", "b"), squares=200**2 + 100**2)
    assert work_of(batch, 50) == Work(300, 50_000, 6, 50)


def test_a_pace_is_told_in_a_few_words() -> None:
    pace = Pace(2.0, 0.25, 12345.6, 3.0, 0.4321, 10**9)
    assert pace.told(1.25, with_mfu=False) == "loss 1.250, 12,346 tok/s"
    assert pace.told(1.25, with_mfu=True) == "loss 1.250, 12,346 tok/s, MFU 43%"


def test_memory_is_that_of_the_process_or_what_torch_took_of_the_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrusage", lambda _: SimpleNamespace(ru_maxrss=2048))
    assert peak_memory_bytes(CPU) == 2 * 2**20
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 7 * 2**30)
    gpu = Device("cuda", "bfloat16", "a test", "test", 1, 0)
    assert peak_memory_bytes(gpu) == 7 * 2**30


@pytest.fixture
def measured_anew() -> Iterator[None]:
    matmul_ceiling.cache_clear()
    yield
    matmul_ceiling.cache_clear()


@pytest.mark.usefixtures("measured_anew")
def test_the_ceiling_is_the_fastest_product_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    taken = iter([9.0, 0.004, 0.002, 0.5])

    def product(*_: Any) -> float:
        spent = next(taken)
        clock.seconds += spent / 10
        return spent

    monkeypatch.setattr(ceiling, "time", SimpleNamespace(perf_counter=clock.perf_counter))
    monkeypatch.setattr(ceiling, "_seconds", product)
    monkeypatch.setattr(ceiling, "_SECONDS", 0.92)
    monkeypatch.setitem(ceiling._SIDES, "cpu", 100)
    assert matmul_ceiling(CPU) == pytest.approx(2 * 100**3 / 0.002)
    assert matmul_ceiling(CPU) == pytest.approx(2 * 100**3 / 0.002)
    assert list(taken) == []


@pytest.mark.usefixtures("measured_anew")
def test_measuring_the_ceiling_leaves_the_random_numbers_of_the_run_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ceiling._SIDES, "cpu", 64)
    monkeypatch.setattr(ceiling, "_SECONDS", 0.001)
    before = torch.get_rng_state()
    assert matmul_ceiling(CPU) > 1e6
    assert torch.equal(torch.get_rng_state(), before)
