"""From logs on disk to the page, the terminal, Markdown, LaTeX, JSON and a model card."""

from __future__ import annotations

import json
from pathlib import Path

import make
import make_log
import pytest
import yaml
from huggingface_hub import ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results

from amalia.errors import ArtifactError
from amalia.evaluate.families import Family, Leaf
from amalia.evaluate.log import Outcome
from amalia.evaluate.task import Data, Metric, Task
from amalia.pipeline.evaluation_page import is_non_commercial
from amalia.pipeline.evaluation_report import (
    Gathered,
    as_json,
    card_yaml,
    failing,
    gather,
    latex,
    markdown,
    page_of,
    terminal_table,
    write_html,
)
from amalia.records import Sample

COMMIT = "5503434ddd753f426f4b38109466949a1217c2bb"
SEEING, WIDE = "ver_gatos", "portexto_handwritten_full_page"
TASKS: dict[str, Task] = {
    SEEING: make_log.task(
        SEEING,
        data=Data("amalia-llm/GATOS", "test", license="cc-by-nc-4.0", config="pt"),
        metrics=(
            Metric("accuracy"),
            Metric("error", lambda score, _: 1 - score.value, is_lower_better=True),
        ),
    ),
    WIDE: make_log.task(
        WIDE, metrics=(Metric("points", lambda s, _: 100 * s.value, unit="points"),)
    ),
}
SPECS = {
    SEEING: {
        "data": "amalia-llm/GATOS",
        "split": "test",
        "config": "pt",
        "revision": COMMIT,
        "license": "cc-by-nc-4.0",
    },
    WIDE: {"data": "/home/maria/dados/páginas", "instruction": "Transcreve."},
}
FAMILY = Family("gatos", (Leaf(SEEING, "accuracy"),), "macro", is_ours=True)


