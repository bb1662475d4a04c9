"""The report: one file that loads nothing, shows text as text, writes numbers as in Portugal."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from read_page import Page

from amalia import report as package
from amalia.errors import ArtifactError, PictureError
from amalia.report import (
    ArtifactRow,
    Curve,
    EvalRow,
    FunnelRow,
    Interval,
    Picture,
    Report,
    Shown,
    StageRow,
    VarietyRow,
    charts,
    numbers,
    render,
    text,
    write,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
NBSP = "\u00a0"


def make_report(**changes: object) -> Report:
    """Build a report with something in every section."""
    full = Report(
        title="Amália em miniatura",
        created_at=datetime(2026, 11, 21, 22, 58, tzinfo=UTC),
        answer=Shown(
            "O que vês?", "um autocarro", "Vejo um autocarro.", Picture(PNG), is_right=True
        ),
        funnel=(FunnelRow("Nomes", 18240, {"duplicate": 312, "error:TimeoutError": 2}, 9_412_331),),
        varieties=(
            VarietyRow("prosa", 1200, {"pt-PT": 0.8, "undecided": 0.19, "pt-BR": 0.01}),
            VarietyRow("dpo", 400, {"pt-PT": 0.5, "undecided": 0.5}, is_answers=True),
        ),
        samples=(
            Shown(
                "Quantos gatos há?", "4", "Há três.", Picture(PNG), "counting", "Há dois.", False
            ),
            Shown("Quem és tu?", "Sou a Amália.", "Sou a Amália.", None, "identity"),
        ),
        curves=(
            Curve(
                "dpo", "loss", "train", "nat", tuple((float(i), 0.69 - i / 100) for i in range(9))
            ),
            Curve("dpo", "reward", "chosen", "nat", ((0.0, 0.0), (10.0, 1.5))),
            Curve("dpo", "reward", "rejected", "nat", ((0.0, 0.0), (10.0, -2.5))),
        ),
        evaluation=(
            EvalRow(
                "naming",
                "exact",
                1412,
                Interval(0.801, 0.761, 0.838),
                Interval(0.7, 0.66, 0.738),
                blind=0.004,
                majority=0.006,
                readable_fraction=0.998,
                seed_values=(0.79, 0.812),
            ),
            EvalRow("variety", "preferred", 500, Interval(0.934, 0.909, 0.953), majority=0.5),
        ),
        stages=(
            StageRow(
                "align", ("connector",), 262_400, 9_844_416, 1200, 19200, 2_100_000, 96.2, 10**9
            ),
            StageRow("dpo", ("language_model",), 5_000_000, 9_844_416, 150, 600, 90_000, 121.5),
        ),
        artifacts=(ArtifactRow("modelo", 21_412_412, 9), ArtifactRow("dados", 3_000_000, 4)),
        versions={"torch": "2.13.0"},
        machine={"cores": "2"},
        recipes={"sft.yaml": "seed: 1\n"},
        lineage="modelo\n└── dados",
        seeds=(1, 2),
        limitations=("Só dois estilos de desenho.",),
    )
    return replace(full, **changes)  # type: ignore[arg-type]


def test_page_is_well_formed_portuguese_and_loads_nothing() -> None:
    page = render(make_report())
    parsed = Page(page)
    assert page.startswith("<!DOCTYPE html>")
    assert parsed.all("html") == [{"lang": "pt-PT"}]
    assert not re.search(r"https?://|//[a-z]|@import|url\(", page)
    names = {name for name, _ in parsed.tags}
    assert names.isdisjoint({"script", "link", "iframe", "object"})
    assert all(
        str(image["src"]).startswith("data:image/png;base64,") for image in parsed.all("img")
    )
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    targets = [str(link["href"]) for link in parsed.all("a")]
    assert len(ids) == len(set(ids))
    assert all(target.removeprefix("#") in ids for target in targets)


def test_pictures_and_charts_say_what_they_are() -> None:
    parsed = Page(render(make_report()))
    assert [image["alt"] for image in parsed.all("img")] == [
        "Imagem a que se refere a pergunta: «O que vês?»",
        "Imagem a que se refere a pergunta: «Quantos gatos há?»",
    ]
    assert all("aria-label" in svg or "aria-hidden" in svg for svg in parsed.all("svg"))
    labels = [svg.get("aria-label") for svg in parsed.all("svg")]
    assert (
        f"Dar o nome: Depois do DPO 80,1{NBSP}%; Antes do DPO 70,0{NBSP}%; "
        f"Às cegas 0,4{NBSP}%; Maioria 0,6{NBSP}%"
    ) in labels
    assert (
        "Otimização por preferências (DPO): gráfico de recompensa por passo "
        "(resposta preferida, resposta rejeitada)"
    ) in labels
    assert all(cell.get("scope") in {"col", "row"} for cell in parsed.all("th"))


@pytest.mark.parametrize(
    "shown",
    [
        "80,1 %",
        "76,1 % a 83,8 %",
        "66,0 % a 73,8 %",
        "1 412",
        "99,8 %",
        "por semente: 79,0 %, 81,2 %",
        "18 240",
        "repetido: 312",
        "prosa 1 200 80,0 % 1,0 % 19,0 % 0,0 %",
        "Respostas de dpo 400 50,0 % 0,0 % 50,0 % 0,0 %",
        "error:TimeoutError: 2",
        "9,4 MB",
        "262 400 de 9 844 416",
        "1 min 36 s",
        "3 min 38 s",
        "9,8 milhões",
        "Total 24,4 MB 13",
        "21 de novembro de 2026, 22:58 (UTC)",
        "sementes 1, 2",
        "a média de 2 sementes",
        "Só dois estilos de desenho.",
        "└── dados",
    ],
)
def test_page_shows_the_numbers_given(shown: str) -> None:
    assert shown in Page(render(make_report())).text.replace(NBSP, " ")


@pytest.mark.parametrize(("num_asked", "is_said"), [(1, False), (12, True)])
def test_an_answer_chosen_among_several_says_so(num_asked: int, is_said: bool) -> None:
    text = Page(render(make_report(num_asked=num_asked))).text
    assert (
        "Das 12 que lhe foram mostradas, é a da resposta em que mais confia." in text
    ) == is_said


def test_answers_are_text_never_markup() -> None:
    hostile = '<script>alert("ã")</script><img src=x onerror=y> & "aspas" \'</style>'
    shown = Shown(hostile, hostile, hostile, Picture(PNG, alt=hostile), hostile, hostile, True)
    page = render(
        make_report(
            title=hostile,
            answer=shown,
            samples=(shown,),
            funnel=(FunnelRow(hostile, 1, {hostile: 1}),),
            evaluation=(EvalRow(hostile, hostile, 1, Interval(0, 0, 0), blind=0, group=hostile),),
            curves=(Curve(hostile, hostile, hostile, hostile, ((0, 1), (1, 2))),),
            stages=(StageRow(hostile, (hostile,), 1, 1, 1, 1, 1, 1),),
            artifacts=(ArtifactRow(hostile, 1, 1),),
            versions={hostile: hostile},
            machine={hostile: hostile},
            recipes={hostile: hostile},
            lineage=hostile,
            limitations=(hostile,),
        )
    )
    parsed = Page(page)
    assert "<script" not in page and "<img src=x" not in page
    assert parsed.words.count(hostile) > 15
    assert [image["alt"] for image in parsed.all("img")] == [hostile, hostile]


def test_sections_without_values_are_left_out() -> None:
    parsed = Page(render(Report("Vazio", datetime(2026, 1, 2, tzinfo=UTC))))
    assert [section["id"] for section in parsed.all("section")] == ["resumo", "limitacoes"]
    assert parsed.all("table") == []


def test_small_models_come_with_a_warning() -> None:
    told = Page(render(make_report())).text.replace(NBSP, " ")
    assert "um modelo pequeno, com 9,8 milhões de parâmetros." in told
    tiny, large = (StageRow("sft", (), n, n, 1, 1, 1, 1.0) for n in (262_400, 9_150_000_000))
    told = Page(render(make_report(stages=(tiny,)))).text.replace(NBSP, " ")
    assert "um modelo pequeno, com 262 400 parâmetros." in told
    assert "modelo pequeno" not in Page(render(make_report(stages=(large,)))).text


def test_boxes_are_drawn_over_the_picture() -> None:
    shown = Shown("Onde?", "[…]", "[…]", Picture(PNG), gold_box=(0.25, 0.5, 0.75, 1.0))
    drawn = [r for r in Page(render(make_report(answer=shown))).all("rect") if r["class"] == "gold"]
    assert drawn == [{"class": "gold", "x": "0.25", "y": "0.5", "width": "0.5", "height": "0.5"}]


@pytest.mark.parametrize(
    ("low", "high", "blind", "majority", "is_lower_better", "sees"),
    [
        (0.70, 0.80, 0.50, 0.60, False, True),
        (0.60, 0.80, 0.50, 0.60, False, False),
        (0.70, 0.80, 0.75, 0.10, False, False),
        (0.70, 0.80, 0.50, None, False, False),
        (0.70, 0.80, None, 0.50, False, None),
        (0.10, 0.20, 0.90, 0.80, True, True),
        (0.10, 0.85, 0.90, 0.80, True, False),
    ],
)
def test_seeing_needs_the_whole_interval_beyond_both_baselines(
    low: float,
    high: float,
    blind: float | None,
    majority: float | None,
    is_lower_better: bool,
    sees: bool | None,
) -> None:
    row = EvalRow(
        "counting",
        "exact",
        300,
        Interval((low + high) / 2, low, high),
        Interval(1.0, 1.0, 1.0),
        blind=blind,
        majority=majority,
        is_lower_better=is_lower_better,
    )
    assert row.sees is sees
    words = Page(render(make_report(evaluation=(row,)))).words
    badge = {True: "vê", False: "não provado", None: "só texto"}[sees]
    assert [word for word in words if word in {"vê", "não provado", "só texto"}] == [badge]
    assert any("Não ficou provado" in word for word in words) is (sees is False)


def test_values_that_do_not_exist_are_dashes() -> None:
    nothing = EvalRow("naming", "exact", 0, Interval(math.nan, math.nan, math.nan), blind=0.1)
    curve = Curve("sft", "loss", "train", "nat", ((0.0, math.nan), (1.0, math.inf)))
    page = render(make_report(evaluation=(nothing,), curves=(curve,)))
    assert "nan" not in Page(page).text.split() and 'id="treino"' not in page
    assert not re.search(r'="-?(nan|inf)"', page)


def test_write_replaces_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "novo" / "report.html"
    write(make_report(title="Primeiro"), path)
    write(make_report(title="Segundo \ud83d"), path)
    assert "Segundo &#55357;" in path.read_text(encoding="utf-8")
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_write_says_what_stops_it_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(ArtifactError, match=r"cannot write the report: .*report\.html; expected"):
        write(make_report(), tmp_path / "report.html")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArtifactError, match="cannot write the report"):
        write(make_report(), tmp_path / "file" / "report.html")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "report.html"]


def test_pictures_must_be_what_they_say() -> None:
    assert b64encode(PNG).decode() in render(make_report())
    with pytest.raises(PictureError, match="not image/jpeg"):
        Picture(PNG, "image/jpeg")
    with pytest.raises(PictureError, match="cannot show pictures of type 'image/svg\\+xml'"):
        Picture(b"<svg/>", "image/svg+xml")  # type: ignore[arg-type]
    with pytest.raises(PictureError, match="not image/png"):
        Picture(b"")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.decimal(1234.5), "1 234,5"),
        (numbers.decimal(-0.04), "0,0"),
        (numbers.decimal(-3.25, 2), "−3,25"),
        (numbers.decimal(None), "—"),
        (numbers.integer(9_844_416), "9 844 416"),
        (numbers.percent(0.873), "87,3 %"),
        (numbers.percent(1, 0), "100 %"),
        (numbers.percent(math.nan), "—"),
        (numbers.number(0.01234), "0,0123"),
        (numbers.number(12.44), "12,4"),
        (numbers.number(31_416), "31 416"),
        (numbers.number(0.00002), "2 × 10⁻⁵"),
        (numbers.number(-0.000031), "−3,1 × 10⁻⁵"),
        (numbers.number(0), "0"),
        (numbers.tick(0.5, 0.25), "0,5"),
        (numbers.tick(2000, 500), "2 000"),
        (numbers.millions(999_999), "999 999"),
        (numbers.millions(1_200_000), "1,2 milhão"),
        (numbers.millions(10_312_000), "10,3 milhões"),
        (numbers.millions(9_150_000_000), "9 150 milhões"),
        (numbers.size(0), "0 B"),
        (numbers.size(999), "999 B"),
        (numbers.size(999_600), "1,0 MB"),
        (numbers.size(12_400_000), "12,4 MB"),
        (numbers.size(2_950_000_000), "3,0 GB"),
        (numbers.size(None), "—"),
        (numbers.duration(8.24), "8,2 s"),
        (numbers.duration(59.96), "1 min 00 s"),
        (numbers.duration(192), "3 min 12 s"),
        (numbers.duration(3599.6), "1 h 00 min"),
        (numbers.duration(3900), "1 h 05 min"),
        (numbers.moment(datetime(2026, 3, 1, 9, 5)), "1 de março de 2026, 09:05"),  # noqa: DTZ001
    ],
)
def test_numbers_are_written_as_in_portugal(written: str, expected: str) -> None:
    assert written.replace(NBSP, " ") == expected


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_few_and_inside(low: float, width: float) -> None:
    high = low + width
    if high - low < 1e-6 * abs(low):
        return
    chosen = charts.ticks(low, high)
    step = chosen[1] - chosen[0]
    assert 3 <= len(chosen) <= 9
    assert low - 1e-6 * step <= chosen[0] and chosen[-1] <= high + 1e-6 * step


@pytest.mark.parametrize(("greatest", "end"), [(0, 1), (0.3, 0.4), (1, 1), (22, 40), (85, 100)])
def test_axis_ends_are_round(greatest: float, end: float) -> None:
    assert charts.axis_end(greatest) == pytest.approx(end)


def test_smoothing_keeps_a_straight_line_and_halves_noise() -> None:
    line = [(float(step), 3.0 - step / 100) for step in range(100)]
    noisy = [(step, value + (0.5 if step % 2 else -0.5)) for step, value in line]
    assert [y for _, y in charts.smooth(line)] == pytest.approx([y for _, y in line])
    assert charts.is_noisy(noisy) and not charts.is_noisy(line) and not charts.is_noisy(noisy[:29])
    error = max(abs(a[1] - b[1]) for a, b in zip(charts.smooth(noisy), line, strict=True))
    assert error < 0.3


def test_thinning_keeps_spikes_and_ends() -> None:
    points = [(float(step), 9.0 if step == 777 else 1.0) for step in range(5000)]
    kept = charts.thin(points)
    assert len(kept) <= 402
    assert {points[0], points[777], points[-1]} <= set(kept)
    assert kept == sorted(kept)


def test_a_line_chart_draws_points_where_they_belong() -> None:
    lines = [charts.Line("a", ((0.0, 1.0), (100.0, 2.0))), charts.Line("b", ((50.0, 1.5),))]
    page = Page(charts.line_chart(lines, label="A & B", x_label="passo", y_label="nats"))
    assert page.all("svg")[0]["aria-label"] == "A & B"
    first, last = (pair.split(",") for pair in str(page.all("polyline")[0]["points"]).split())
    dot = page.all("circle")[0]
    assert float(dot["cx"] or 0) == pytest.approx((float(first[0]) + float(last[0])) / 2, abs=0.1)
    assert float(dot["cy"] or 0) == pytest.approx((float(first[1]) + float(last[1])) / 2, abs=0.1)
    assert float(first[1]) > float(last[1])
    assert {"0", "20", "100", "1,0", "1,2", "2,0", "passo", "nats"} <= set(page.words)


def test_tiny_values_share_their_power_of_ten() -> None:
    rates = charts.Line("lr", ((0.0, 0.0), (10.0, 3e-4)))
    words = Page(charts.line_chart([rates], label="lr", x_label="passo", y_label="")).words
    assert f"×{NBSP}10⁻⁴" in words and "2,5" in words


def test_intervals_stand_on_their_axis() -> None:
    spans = [charts.Span(0.5, 0.25, 0.75, "after", (0.5,)), charts.Span(2.0, -1.0, 3.0, "before")]
    page = Page(charts.interval_chart(spans, [charts.Mark(0.5, "blind")], label="x"))
    bars = [line for line in page.all("line") if str(line["class"]).startswith("bar")]
    grid = [float(line["x1"] or 0) for line in page.all("line") if line["class"] == "grid"]
    assert [float(bars[0][key] or 0) for key in ("x1", "x2")] == pytest.approx([grid[1], grid[3]])
    assert [float(bars[1][key] or 0) for key in ("x1", "x2")] == pytest.approx([grid[0], grid[4]])
    mark = next(line for line in page.all("line") if line["class"] == "mark blind")
    assert float(mark["x1"] or 0) == pytest.approx(grid[2])


def test_every_text_is_used() -> None:
    folder = Path(str(package.__file__)).parent
    used = (folder / "report.html.j2").read_text() + (folder / "html.py").read_text()
    names = [name for name in vars(text) if re.fullmatch(r"[A-Z][A-Z_]+", name)]
    assert len(names) > 50
    assert [name for name in names if not re.search(rf"\b(t|text)\.{name}\b", used)] == []


def test_public_names() -> None:
    assert set(package.__all__) == {
        "ArtifactRow", "Curve", "EvalRow", "FunnelRow", "Interval", "Picture", "Report", "Shown",
        "StageRow",
        "VarietyRow", "render", "write",
    }  # fmt: skip
