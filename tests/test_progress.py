"""Progress says how far work is, on stderr, and keeps quiet about a moment's work."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from amalia import progress
from amalia.progress import Progress, say


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


def work(clock: Clock, seconds: list[float], *, done: int = 0, total: int = 10) -> str:
    out = io.StringIO()
    with Progress("treino", total, done=done, stream=out) as bar:
        for spent in seconds:
            clock.seconds += spent
            bar.advance(note="loss 1.500")
    return out.getvalue()


def test_a_moments_work_says_nothing(clock: Clock) -> None:
    assert work(clock, [0.1, 0.1]) == ""


def test_longer_work_says_how_far_it_is_now_and_then(clock: Clock) -> None:
    assert work(clock, [10.0] * 4, total=4).splitlines() == [
        "treino: 2/4, 20 s left, loss 1.500",
        "treino: 4/4, 0 s left, loss 1.500",
    ]


def test_resumed_work_does_not_count_what_was_done_before_as_speed(clock: Clock) -> None:
    assert work(clock, [20.0], done=8).splitlines()[0] == "treino: 9/10, 20 s left, loss 1.500"


def test_work_that_has_not_begun_does_not_divide_by_zero(clock: Clock) -> None:
    out = io.StringIO()
    with Progress("treino", 5, stream=out):
        clock.seconds += 60
    assert out.getvalue() == "treino: 0/5, starting\n"


def test_a_terminal_gets_a_bar_with_time_left() -> None:
    out = Terminal()
    with Progress("treino", 3, stream=out) as bar:
        for _ in range(3):
            bar.advance(note="loss 0.7")
    shown = out.getvalue()
    assert "treino" in shown
    assert "3/3" in shown
    assert "loss 0.7" in shown


def test_progress_goes_to_stderr(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("treino", 1) as bar:
        clock.seconds += 20
        bar.advance()
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "treino: 1/1, 0 s left\n"


def test_lines_are_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    say("part      how\nlanguage  full")
    said = capsys.readouterr()
    assert (said.err, said.out) == ("part      how\nlanguage  full\n", "")
