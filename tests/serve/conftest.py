"""What tests of the server share: the real vLLM, where the machine has it, and engines that a test plays."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Test files are imported one by one, so what stands beside them must be found by name.
sys.path.insert(0, str(Path(__file__).parent))

import pytest
import vllm_engine
from acting import Acting, Stage
from running_server import recipe, running
from transformers import PreTrainedTokenizerFast

from amalia.guard import reading
from amalia.serve import assembly


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    """The interpreter that has vLLM; a test that asks for it is skipped where there is none."""
    found = vllm_engine.interpreter()
    if found is None:
        pytest.skip(vllm_engine.MISSING)
    return found


@pytest.fixture(scope="session")
def vllm_model(
    tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: PreTrainedTokenizerFast
) -> Path:
    """A random model with heads of 32: fewer are too small for vLLM's attention on a CPU."""
    return vllm_engine.random_model(tmp_path_factory.mktemp("vllm-model"), tiny_tokenizer)


@pytest.fixture(scope="session")
def vllm_url(
    vllm_python: Path, vllm_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address, with its ``/v1``, of a real vLLM that calls its model ``ensaio`` and wants no key."""
    log = tmp_path_factory.mktemp("vllm") / "vllm.log"
    with vllm_engine.running(
        vllm_python, vllm_model, log, context_tokens=512, served_name="ensaio"
    ) as url:
        yield f"{url}/v1"


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start a server with settings of the test's own."""
    opened: list[Any] = []

    def started(**more: Any) -> Stage:
        engine = Acting()
        monkeypatch.setattr(assembly, "_engine", lambda *_: engine)
        made = recipe(tmp_path / "log.sqlite", served_name="ensaio", **more)
        context = running(made, tmp_path)
        stage = Stage(context.__enter__(), engine)
        opened.append((stage, context))
        return stage

    yield started
    for stage, context in opened:
        stage.client.close()
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server with the packaged policy; text in pictures is not read."""
    folder = tmp_path_factory.mktemp("shared")
    engine = Acting()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembly, "_engine", lambda *_: engine)
        patch.setattr(reading, "is_installed", lambda: False)
        context = running(recipe(folder / "log.sqlite", served_name="ensaio"), folder)
        up = context.__enter__()
    stage = Stage(up, engine)
    try:
        yield stage
    finally:
        stage.client.close()
        context.__exit__(None, None, None)


@pytest.fixture
def stage(shared: Stage) -> Stage:
    shared.engine.says = []
    shared.engine.pause_s = 0.0
    return shared
