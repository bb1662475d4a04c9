"""An answer that drifts to Brazilian Portuguese is noticed, and nothing else is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.guard.drift import Drift

_EXAM = Path(__file__).parents[1] / "variety" / "exam.tsv"


def drifting(text: str) -> list[str]:
    return [text[found.start : found.end] for found in Drift().find(text, "answer")]


def test_finds_the_brazilian_sentence() -> None:
    text = "O autocarro está a chegar. Você pode pegar o ônibus na esquina. Depois telefona-me."
    assert drifting(text) == ["Você pode pegar o ônibus na esquina."]
    (finding,) = Drift().find(text, "answer")
    assert (finding.category, finding.check) == ("variety_pt_br", "variety@1")
    assert 0.5 < finding.score <= 1.0


def test_finds_it_in_a_list() -> None:
    text = "Passos:\n\n- Abre a aplicação.\n- Você está baixando o arquivo no celular\n"
    assert drifting(text) == ["- Você está baixando o arquivo no celular"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ónibus",
        "O autocarro está a chegar à paragem.",
        "A lua nasce às oito da noite.",
        "The bus is arriving and you can take it to the station.",
        "El autobús está llegando a la parada y usted puede subir.",
        "Ela respondeu: «Você está atrasado, o ônibus já saiu.»",
        'Diz-se "você está fazendo café da manhã" no Brasil.',
        "> Você pode pegar o ônibus na esquina.",
        "```\n# você está fazendo o café da manhã\nprint('você está fazendo')\n```",
        "Corre `você está baixando o arquivo` na consola.",
        "print('você está baixando o arquivo')",
        "Antônio Carlos Jobim nasceu no Rio de Janeiro.",
        "Vê https://exemplo.example/voce-esta-baixando-o-arquivo agora.",
    ],
)
def test_leaves_everything_else_alone(text: str) -> None:
    assert drifting(text) == []


def test_looks_at_answers_alone() -> None:
    for place in ("user", "system", "assistant", "tool", "passage", "picture"):
        assert Drift().find("Você pode pegar o ônibus na esquina.", place) == []


def test_is_as_right_as_it_says() -> None:
    pairs = [line.split("\t")[1:3] for line in _EXAM.read_text("utf-8").splitlines()[1:]]
    assert len(pairs) == 252
    assert [portuguese for portuguese, _ in pairs if drifting(portuguese)] == []
    num_found = sum(bool(drifting(brazilian)) for _, brazilian in pairs)
    assert num_found >= 0.39 * len(pairs)


@given(st.text(alphabet="você está fazendo. «»\"'`>\n\u200b!", max_size=200))
def test_spans_are_in_the_text(text: str) -> None:
    for finding in Drift().find(text, "answer"):
        assert 0 <= finding.start < finding.end <= len(text)
        assert text[finding.start : finding.end].strip() == text[finding.start : finding.end]


@pytest.mark.parametrize("piece", ['"', "«a", "` ", "> ", "'x ", "você. "])
def test_takes_time_in_proportion_to_length(piece: str) -> None:
    text = (piece * 100_000)[:100_000]
    began = time.process_time()
    Drift().find(text, "answer")
    assert time.process_time() - began < 3.0
