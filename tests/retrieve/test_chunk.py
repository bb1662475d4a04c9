"""Passages are slices of their document, cover it, and fit."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amalia.records import Document, Origin
from amalia.retrieve.chunk import pieces, slices, title_of

WORDS = st.sampled_from(
    ["O", "museu", "abre", "às", "10h00.", "Sr.", "Fim!", "\n\n", "\n", "# Título\n", "- ", "ção", "x" * 30,
     "\n\n## Horário\n\n", "[1]", "🙂", "---\n"]
)  # fmt: skip
TEXTS = st.one_of(st.lists(WORDS, max_size=60).map(" ".join), st.text(max_size=300))


def document(text: str, **more: str) -> Document:
    origin = Origin(source="test", license="CC0-1.0", created="authored")
    return Document(id=more.pop("id", "guia"), text=text, language="pt-PT", origin=origin, **more)


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(20, 120), st.integers(0, 19))
def test_passages_cover_a_text_and_fit(text: str, max_chars: int, overlap_chars: int) -> None:
    covered, before = [False] * len(text), (-1, -1)
    for start, end, _ in slices(text, max_chars=max_chars, overlap_chars=overlap_chars):
        assert 0 < end - start <= max_chars
        assert text[start:end] == text[start:end].strip()
        assert start > before[0]
        assert end > before[1]
        assert before[1] - start <= overlap_chars
        before = (start, end)
        covered[start:end] = [True] * (end - start)
    assert all(done or letter.isspace() for done, letter in zip(covered, text, strict=True))


PROSE = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from([". ", ".\n\n"])), min_size=2, max_size=14
).map(lambda parts: "".join("A" + "b" * length + end for length, end in parts))


@settings(max_examples=200, deadline=None)
@given(PROSE, st.integers(62, 160), st.data())
def test_every_passage_says_something_new(text: str, max_chars: int, data: st.DataObject) -> None:
    overlap_chars = data.draw(st.integers(0, max_chars - 1))
    found = slices(text, max_chars=max_chars, overlap_chars=overlap_chars)
    assert all(one.end < two.end for one, two in pairwise(found))


def test_the_work_grows_with_the_text_and_no_faster() -> None:
    # Half a minute and more where every sentence copies what is left of the text.
    text = "O museu abre às dez horas e fecha às dezoito. " * 60_000
    began = time.process_time()
    assert len(slices(text)) > 3_000
    assert slices(f"# A{' ' * 100_000}b")[0].start == 0
    assert slices(f"A{' ' * 100_000}b")[0].start == 0
    assert time.process_time() - began < 8


@given(TEXTS)
@settings(max_examples=50, deadline=None)
def test_names_are_stable_and_lead_back(text: str) -> None:
    made = document(text)
    found = pieces(made, max_chars=60, overlap_chars=10)
    assert found == pieces(made, max_chars=60, overlap_chars=10)
    assert [piece.id for piece in found] == [f"guia#{n}" for n in range(1, len(found) + 1)]
    assert all(made.text[piece.start : piece.end] == piece.text for piece in found)


def test_a_passage_stays_in_its_section() -> None:
    text = "# Guia\n\nIntrodução.\n\n## Horário\n\nAbre às dez.\n\n### Verão\n\nAbre às nove.\n"
    assert [(piece.heading, piece.text.split("\n")[-1]) for piece in pieces(document(text))] == [
        ("", "Introdução."),
        ("Horário", "Abre às dez."),
        ("Horário › Verão", "Abre às nove."),
    ]


def test_sentences_are_said_again_only_whole() -> None:
    text = "A primeira frase é esta. A segunda vem já a seguir. A terceira fecha."
    found = [text[one.start : one.end] for one in slices(text, max_chars=52, overlap_chars=30)]
    assert found == [
        "A primeira frase é esta. A segunda vem já a seguir.",
        "A segunda vem já a seguir. A terceira fecha.",
    ]


@pytest.mark.parametrize(
    ("text", "more", "title"),
    [
        ("# Museu da Cidade\n\nAbre às dez.", {}, "Museu da Cidade"),
        ("Museu da Cidade\n===============\n\nAbre.", {}, "Museu da Cidade"),
        ("Horário de verão\n\nAbre às nove.", {}, "Horário de verão"),
        ("Abre às dez.\nFecha às seis.", {"url": "guias/museu.txt"}, "museu.txt"),
        ("Abre às dez.", {}, "guia"),
    ],
)
def test_documents_have_titles(text: str, more: dict[str, str], title: str) -> None:
    assert title_of(document(text, **more)) == title


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="less than max_chars"):
        slices("Olá.", max_chars=10, overlap_chars=10)
