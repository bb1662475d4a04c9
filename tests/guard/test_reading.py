"""Text in pictures: what is kept of what was read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest

from amalia import pictures
from amalia.guard import reading


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The pictures that an engine was shown, which reads their first pixel."""
    shown: list[Any] = []

    def engine(pixels: np.ndarray[Any, Any]) -> Any:
        shown.append(pixels)
        return SimpleNamespace(txts=[f"azul {pixels[0, 0, 0]}", "instrues"])

    monkeypatch.setattr(reading, "is_installed", lambda: True)
    monkeypatch.setattr(reading, "_engine", lambda: engine)
    return shown


def drawn(blue: int) -> bytes:
    return pictures.encode(PIL.Image.new("RGB", (40, 30), (1, 2, blue)))[1]


def test_a_picture_that_comes_again_is_not_read_again(seen: list[Any]) -> None:
    reader = reading.Reader()
    assert [reader.read(drawn(blue)) for blue in (7, 8, 7)] == [
        "azul 7\ninstruções",
        "azul 8\ninstruções",
        "azul 7\ninstruções",
    ]
    assert len(seen) == 2


def test_the_picture_that_came_last_longest_ago_is_forgotten(
    seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_KNOWN", 2)
    reader = reading.Reader()
    for blue in (1, 2, 1, 3, 1, 2):
        reader.read(drawn(blue))
    assert [int(pixels[0, 0, 0]) for pixels in seen] == [1, 2, 3, 2]
