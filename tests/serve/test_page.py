"""What the page writes: escaped, marked in words, and nothing of a model's making."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from amalia.guard.verdict import CATEGORIES
from amalia.serve import page_text
from amalia.serve.page_answer import Exchange, conversation

HOSTILE = "<script>alert(1)</script> ![x](http://mau.example/?q=1) <img src=x onerror=alert(1)> [a](javascript:1)"


def shown(item: Exchange) -> str:
    return conversation([item], is_under_way=False)


def test_what_a_model_says_is_text_and_nothing_else() -> None:
    told = shown(Exchange(HOSTILE, answer=HOSTILE, extension={"trace_id": "a1"}))
    assert not re.search(r"<(script|img)|href=\"(?!#)", told)
    assert unescape(told).count("alert(1)") == 4


def test_citations_lead_to_their_passages_and_weak_ones_say_so() -> None:
    passages = [
        {
            "number": n,
            "id": f"g#{n}",
            "title": f"Guia {n}",
            "text": "Abre às <dez>.",
            "source": "guia.md",
        }
        for n in (1, 2)
    ]
    citations = [{"passage": 1, "support": 0.9}, {"passage": 2, "support": 0.2}]
    item = Exchange(
        "Quando abre?",
        answer="Abre às dez [1]. Fecha às seis [2]. E mais [7].",
        extension={"trace_id": "t", "passages": passages, "citations": citations},
    )
    told = shown(item)
    assert '<a href="#fonte-t-1">[1]</a>' in told
    assert "[7]" in told and "#fonte-t-7" not in told
    assert "Guia 2 (apoio fraco)" in told and "Guia 1 (apoio fraco)" not in told
    assert "Abre às &lt;dez&gt;." in told


def test_what_guards_found_is_said_in_words() -> None:
    verdicts = [
        {"category": "nif", "action": "mask"},
        {"category": "hate", "action": "block"},
        {"category": "hate", "action": "block"},
    ]
    item = Exchange(
        "?",
        answer="Não posso.",
        extension={"trace_id": "t", "verdicts": verdicts},
        finish_reason="content_filter",
    )
    told = shown(item)
    assert page_text.BLOCKED in told
    assert "Foram retirados dados pessoais: NIF" in told
    assert "Assinalado: discurso de ódio<" in told


def test_brazilian_forms_are_underlined_and_say_what_stands_in_portugal() -> None:
    told = shown(Exchange("?", answer="Apanhe o ônibus.", extension={"trace_id": "t"}))
    assert '<span class="brazilian" title="Em Portugal: autocarro">ônibus</span>' in told
    assert page_text.BRAZILIAN in told
    assert "brazilian" not in shown(
        Exchange("?", answer="Apanhe o autocarro.", extension={"trace_id": "t"})
    )


def test_every_category_has_a_name_in_portuguese() -> None:
    assert set(page_text.CATEGORY_NAMES) == set(CATEGORIES)


def test_files_that_nobody_uploaded_are_not_opened(tmp_path: Path) -> None:
    page = pytest.importorskip("amalia.serve.page")
    secret = tmp_path / "segredo.png"
    secret.write_bytes(b"segredo")
    assert page._urls([str(secret), "/etc/passwd", "../../etc/passwd"]) == ()
