"""What the detector says of whole texts: the examination tables and everything that is no text."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amalia.variety import detect, detect_many, p_many, rewrite

HERE = Path(__file__).parent


def table(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


EXAM, CASES = table("exam.tsv"), table("cases.tsv")


def test_the_example_of_the_documentation() -> None:
    found = detect("O ônibus parou perto do ponto.")
    assert found.label == "pt-BR"
    assert found.p_pt_pt < 0.1
    sign = found.evidence[0]
    assert (sign.span, sign.text, sign.kind, sign.suggests, sign.instead) == (
        (2, 8), "ônibus", "lexicon", "pt-BR", "autocarro",
    )  # fmt: skip


def test_of_two_versions_of_a_sentence_the_portuguese_one_is_likelier() -> None:
    ours, theirs = (p_many([row[side] for row in EXAM]) for side in ("pt_pt", "pt_br"))
    assert np.mean(ours > theirs) >= 0.96


@pytest.mark.parametrize(("side", "wanted"), [("pt_pt", "pt-PT"), ("pt_br", "pt-BR")])
def test_sentences_written_for_the_examination(side: str, wanted: str) -> None:
    labels = Counter(found.label for found in detect_many([row[side] for row in EXAM]))
    decided = labels["pt-PT"] + labels["pt-BR"]
    assert labels["other"] <= 2
    assert labels[wanted] / decided >= 0.85
    assert decided / len(EXAM) >= 0.8


def test_evidence_is_hardly_ever_on_the_wrong_side() -> None:
    wrong = total = 0
    for row in EXAM:
        for side, wanted in (("pt_pt", "pt-PT"), ("pt_br", "pt-BR")):
            signs = detect(row[side]).evidence
            wrong += sum(sign.suggests != wanted for sign in signs)
            total += len(signs)
    assert total > 250
    assert wrong / total <= 0.03


def test_cases_are_hardly_ever_given_to_the_wrong_country() -> None:
    found = detect_many([row["text"] for row in CASES])
    crossed = {("pt-PT", "pt-BR"), ("pt-BR", "pt-PT")}
    wrong = [
        row["text"]
        for row, f in zip(CASES, found, strict=True)
        if (row["label"], f.label) in crossed
    ]
    decided = [row for row in CASES if row["label"] in ("pt-PT", "pt-BR")]
    assert len(wrong) <= 0.1 * len(decided), wrong


def test_short_neutral_sentences_are_mostly_undecided() -> None:
    neutral = [row["text"] for row in CASES if row["label"] == "undecided"]
    labels = Counter(found.label for found in detect_many(neutral))
    assert labels["undecided"] >= 0.6 * len(neutral), labels


def test_other_languages_are_no_portuguese() -> None:
    texts = [row["text"] for row in CASES if row["label"] == "other"]
    labels = Counter(found.label for found in detect_many(texts))
    assert labels["other"] >= 0.8 * len(texts), labels
    assert labels["pt-PT"] + labels["pt-BR"] <= 2


def test_one_by_one_is_as_all_at_once() -> None:
    texts = [row["text"] for row in CASES]
    alone = [detect(text).p_pt_pt for text in texts]
    together = [found.p_pt_pt for found in detect_many(texts)]
    assert alone == together


STRANGE = {
    "nada": "",
    "emoji": "🎉",
    "algarismos": "12 345,67",
    "uma letra": "a",
    "só espaços": " \t\n ",
    "código": "for i in range(10): print(i)",
    "HTML": "<p></p>",
    "İ que cresce": "İİİ olá",
    "par de substituição": "𝒪𝓁á 𝒶𝓂𝒾ℊℴ",
    "bytes perdidos": "\udce3\udcff",
    "nulos": "\x00\x00",
    "marcas seguidas": "....!!!!????",
    "combinações": "a" + "\u0301" * 50,
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_text_gets_a_label(name: str) -> None:
    found = detect(STRANGE[name])
    assert found.label in ("pt-PT", "pt-BR", "undecided", "other")
    assert 0 <= found.p_pt_pt <= 1


def test_text_without_a_word_is_undecided() -> None:
    assert {detect(text).label for text in ("", "🎉", "12345", "???", " ")} == {"undecided"}


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_no_text_is_refused(text: str) -> None:
    found = detect(text)
    for sign in found.evidence:
        start, end = sign.span
        assert text[start:end] == sign.text


def test_ten_megabytes_on_one_line() -> None:
    text = "O autocarro está a chegar à paragem. " * 270_000
    assert p_many([text])[0] > 0.99


def test_no_texts() -> None:
    assert p_many([]).shape == (0,)
    assert detect_many([]) == []


def test_safe_forms_are_rewritten_and_the_rest_is_left() -> None:
    made = rewrite("O gênio está fazendo dezesseis anos. Você viu o ônibus?")
    assert made.text == "O génio está a fazer dezasseis anos. Você viu o ônibus?"
    assert [sign.text for sign in made.left] == ["Você", "ônibus"]


def test_nothing_portuguese_is_rewritten() -> None:
    for row in EXAM:
        assert rewrite(row["pt_pt"]).text == row["pt_pt"]


def test_no_torch_is_needed() -> None:
    code = "import sys, amalia.variety as v; v.detect('Olá'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_packaged_model_is_small() -> None:
    import amalia.variety.model as model

    assert model.FILE.stat().st_size < 15_000_000
