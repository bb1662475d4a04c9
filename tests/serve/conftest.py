"""What tests of the server share: the real vLLM, where the machine has it."""

from __future__ import annotations

import sys
from pathlib import Path

# Test files are imported one by one, so what stands beside them must be found by name.
sys.path.insert(0, str(Path(__file__).parent))

import pytest
import vllm_engine


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    """The interpreter that has vLLM; a test that asks for it is skipped where there is none."""
    found = vllm_engine.interpreter()
    if found is None:
        pytest.skip(vllm_engine.MISSING)
    return found
