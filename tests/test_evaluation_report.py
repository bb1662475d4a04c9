"""The page about evaluations: failures first, words of models as text only, verdicts in words."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from importlib import resources
from pathlib import Path

import make_log
import pytest
from make_page import comparison, make_page, result, sample
from read_page import Page

from amalia.report import Picture
from amalia.report import evaluation_text as words
from amalia.report.evaluation import (
    AdherenceRow,
    EvaluationPage,
    FamilyRow,
    HealthRow,
    LettersRow,
    ModelRow,
    Reason,
    SaidBy,
    SampleRow,
    TaskRow,
    Wording,
)
from amalia.report.evaluation_html import MAX_CHARACTERS, render_evaluation, write_evaluation

NBSP = "\u00a0"
SCRIPT = resources.files("amalia.report").joinpath("evaluation.js").read_text("utf-8")


def told(page: str) -> str:
    """Give the words of a page with plain blanks between them."""
    return Page(page).text.replace(NBSP, " ")


def test_page_is_well_formed_portuguese_and_loads_nothing() -> None:
    page = render_evaluation(make_page())
    parsed = Page(page)
    assert page.startswith("<!DOCTYPE html>")
    assert parsed.all("html") == [{"lang": "pt-PT"}]
    assert not re.search(r"https?:|@import|url\(", page)
    assert {name for name, _ in parsed.tags}.isdisjoint({"link", "iframe", "object", "base"})
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(str(link["href"]).removeprefix("#") in ids for link in parsed.all("a"))
    assert all(str(image["src"]).startswith("data:image/jpeg") for image in parsed.all("img"))


def test_only_the_script_of_the_package_may_run() -> None:
    page = render_evaluation(make_page())
    digest = b64encode(sha256(SCRIPT.encode()).digest()).decode()
    (policy,) = [m["content"] for m in Page(page).all("meta") if "http-equiv" in m]
    assert (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
        in str(policy)
    )
    assert re.findall(r"<script>(.*?)</script>", page, re.DOTALL) == [SCRIPT]


def test_sections_stand_in_order_with_failures_first() -> None:
    sections = [section["id"] for section in Page(render_evaluation(make_page())).all("section")]
    assert sections == [
        "falhas", "resultados", "comparacoes", "grupos", "letras", "variedade", "exemplos", "proveniencia",
    ]  # fmt: skip


def test_sections_without_values_are_left_out() -> None:
    empty = EvaluationPage("Vazia", datetime(2026, 1, 2, tzinfo=UTC), (ModelRow("dpo", "dpo@abc"),))
    parsed = Page(render_evaluation(empty))
    assert [section["id"] for section in parsed.all("section")] == ["proveniencia"]
    assert parsed.all("table") == []


@pytest.mark.parametrize(
    "shown",
    [
        # failures
        "caravela_mcq (sft): 1,7 % — mais de 1 % falhou",
        "o servidor não respondeu a tempo: 19 por exemplo: nada veio em 60 s",
        "a pergunta não cabe no modelo: 1",
        "1 200 1 180 20 1,7 % 7 3 2 5",
        # results: value, error, interval, n, units, blind, constant, readable
        "78,0 % 2,9 p.p. 71,7 % a 83,2 % 1 200 310 31,0 % a imagem ajuda 26,2 % 99,8 %",
        "não se prova que a imagem ajude",
        "taxa de erro por carácter; menos é melhor",
        "1 523 pontos",
        "caravela dpo 61,0 % 1,0 p.p. 59,0 % a 63,0 % 3 3 600 igual para todas",
        # comparisons
        "78,0 % 66,0 % +12,0 p.p. +4,0 p.p. a +20,0 p.p.",
        "1 190 < 0,001 dpo é melhor",
        "0,310 não se consegue distinguir",
        "não comparável as duas avaliações diferem em: versão da tarefa («1» e «2»)",
        "ficam de fora: 2 com outra pergunta ou resposta certa; 10 com pontuação num só dos modelos",
        "não comparável as duas avaliações não têm perguntas em comum com pontuação",
        "não comparável esta versão do programa não conhece nenhuma medida que as duas avaliações tenham",
        "Outras medidas (1)",
        "sft é melhor",
        # groups, letters, variety
        "Monumentos dpo",
        "A 50,0 %",
        "ônibus → autocarro : 6 a gente : 1",
        "75,0 % 60,0 % a 86,0 % 30 10 0 0",
        # samples
        "A página traz 2 de 1 200 exemplos",
        "dpo ✓ Certa Disse A resposta é B. Leu-se B",
        "sft ? Ilegível Disse Não sei. Porquê nenhuma letra",
        "! Falhou Problema o servidor não respondeu a tempo: nada veio em 60 s",
        "◐ Em parte: 0,63",
        # provenance
        "cc-by-nc-4.0 não comercial",
        "fins não comerciais: mmmu.",
        "juiz@1, rubrica 2",
        "como publicada, com os seus defeitos",
        "amalia eval x.yaml",
        "torch 2.9.0",
    ],
)
def test_page_shows_what_it_was_given(shown: str) -> None:
    assert shown in told(render_evaluation(make_page()))


def test_a_failing_task_is_marked_by_more_than_its_color() -> None:
    parsed = Page(render_evaluation(make_page()))
    assert [row["class"] for row in parsed.all("tr") if row.get("class") == "alarm"] == ["alarm"]
    fine = make_page(health=(HealthRow("dpo", "caravela_mcq", 1200, 1200),))
    text = told(render_evaluation(fine))
    assert "Nenhuma amostra falhou." in text and "mais de 1 % falhou" not in text


def test_drawings_and_fields_have_names_for_who_cannot_see_them() -> None:
    parsed = Page(render_evaluation(make_page()))
    labels = [str(svg.get("aria-label")).replace(NBSP, " ") for svg in parsed.all("svg")]
    assert "caravela_mcq: diferença +12,0 p.p., intervalo de +4,0 p.p. a +20,0 p.p." in labels
    assert "Monumentos: 90,0 %, intervalo de 80,0 % a 95,0 %" in labels
    assert "A: 50,0 %" in labels
    assert all(svg.get("role") == "img" for svg in parsed.all("svg"))
    assert all(cell.get("scope") in {"col", "row"} for cell in parsed.all("th"))
    fields = len(parsed.all("select")) + len(parsed.all("input"))
    assert fields == len(parsed.all("label")) == 3
    assert parsed.all("form")[0]["aria-label"] == "Escolher exemplos"
    assert next(image["alt"] for image in parsed.all("img")) == (
        "Imagem a que se refere a pergunta: «Que torre é esta?\nA. Torre de Belém\nB. Torre dos Clérigos»"
    )


HOSTILE = (
    '</dd></script><script>alert("ã")</script><img src=x onerror=y> & "aspas" \'</style>{{ 7*7 }}'
)


def test_words_of_models_and_data_are_text_never_markup() -> None:
    said = SaidBy("dpo", HOSTILE, "wrong", 0.0, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    picture = Picture(make_log.jpeg(), "image/jpeg")
    page = render_evaluation(
        make_page(
            title=HOSTILE,
            models=(ModelRow("dpo", HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, HOSTILE),),
            health=(HealthRow("dpo", HOSTILE, 1, 0, (Reason(HOSTILE, 1, HOSTILE),)),),
            results=(result(task=HOSTILE, metric=HOSTILE), result(task=HOSTILE, metric=HOSTILE, group=HOSTILE)),
            families=(FamilyRow("dpo", HOSTILE, "size", 1, 0, 0, 0, 0, 1),),
            comparisons=(
                comparison(first=HOSTILE, second=HOSTILE, task=HOSTILE, metric=HOSTILE),
                comparison(first=HOSTILE, second=HOSTILE, difference=None, differs={HOSTILE: (HOSTILE, HOSTILE)}),
            ),
            letters=(LettersRow("dpo", HOSTILE, {HOSTILE: 1.0}),),
            adherence=(AdherenceRow("dpo", HOSTILE, {}, 0, 0, 0, (Wording(HOSTILE, HOSTILE, 1),)),),
            samples=(SampleRow(HOSTILE, HOSTILE, HOSTILE, HOSTILE, (said,), (HOSTILE,), picture),),
            tasks=(TaskRow(("dpo",), HOSTILE, 1, "ours", *[HOSTILE] * 3, 1, False, 1, HOSTILE, HOSTILE),),
        )
    )  # fmt: skip
    parsed = Page(page)
    assert len(parsed.all("script")) == 1
    assert "onerror" not in {key for _, attributes in parsed.tags for key in attributes}
    assert [str(image["src"])[:5] for image in parsed.all("img")] == ["data:"]
    assert sum(HOSTILE in word for word in parsed.words) > 20
    assert "49" not in parsed.text.replace(NBSP, " ")


def test_samples_say_where_they_belong_and_what_happened() -> None:
    parsed = Page(render_evaluation(make_page()))
    cards = [(a["data-places"], a["data-outcomes"]) for a in parsed.all("article")]
    assert cards == [("0 1", "0-right 1-unreadable disputed"), ("0", "0-failed 1-partial disputed")]
    values = [str(option["value"]) for option in parsed.all("option")]
    assert values == [
        "",
        "0",
        "1",
        "",
        "disputed",
        "0-right",
        "0-failed",
        "1-partial",
        "1-unreadable",
    ]
    assert [group["label"] for group in parsed.all("optgroup")] == ["caravela_mcq", "dpo", "sft"]


def test_models_that_fared_alike_are_not_in_dispute() -> None:
    alike = (SaidBy("dpo", "A", "wrong", 0.0), SaidBy("sft", "C", "wrong", 0.0))
    assert not sample(said=alike).is_disputed
    assert sample().is_disputed


def test_one_model_needs_no_columns_and_choices_for_several() -> None:
    alone = (SaidBy("dpo", "B", "right", 1.0),)
    page = make_page(
        models=(ModelRow("dpo", "amalia-vl-dpo@abc"),),
        health=(HealthRow("dpo", "caravela_mcq", 10, 10),),
        comparisons=(),
        letters=(),
        adherence=(),
        samples=(sample(said=alone),),
        tasks=(),
        title=words.title(("dpo",)),
    )
    parsed = Page(render_evaluation(page))
    assert (
        "Modelo" not in parsed.words
        and "disputed" not in render_evaluation(page).split("<script>")[0]
    )
    assert "Avaliação de dpo" in parsed.words


def test_long_answers_are_cut_and_can_be_scrolled_by_keyboard() -> None:
    long = "á" * (MAX_CHARACTERS + 1234)
    parsed = Page(
        render_evaluation(make_page(samples=(sample(said=(SaidBy("dpo", long, "wrong", 0.0),)),)))
    )
    assert "á [… mais 1 234 caracteres]" in parsed.text.replace(NBSP, " ")
    (window,) = [entry for entry in parsed.all("dd") if entry.get("class") == "long"]
    assert (window["tabindex"], window["role"], window["aria-label"]) == ("0", "region", "Disse")


def test_thousands_of_samples_make_a_page_in_moments() -> None:
    said = (SaidBy("dpo", "B", "right", 1.0),)
    many = tuple(sample(id=f"s/{place}", said=said) for place in range(2000))
    page = render_evaluation(make_page(samples=many, num_samples=2000))
    assert page.count("<article") == 2000 and "A página traz" not in page


def test_write_replaces_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "novo" / "pagina.html"
    write_evaluation(make_page(title="Meio par \ud83d"), path)
    assert "Meio par &#55357;" in path.read_text("utf-8")
    assert [file.name for file in path.parent.iterdir()] == ["pagina.html"]


def test_every_word_of_the_page_is_in_one_file() -> None:
    template = resources.files("amalia.report").joinpath("evaluation.html.j2").read_text("utf-8")
    plain = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}|<[^>]*>", " ", template, flags=re.DOTALL)
    assert not re.search(r"\w", plain)
    assert "innerHTML" not in SCRIPT
