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


def test_what_was_read_is_known_when_a_picture_comes_again(seen: list[Any]) -> None:
    reader = reading.Reader()
    assert reader.known("um") is None
    assert reader.read(drawn(7), "um") == "azul 7\ninstruções"
    assert reader.known("um") == "azul 7\ninstruções"
    assert len(seen) == 1


@pytest.mark.usefixtures("seen")
def test_what_was_read_first_is_forgotten_first() -> None:
    reader = reading.Reader(max_known=2)
    for blue in (1, 2, 3):
        reader.read(drawn(blue), str(blue))
    assert [reader.known(name) is None for name in "123"] == [True, False, False]
    none = reading.Reader(max_known=0)
    none.read(drawn(1), "1")
    assert none.known("1") is None