def seen(count: int = 40) -> list[Sample]:
    return [
        make.sample(
            ("user", make.picture(noise=place // 2), "Que animal é este?"),
            task=SEEING,
            id=f"{SEEING}/{place:02}",
            groups=("preto",) if place % 2 else ("branco",),
        ).record
        for place in range(count)
    ]


def log(
    folder: Path, num_right: int, *, num_failed: int = 0, specs: object = SPECS, **more: object
) -> Path:
    """Write a log of forty pictures and ten pages; all pages are read right."""
    samples = seen()
    texts = ["gato"] * num_right + ["<b>cão</b>"] * (len(samples) - num_right)
    texts[len(texts) - num_failed :] = [None] * num_failed  # type: ignore[list-item]
    pairs = [*zip(samples, texts, strict=True)]
    pairs += [(sample, "gato") for sample in make_log.samples(10, WIDE)]
    return make_log.log(folder, pairs, tasks=tuple(TASKS.values()), specs=specs, **more)  # type: ignore[arg-type]


def gathered(*folders: Path) -> Gathered:
    return gather(folders, TASKS, families=(FAMILY,))


@pytest.fixture
def one(tmp_path: Path) -> Gathered:
    return gathered(log(tmp_path / "dpo", 30))


@pytest.fixture
def two(tmp_path: Path) -> Gathered:
    return gathered(
        log(tmp_path / "two" / "dpo", 36), log(tmp_path / "two" / "sft", 16, num_failed=1)
    )


def test_a_folder_of_logs_is_all_of_them_and_names_are_distinct(tmp_path: Path) -> None:
    for run in ("hoje", "ontem"):
        log(tmp_path / run / "dpo", 30)
    log(tmp_path / "ontem" / "sft", 30)
    assert gathered(tmp_path / "ontem").names == ("dpo", "sft")
    assert gathered(tmp_path / "hoje", tmp_path / "ontem" / "dpo").names == (
        "hoje/dpo",
        "ontem/dpo",
    )


def test_no_log_and_the_same_log_twice_are_refused(tmp_path: Path) -> None:
    folder = log(tmp_path / "dpo", 30)
    with pytest.raises(ArtifactError, match="no log was named; expected one log or more"):
        gather([], TASKS)
    with pytest.raises(ArtifactError, match=r"dpo is named twice"):
        gathered(folder, tmp_path)
    with pytest.raises(ArtifactError, match="holds no evaluation"):
        gathered(tmp_path / "nada")


def test_every_other_log_is_compared_with_the_first(tmp_path: Path) -> None:
    found = gathered(
        *(log(tmp_path / name, right) for name, right in zip("abc", (36, 16, 36), strict=True))
    )
    assert [(pair.first, pair.second) for pair in found.pairs] == [("a", "b"), ("a", "c")]
    assert [pair.comparisons[0].verdict for pair in found.pairs] == ["first", "cannot tell"]
    assert [pair.families[0].verdict for pair in found.pairs] == ["first", "cannot tell"]


@pytest.mark.parametrize(
    ("num_failed", "told"),
    [(0, []), (1, ["dpo: 2.5% of the samples of ver_gatos failed (timeout 1)"])],
)
def test_failing_names_tasks_of_which_more_than_one_in_a_hundred_failed(
    tmp_path: Path, num_failed: int, told: list[str]
) -> None:
    assert failing(gathered(log(tmp_path / "dpo", 30, num_failed=num_failed))) == told


def test_the_page_has_the_values_of_the_logs(two: Gathered) -> None:
    page = page_of(two)
    assert page.title == "Avaliação de dpo e sft"
    bad = page.health[0]
    assert (bad.model, bad.task, bad.num_failed, bad.is_failing) == ("sft", SEEING, 1, True)
    assert [(reason.name, reason.example) for reason in bad.reasons] == [
        ("timeout", "nada veio em 60 s")
    ]
    first = page.results[0]
    assert (first.metric, first.value, first.n, first.num_units) == ("accuracy", 0.9, 40, 20)
    groups = {(row.model, row.group) for row in page.results if row.group}
    assert groups == {("dpo", "branco"), ("dpo", "preto"), ("sft", "branco"), ("sft", "preto")}
    assert [(row.model, row.value) for row in page.families] == [("dpo", 0.9), ("sft", 16 / 39)]
    family, headline = page.comparisons[:2]
    assert (family.is_family, family.task, family.verdict) == (True, "gatos", "first")
    assert (headline.task, headline.verdict, headline.num_alone) == (SEEING, "first", 1)
    assert [(row.models, row.is_non_commercial) for row in page.tasks] == [
        (("dpo", "sft"), True),
        (("dpo", "sft"), False),
    ]
    assert page.models[0].code == "amalia 0.1.0, commit ffffffffffff"


def test_tasks_run_in_two_ways_stand_apart_and_are_not_compared(tmp_path: Path) -> None:
    other = {**SPECS, SEEING: {**SPECS[SEEING], "version": 2}}
    found = gathered(log(tmp_path / "dpo", 30), log(tmp_path / "sft", 30, specs=other))
    page = page_of(found)
    assert [(row.task, row.models) for row in page.tasks] == [
        (SEEING, ("dpo",)),
        (WIDE, ("dpo", "sft")),
        (SEEING, ("sft",)),
    ]
    row = next(row for row in page.comparisons if row.task == SEEING)
    assert (row.difference, row.differs) == (None, {"version": ("1", "2")})
    assert (
        "ver_gatos: not comparable, the two runs differ in version '1' and '2'"
        in terminal_table(found)
    )


def test_samples_come_worst_first_with_what_was_said_and_their_picture(tmp_path: Path) -> None:
    worst = f"{SEEING}/39"
    pages = make_log.samples(9, WIDE)
    asked = make_log.samples(10, WIDE)[9].model_copy(update={"follow_ups": ("E isto?",)})
    pairs = [(sample, "gato") for sample in [*seen()[:39], *pages]] + [(seen()[39], "cão")]
    usual = {"task": WIDE, "condition": "seen"}
    judged = Outcome(
        sample=asked.id,
        texts=("gato", "cão"),
        finish=("stop", "stop"),
        judgements=("3, porque sim", "?"),
        failure="invalid_judgement",
        **usual,
    )
    unread = Outcome(sample=f"{WIDE}/77", failure="missing_picture", **usual)
    more = {"tasks": tuple(TASKS.values()), "specs": SPECS}
    page = page_of(
        gathered(
            make_log.log(
                tmp_path / "dpo",
                pairs,
                pictures={worst: make_log.jpeg()},
                more=(judged, unread),
                **more,
            ),
            make_log.log(tmp_path / "sft", [*pairs, (asked, "")], **more),
        )
    )
    # A row that could not be read has no question, and stands among the failures.
    assert page.num_samples == 50
    wrong, blank = page.samples[:2]
    assert (wrong.id, wrong.target, wrong.groups) == (worst, "gato", ("preto",))
    assert wrong.picture is not None and wrong.picture.data == make_log.jpeg()
    assert [(said.model, said.state, said.note) for said in wrong.said] == [
        ("dpo", "wrong", "esperava-se «gato»"),
        ("sft", "wrong", "esperava-se «gato»"),
    ]
    assert (blank.id, [said.state for said in blank.said]) == (asked.id, ["failed", "unreadable"])
    assert blank.question == "1) Que animal é este?\n\n2) E isto?"
    assert blank.said[0].text == "1) gato\n\n2) cão"
    assert blank.said[0].note == "3, porque sim\n\n?"


def test_a_cap_keeps_the_worst_of_every_task_and_some_of_the_others(tmp_path: Path) -> None:
    page = page_of(gathered(log(tmp_path / "dpo", 30)), max_samples=24)
    states = {
        task: [row.said[0].state for row in page.samples if row.task == task]
        for task in (SEEING, WIDE)
    }
    # All ten pages, so fourteen pictures: the ten worst, and four of the rest.
    assert states == {SEEING: ["wrong"] * 10 + ["right"] * 4, WIDE: ["right"] * 10}
    assert page.num_samples == 50


def test_the_terminal_shows_all_that_belongs_to_a_number(one: Gathered) -> None:
    lines = terminal_table(one).splitlines()
    assert lines[0] == "model: dpo@0123456789abcdef"
    rows = [line.split() for line in lines]
    assert rows[2] == "task metric value s.e. 95 % n units blind const read".split()
    assert rows[3][:4] == [SEEING, "accuracy", "0.750", "0.099"]
    assert rows[3][5:] == ["40", "20", "–", "1.000", "100%"]
    assert rows[4][:4] == [SEEING, "error", "↓", "0.250"]
    # A name that is too long has a line of its own.
    assert lines[5] == WIDE
    assert rows[6][:3] == ["points", "100.0", "0.0"]
    assert rows[7][:4] == ["gatos", "mean,", "macro", "0.750"]
    assert max(map(len, lines)) <= 100


def test_two_models_stand_side_by_side_with_a_verdict(two: Gathered) -> None:
    lines = terminal_table(two).splitlines()
    assert lines[:2] == ["A = dpo  (dpo@0123456789abcdef)", "B = sft  (sft@0123456789abcdef)"]
    seeing = next(line for line in lines if line.startswith(SEEING) and "accuracy" in line)
    assert seeing.split()[2:5] == ["0.900", "0.410", "+0.513"]
    assert seeing.endswith("39  A better")
    points = next(line for line in lines if "points" in line)
    assert points.endswith("10  cannot tell")
    assert lines[-1] == "sft, ver_gatos: 1 failed of 40"
    assert max(map(len, lines)) <= 100


def test_many_models_stand_side_by_side_in_blocks(tmp_path: Path) -> None:
    found = gathered(*(log(tmp_path / f"m{place}", 30 + place) for place in range(5)))
    lines = terminal_table(found).splitlines()
    heads = [line.split() for line in lines if line.startswith("task")]
    assert heads == [["task", "metric", *"ABCD"], ["task", "metric", "E"]]
    assert "0.750 ±0.099" in terminal_table(found)
    assert max(map(len, lines)) <= 100


def test_markdown_is_a_table_with_intervals(one: Gathered, two: Gathered) -> None:
    lines = markdown(one).splitlines()
    assert lines[:2] == [
        "| task | metric | dpo | n | blind | constant |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    assert lines[2].startswith(r"| ver\_gatos | accuracy | 75.0 [")
    assert lines[2].endswith("| 40 | – | 100.0 |")
    lines = markdown(two).splitlines()
    assert lines[0] == "| task | metric | dpo | sft | difference | p (Holm) | better |"
    assert lines[2].endswith("| 0.004 | dpo |")
    assert {line.count("|") for line in lines[:7] if line} == {8}


@pytest.mark.parametrize(
    ("interval", "written"), [("half", r"100.0 $\pm$ 0.0"), ("ends", "100.0 [100.0, 100.0]")]
)
def test_latex_is_a_booktabs_table_with_everything_escaped(
    one: Gathered, interval: str, written: str
) -> None:
    lines = latex(one, interval=interval).splitlines()  # type: ignore[arg-type]
    assert lines[:2] == [r"\begin{tabular}{llrr}", r"\toprule"]
    assert lines[2] == r"Task & Metric & dpo & $n$ \\"
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]
    row = next(line for line in lines if "points" in line)
    assert row == rf"portexto\_handwritten\_full\_page & points & {written} & 10 \\"
    assert any(r"error $\downarrow$" in line for line in lines)


def test_latex_sets_the_better_of_two_in_bold(two: Gathered) -> None:
    lines = latex(two).splitlines()
    row = next(line for line in lines if "accuracy" in line)
    assert row.startswith(r"ver\_gatos & accuracy & \textbf{90.0 $\pm$")
    assert "+51.3" in row and row.count("textbf") == 1
    assert all(line.count("&") == 4 for line in lines if "&" in line)


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("50 % & mais_um", r"50 \% \& mais\_um"),
        (r"a\b{c}", r"a\textbackslash{}b\{c\}"),
        ("#1 ~ ^2 $3", r"\#1 \textasciitilde{} \textasciicircum{}2 \$3"),
    ],
)
def test_names_cannot_break_a_latex_table(tmp_path: Path, name: str, escaped: str) -> None:
    task = make_log.task(metrics=(Metric(name),))
    folder = make_log.log(tmp_path / "dpo", [(make_log.samples(1)[0], "gato")], tasks=(task,))
    assert f"naming & {escaped} & " in latex(gather([folder], {"naming": task}))


def test_a_card_is_yaml_that_the_hub_reads(one: Gathered) -> None:
    written = card_yaml(one, source_url="https://example.org/logs")
    data = ModelCardData(**yaml.safe_load(written), model_name="dpo")
    assert data.eval_results is not None
    first = data.eval_results[0]
    assert (first.task_type, first.task_name) == ("image-text-to-text", SEEING)
    assert (first.dataset_type, first.dataset_config, first.dataset_split) == (
        "amalia-llm/GATOS", "pt", "test",
    )  # fmt: skip
    assert (first.dataset_revision, first.dataset_args) == (COMMIT, {"license": "cc-by-nc-4.0"})
    assert (first.metric_type, first.metric_value, first.verified) == ("accuracy", 0.75, False)
    low, high = first.metric_args["interval"]
    assert low < 0.75 < high and first.metric_args["n"] == 40
    assert first.source_url == "https://example.org/logs"
    pages = data.eval_results[2]
    assert (pages.task_type, pages.dataset_type) == ("text-generation", "páginas")
    assert "maria" not in written


def test_a_card_of_two_models_has_an_entry_for_each(two: Gathered) -> None:
    index = yaml.safe_load(card_yaml(two))["model-index"]
    assert [entry["name"] for entry in index] == ["dpo", "sft"]
    for entry in index:
        _, results = model_index_to_eval_results([entry])
        assert {result.metric_type for result in results} == {"accuracy", "error", "points"}


def test_json_holds_results_averages_and_comparisons(two: Gathered) -> None:
    found = json.loads(as_json(two))
    assert found["models"]["dpo"]["results"][SEEING]["accuracy"]["value"] == 0.9
    assert found["models"]["sft"]["failing"] == {SEEING: 0.025}
    assert found["models"]["dpo"]["families"]["gatos"]["value"] == pytest.approx(0.9)
    (pair,) = found["comparisons"]
    assert (pair["first"], pair["second"]) == ("dpo", "sft")
    assert pair["tasks"][0]["verdict"] == pair["families"][0]["verdict"] == "first"


def test_the_page_is_written_and_what_models_say_is_text(tmp_path: Path, two: Gathered) -> None:
    write_html(two, tmp_path / "pagina.html", max_samples=30)
    page = (tmp_path / "pagina.html").read_text("utf-8")
    assert "&lt;b&gt;cão&lt;/b&gt;" in page and "<b>cão" not in page
    assert "A página traz 30 de 50 exemplos" in page.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("license_", "is_it"),
    [
        ("cc-by-nc-4.0", True),
        ("CC-BY-NC-SA-4.0", True),
        ("Apache-2.0 AND cc-by-nc-4.0", True),
        ("Non-Commercial use only", True),
        ("cc-by-4.0", False),
        ("Apache-2.0", False),
        ("NCSA", False),
        ("unknown", False),
    ],
)
def test_non_commercial_licences_are_known_by_their_names(license_: str, is_it: bool) -> None:
    assert is_non_commercial(license_) is is_it
