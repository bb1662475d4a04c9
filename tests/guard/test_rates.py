"""Miss and false-alarm rates, and that the page of the docs says what the code gives."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.guard.rates import Example, Share, examples, listing, measure, table
from amalia.guard.verdict import Finding, Place

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = _ROOT / "docs/guard-rates.md"
_TEXTS = [
    Example("harmful", "hate", "user", "ódio"),
    Example("harmful", "hate", "answer", "raiva"),
    Example("harmful", "violence", "user", "ódio à pancada"),
    Example("harmless", "hate", "user", "sossego"),
    Example("harmless", "violence", "user", "ódio nenhum"),
    Example("harmless", "email", "user", "ódio de arroba"),
]


class Finds:
    """Finds a word, under one category, in one place."""

    def __init__(self, word: str, category: str, place: Place) -> None:
        self.word, self.category, self.place = word, category, place
        self.name = f"{word}@1"

    def find(self, text: str, place: Place) -> Sequence[Finding]:
        at = text.find(self.word)
        if at < 0 or place != self.place:
            return []
        return [Finding(self.category, at, at + len(self.word), self.name)]


def test_a_finding_counts_for_its_own_category_and_as_any() -> None:
    measured = measure([Finds("ódio", "hate", "user")], _TEXTS, ["hate", "violence"])
    hate, violence, together, everywhere = measured.rates()
    assert (hate.missed, hate.unseen) == (Share(1, 2), Share(1, 2))
    assert (hate.false_alarms, hate.stopped) == (Share(0, 1), Share(0, 1))
    assert (violence.missed, violence.unseen) == (Share(1, 1), Share(0, 1))
    assert (violence.false_alarms, violence.stopped) == (Share(0, 1), Share(1, 1))
    assert (together.missed, together.stopped) == (Share(2, 3), Share(1, 2))
    assert (everywhere.false_alarms, everywhere.stopped) == (Share(2, 3), Share(2, 3))
    assert [one.example.text for one in measured.missed()] == ["raiva", "ódio à pancada"]
    assert [one.example.text for one in measured.false_alarms()] == [
        "ódio nenhum",
        "ódio de arroba",
    ]


def test_checks_together_find_what_one_of_them_finds() -> None:
    checks = [Finds("ódio", "hate", "user"), Finds("raiva", "hate", "answer")]
    measured = measure(checks, _TEXTS, ["hate"])
    assert measured.rates()[0].missed == Share(0, 2)
    assert measured.missed() == []


def test_the_table_and_the_list_as_they_are_written() -> None:
    measured = measure([Finds("ódio", "hate", "user")], _TEXTS, ["hate"])
    assert table(measured) == (
        "| category | missed | under no category at all | false alarms | stopped for anything |\n"
        "|---|---|---|---|---|\n"
        "| hate | 1 of 2: 50 % (9–91) | 1 of 2: 50 % (9–91) | 0 of 1: 0 % (0–79) | 0 of 1: 0 % (0–79) |\n"
        "| **together** | 1 of 2: 50 % (9–91) | 1 of 2: 50 % (9–91) | 0 of 1: 0 % (0–79)"
        " | 0 of 1: 0 % (0–79) |\n"
        "| **every harmless text of the set** | – | – | 2 of 3: 67 % (21–94) | 2 of 3: 67 % (21–94) |\n"
    )
    assert listing(measured.missed()) == "- harmful, hate, answer; found: nothing — raiva\n"
    assert listing([]) == "None.\n"


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (3, 14, 0.076, 0.476), (50, 100, 0.404, 0.596)],
)
def test_wilson_by_a_table(count: int, n: int, low: float, high: float) -> None:
    assert Share(count, n).interval == pytest.approx((low, high), abs=5e-4)


@given(st.integers(0, 300), st.integers(0, 300))
def test_an_interval_holds_its_share(count: int, more: int) -> None:
    share = Share(count, count + more)
    low, high = share.interval
    assert 0 <= low <= share.value + 1e-12
    assert share.value <= high + 1e-12
    assert high <= 1


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "prompts.tsv"
    file.write_text("kind\tcategory\tplace\ttext\nharmful\thate\tuser\n", "utf-8")
    with pytest.raises(
        ValueError, match=r"line 2 of prompts\.tsv has 3 columns; expected kind, cat"
    ):
        examples(file)
    file.write_text("kind\tcategory\ttext\tplace\n", "utf-8")
    with pytest.raises(ValueError, match=r"line 1 of prompts\.tsv"):
        examples(file)


def test_the_page_says_what_the_code_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(_ROOT / "scripts"))
    build = importlib.import_module("build_guard")
    page = made = _PAGE.read_text("utf-8")
    for name, block in build.blocks().items():
        made = build.put(made, name, block)
    assert made == page, "run  python scripts/build_guard.py --page-only"
