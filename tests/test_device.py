"""Which device and number format are chosen, and the reason that is given."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from amalia import device as module
from amalia.device import Device, detect, machine
from amalia.errors import MissingExtra


@pytest.mark.parametrize(
    ("flags", "dtype", "why"),
    [
        ({"avx2", "avx512_bf16"}, "bfloat16", "bfloat16 because the processor has avx512_bf16"),
        ({"amx_bf16", "avx512_bf16"}, "bfloat16", "bfloat16 because the processor has amx_bf16"),
        ({"avx2", "avx512f"}, "float32", "has none of amx_bf16, avx512_bf16"),
        (set(), "float32", "has none of"),
    ],
)
def test_cpu_uses_bfloat16_only_in_hardware(monkeypatch, flags, dtype, why):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(module, "_cpu_flags", lambda: frozenset(flags))
    device = detect()
    assert (device.kind, device.dtype) == ("cpu", dtype)
    assert why in device.reason
    assert device.weight_dtype == torch.float32


@pytest.mark.parametrize(("capability", "dtype"), [((9, 0), "bfloat16"), ((7, 5), "float32")])
def test_cuda_uses_bfloat16_from_ampere_on(monkeypatch, capability, dtype):
    torch = pytest.importorskip("torch")

    class Properties:
        total_memory = 80 * 1024**3

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: Properties)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    device = detect()
    assert (device.kind, device.dtype) == ("cuda", dtype)
    assert device.reason.startswith("CUDA is available (a card); " + dtype)
    assert device.memory_bytes == 80 * 1024**3
    assert device.weight_dtype == getattr(torch, dtype)


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"pip install 'amalia\[train\]'"):
        detect()


def test_autocast_computes_in_the_dtype():
    torch = pytest.importorskip("torch")
    ones = torch.ones(2, 2)
    half = Device("cpu", "bfloat16", "", "", 1, 0)
    with half.autocast():
        assert (ones @ ones).dtype == torch.bfloat16
    full = Device("cpu", "float32", "", "", 1, 0)
    assert isinstance(full.autocast(), nullcontext)


def test_threads_follow_the_container_and_the_environment(monkeypatch, tmp_path):
    files = {"/sys/fs/cgroup/cpu.max": ["150000 100000"]}
    monkeypatch.setattr(module, "_lines", lambda path: files.get(path, []))
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert machine(tmp_path).num_cores == 1
    files["/sys/fs/cgroup/cpu.max"] = ["400000 100000"]
    assert machine(tmp_path).num_cores == 4
    files["/sys/fs/cgroup/cpu.max"] = ["max 100000"]
    assert machine(tmp_path).num_cores == 8
    assert [module._num_threads(wish) for wish in ("", "2", "99", "x", "0")] == [8, 2, 8, 8, 8]


def test_memory_is_the_smaller_of_machine_and_container(monkeypatch, tmp_path):
    files = {
        "/proc/meminfo": ["MemTotal: 8000 kB", "MemAvailable:    6000 kB", "HugePages_Total: 0"]
    }
    monkeypatch.setattr(module, "_lines", lambda path: files.get(path, []))
    found = machine(tmp_path)
    assert (found.memory_bytes, found.memory_free_bytes) == (8000 * 1024, 6000 * 1024)
    files["/sys/fs/cgroup/memory.max"] = [str(4000 * 1024)]
    files["/sys/fs/cgroup/memory.current"] = [str(1000 * 1024)]
    found = machine(tmp_path)
    assert (found.memory_bytes, found.memory_free_bytes) == (4000 * 1024, 3000 * 1024)
    files.clear()
    assert machine(tmp_path).memory_bytes == 0


def test_this_machine_can_be_looked_at(tmp_path: Path):
    found = machine(tmp_path)
    assert found.num_cores >= 1
    assert found.disk_free_bytes > 0
    assert found.processor


def test_short_sequences_on_a_cpu_attend_with_plain_products() -> None:
    cpu, cuda = Device("cpu", "bfloat16", "", "", 1, 0), Device("cuda", "bfloat16", "", "", 1, 0)
    assert [cpu.attention(longest) for longest in (24, 768, 1024)] == ["eager", "eager", "sdpa"]
    assert cuda.attention(24) == "sdpa"


def test_another_thread_uses_the_same_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    Device("cuda", "bfloat16", "", "", 1, 0).settler()()
    assert chosen == [3]
    Device("cpu", "bfloat16", "", "", 1, 0).settler()()
    assert chosen == [3]
