"""House rules that a machine can see: small files, short functions, names that say something."""

from __future__ import annotations

import ast
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import amalia

SOURCE = Path(amalia.__file__).parent
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 80
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "handler", "core", "misc"}


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_is_small_and_made_of_short_functions(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < MAX_FILE_LINES
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions(path)}
    assert {name: lines for name, lines in lengths.items() if lines >= MAX_FUNCTION_LINES} == {}


def test_no_file_or_folder_has_an_empty_name() -> None:
    names = {
        part
        for path in SOURCE.rglob("*")
        for part in path.relative_to(SOURCE).with_suffix("").parts
    }
    assert names & EMPTY_NAMES == set()


def test_every_file_says_what_it_holds() -> None:
    silent = [
        path for path in files() if ast.get_docstring(ast.parse(path.read_text("utf-8"))) is None
    ]
    assert silent == []


LIGHT = (
    "columns", "device", "evaluate", "inference", "manifest", "pack", "pictures", "progress", "recipe",
    "records", "report", "store", "synth.conversations",
)  # fmt: skip


def test_data_building_and_reports_need_no_torch() -> None:
    program = "import importlib, sys\n"
    program += "for name in ('torch', 'transformers', 'tokenizers', 'safetensors'): sys.modules[name] = None\n"
    program += f"for name in {LIGHT}: importlib.import_module('amalia.' + name)\n"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""


def test_tests_reach_no_network() -> None:
    with socket.socket() as outside, pytest.raises(AssertionError, match="wants the network"):
        outside.connect(("192.0.2.1", 80))
