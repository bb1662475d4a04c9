"""Pages of benchmarks tell the truth: facts as the code has them, every worked example scored as it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import make
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from amalia import recipe as recipes
from amalia.cli.app import app
from amalia.evaluate import Benchmark, evaluate, scored
from amalia.evaluate.draft import LETTERS, Draft, Style, to_sample
from amalia.evaluate.estimates import accuracy
from amalia.evaluate.log import Scoring
from amalia.evaluate.source import samples_of
from amalia.evaluate.task import AnyMetric, Metric, PooledMetric, Score, Task, score_value
from amalia.inference.scripted import Scripted
from amalia.pipeline.evaluation import known_tasks
from amalia.pipeline.evaluation_recipe import EvaluationRecipe
from amalia.records import Row, Sample

DOCS = Path(__file__).parents[1] / "docs"
GUIDE = DOCS / "evaluation.md"
PAGES = sorted((DOCS / "benchmarks").glob("*.md"))
TASKS = known_tasks()
GENERATED = [name for name, task in TASKS.items() if task.kind == "generate"]
SHOWN = ("question", "group", "unit", "right", "said", "read", "score", "upstream")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@dataclass(frozen=True)
class Table:
    """A table of a page, with what stands around it."""

    heading: str
    above: str
    """The quotation before it: the question, with its options if it has any."""
    header: tuple[str, ...]
    rows: list[dict[str, str]] = field(default_factory=list)
    below: list[str] = field(default_factory=list)


def names_in(text: str) -> list[str]:
    """Give what stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def tables(page: Path) -> Iterator[Table]:
    heading = above = ""
    table: Table | None = None
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("|") and table is not None and not table.below:
            cells = [cell.strip() for cell in line[1:-1].split("|")]
            if set(line) - set("|-"):
                table.rows.append(dict(zip(table.header, cells, strict=True)))
            continue
        if line.startswith("|"):
            if table is not None:
                yield table
            table = Table(heading, above, tuple(cell.strip() for cell in line[1:-1].split("|")))
            above = ""
            continue
        if table is not None:
            table.below.append(line)
        heading = line if line.startswith("#") else heading
        above = line[2:] if line.startswith("> ") else above
    if table is not None:
        yield table


def facts(page: Path) -> dict[str, dict[str, str]]:
    """Give task → fact → value; a fact that differs between the tasks of a page has a table with a row for each."""
    common: dict[str, str] = {}
    own: dict[str, dict[str, str]] = {}
    for table in tables(page):
        if table.header == ("fact", "value"):
            common = {row["fact"]: row["value"] for row in table.rows}
        elif table.header[0] == "task":
            own = {row["task"].strip("`"): row for row in table.rows}
    shared = names_in(common.get("task", "")) + names_in(common.get("tasks", ""))
    return {name: {**common, **own.get(name, {})} for name in shared}


ON_PAGES = [(page, name, found) for page in PAGES for name, found in facts(page).items()]
FACTS = {name: found for _, name, found in ON_PAGES}
PAGE_OF = {name: page for page, name, _ in ON_PAGES}


def worked(page: Path) -> Iterator[tuple[Table, list[str]]]:
    """Give the worked tables of a page, with the tasks that they are of: those of the heading, else of the page."""
    for table in tables(page):
        if {"said", "log-probability"} & set(table.header):
            named = [name for name in names_in(table.heading) if name in TASKS]
            yield table, named or list(facts(page))


WORKED = [(table, name) for page in PAGES for table, names in worked(page) for name in names]
ANSWERED = [item for item in WORKED if "said" in item[0].header]
WEIGHED = [item for item in WORKED if "said" not in item[0].header]


def named(item: object) -> str | None:
    return item if isinstance(item, str) else None


# --- from a row of a page to a sample and back ----------------------------------------------------


def options_of(quotation: str) -> tuple[str, tuple[str, ...]]:
    """Part «question A. one; B. two» into the question and its options."""
    start = re.search(r" A\. ", quotation)
    if start is None:
        return quotation, ()
    options = quotation[start.start() + 1 :].split("; ")
    assert [option[:3] for option in options] == [f"{LETTERS[n]}. " for n in range(len(options))]
    return quotation[: start.start()], tuple(option[3:] for option in options)


def several(cell: str) -> list[str]:
    """Give the right answers of «3 × carro / 7 × automóvel»."""
    found: list[str] = []
    for part in cell.split(" / "):
        times = re.fullmatch(r"(\d+) × (.+)", part)
        found += [times[2]] * int(times[1]) if times else [part]
    return found


def sample_of(row: dict[str, str], table: Table, task: Task) -> Sample:
    question, options = options_of(row.get("question") or table.above or "O que vês?")
    target, *accepted = several(row.get("right", ""))
    groups = tuple(filter(None, row.get("group", "").split("; ")))
    right = LETTERS.index(target) if options else None
    draft = Draft(
        question,
        target,
        (options[right],) if right is not None else tuple(accepted),
        options=options,
        right=right,
        groups=groups,
        cluster=row.get("unit", ""),
    )
    style = Style(task.name, task.instruction, make.origin(), task.option_mark)
    return to_sample(draft, style, id="x").record


def said_in(row: dict[str, str]) -> str:
    """Give an answer: what stands between backticks, ⏎ ending a line; «nothing» is the empty one."""
    if row["said"] == "nothing":
        return ""
    (text,) = names_in(row["said"])
    return text.replace(" ⏎ ", "\n")


def agrees(value: float | None, cell: str) -> bool:
    """Compare with a written number: three decimals are rounded, fewer and fractions are exact."""
    if cell == "–" or value is None:
        return cell == "–" and (value is None or value != value)
    decimals = len(cell.partition(".")[2])
    return abs(value - float(Fraction(cell.replace("−", "-")))) < (
        0.0006 if decimals >= 3 else 1e-9
    )


def measured(metric: AnyMetric, scores: Sequence[Score], samples: Sequence[Sample]) -> float:
    if isinstance(metric, PooledMetric):
        sums = np.asarray(metric.statistics(scores, samples), dtype=np.float64).sum(axis=0)
        return float(metric.combine(sums))
    values = [metric.measure(*pair) for pair in zip(scores, samples, strict=True)]
    known = [value for value in values if value is not None]
    return sum(known) / len(known)


# --- what a page says -----------------------------------------------------------------------------


def test_every_task_stands_on_one_page() -> None:
    assert sorted(name for _, name, _ in ON_PAGES) == sorted(TASKS)
    weighed = {name for name, task in TASKS.items() if task.kind == "likelihood"}
    assert {name for _, name in WEIGHED} == weighed


@pytest.mark.parametrize("name", TASKS)
def test_facts_are_those_of_the_code(name: str) -> None:
    task, found = TASKS[name], FACTS[name]
    assert found["data"]
    assert found["licence"]
    if task.data is not None:
        known = (task.data.hub, task.data.split, task.data.config, task.data.files)
        assert names_in(found["data"]) == [part for part in known if part]
        assert found["licence"].startswith(task.data.license)
        assert ("non-commercial" in found["licence"]) == ("-NC" in task.data.license)
        assert ("none was found" in found["licence"]) == (task.data.license == "unknown")
    assert tuple(names_in(found["columns"])) == task.columns
    assert tuple(names_in(found["metrics"])) == task.metric_names
    assert found["prompt ending"] == (f"`{task.instruction}`" if task.instruction else "none")
    limit = str(task.max_new_tokens) if task.kind == "generate" else "none, nothing is generated"
    assert found["token limit"] == limit
    assert found["kind"] == task.kind
    assert found["groups"]
    assert found["unit"]
    if task.published is not None:
        text = PAGE_OF[name].read_text("utf-8").partition("\n## What the published program does")[2]
        assert {metric.name for metric in task.published.metrics} <= {*names_in(text)}


@every_page
def test_a_page_has_all_its_parts(page: Path) -> None:
    headings = re.findall(r"^## (.+)$", page.read_text("utf-8"), re.M)
    assert headings == [
        "Facts", "Metrics", "Worked examples", "What the published program does differently", "How to run it",
    ]  # fmt: skip


@every_page
def test_recipes_of_a_page_are_right(page: Path) -> None:
    shown = blocks(page.read_text("utf-8"), "yaml")
    asked: dict[str, Task] = {}
    for text in shown:
        tree = yaml.safe_load(text.replace("COMMIT", "a" * 40))
        recipe = recipes.parse(tree, EvaluationRecipe, name=page.name)
        for entry in recipe.tasks:
            task = TASKS[str(entry.task)]
            asked[task.name] = task
            if entry.samples is None and task.packaged is None:
                assert entry.data is not None
                assert (entry.data.hub == "published") == (task.data is not None)
        is_judged = any(task.rubric is not None for task in asked.values())
        assert (recipe.judge is not None) == is_judged
    assert set(asked) == set(facts(page))
    assert "COMMIT" not in "".join(shown) or "`COMMIT`" in page.read_text("utf-8")


# --- worked examples ------------------------------------------------------------------------------


@pytest.mark.parametrize(("table", "name"), ANSWERED, ids=named)
def test_worked_answers_are_scored_as_written(table: Table, name: str) -> None:
    task = TASKS[name]
    known = {metric.name: metric for metric in task.metrics if isinstance(metric, Metric)}
    assert set(table.header) <= {*SHOWN, *known}
    for row in table.rows:
        sample, text = sample_of(row, table, task), said_in(row)
        score = task.score(text, sample)
        is_read = row["read"] != "–"
        assert (score.readable, score.answer) == (is_read, row["read"] if is_read else ""), row
        for column in set(table.header) & {"score", *known}:
            value = score.value if column == "score" else known[column].measure(score, sample)
            assert agrees(value, row[column]), (row, column, value)
        assert ("upstream" in row) == (task.published is not None)
        if task.published is not None:
            theirs = task.published.score(text, sample)
            worth, _, said = row["upstream"].partition(", reads ")
            assert agrees(theirs.value, worth), (row, theirs)
            assert said in ("", theirs.answer), (row, theirs)


def together(table: Table) -> dict[Scoring, dict[str, str]]:
    """Read the line «Together: `f1` 0.8; upstream `pope_f1_score` 0.9.»: scoring → metric → value."""
    line = next((line for line in table.below if line.startswith("Together: ")), "")
    ours, _, theirs = line.removesuffix(".").partition("; upstream ")
    figure = re.compile(r"`([^`]+)` ([\d./–]+)")
    return {"ours": dict(figure.findall(ours)), "upstream": dict(figure.findall(theirs))}


@pytest.mark.parametrize(("table", "name"), ANSWERED, ids=named)
def test_worked_answers_together_are_as_written(table: Table, name: str) -> None:
    samples = [sample_of(row, table, TASKS[name]) for row in table.rows]
    for scoring, written in together(table).items():
        task = scored(TASKS[name], scoring)
        scores = [
            task.score(said_in(row), one) for row, one in zip(table.rows, samples, strict=True)
        ]
        # A judgement that cannot be read is no judgement, and its sample is left out.
        kept = [place for place, one in enumerate(scores) if one.readable or task.rubric is None]
        known = {metric.name: metric for metric in task.metrics}
        for metric, cell in written.items():
            some = [[one[place] for place in kept] for one in (scores, samples)]
            assert agrees(value := measured(known[metric], *some), cell), (metric, value)


@pytest.mark.parametrize("name", GENERATED)
def test_worked_examples_show_every_kind_of_answer_and_every_metric(name: str) -> None:
    task = TASKS[name]
    own = [table for table, of in ANSWERED if of == name]
    scores = [
        (task.score(said_in(row), sample_of(row, table, task)), row)
        for table in own
        for row in table.rows
    ]
    assert 4 <= len(scores) <= 14
    assert any(not score.readable for score, _ in scores)
    assert any(score.readable and score.value < 0.7 for score, _ in scores)
    assert any(score.value > 0.9 for score, _ in scores)
    if task.published is not None:
        assert any(
            not agrees(score.value, row["upstream"].partition(",")[0]) for score, row in scores
        )
    shown = {name for table in own for name in (*table.header, *together(table)["ours"])}
    for metric in task.metrics:
        is_score = isinstance(metric, Metric) and metric.measure is score_value
        assert metric.name in shown or (is_score and "score" in shown), metric.name


@pytest.mark.parametrize(("table", "name"), WEIGHED, ids=named)
def test_worked_likelihoods_choose_as_written(table: Table, name: str) -> None:
    task = TASKS[name]
    weights = {
        names_in(row["wording"])[0]: float(row["log-probability"].replace("−", "-"))
        for row in table.rows
    }
    for row, (wording, weight) in zip(table.rows, weights.items(), strict=True):
        assert int(row["characters"]) == len(wording)
        assert agrees(round(weight / len(wording), 2), row["for each"])
    right, chosen = (
        next(names_in(row["wording"])[0] for row in table.rows if word in row["which"].split(", "))
        for word in ("right", "chosen")
    )
    draft = Draft(table.above or "O que vês?", right, continuations=tuple(weights))
    style = Style(task.name, task.instruction, make.origin(), task.option_mark)
    benchmark = Benchmark(task, (to_sample(draft, style, id="x"),), (), "CC0-1.0", "", "page")
    engine = Scripted([], likelihood=lambda _, answer: weights[answer])
    (outcome,) = evaluate(engine, [benchmark])
    assert outcome.text == chosen
    assert outcome.value == float(right == chosen)


# --- the guide ------------------------------------------------------------------------------------


def test_the_index_has_every_page_with_its_tasks_and_licences() -> None:
    (index,) = (table for table in tables(GUIDE) if table.header[:2] == ("page", "tasks"))
    listed = {}
    for row in index.rows:
        (target,) = re.findall(r"\]\(benchmarks/([\w.]+)\)", row["page"])
        listed[target] = names_in(row["tasks"])
        for name in listed[target]:
            data = TASKS[name].data
            assert data is None or data.license in row["licence of the data"], row
    assert {page.name: list(facts(page)) for page in PAGES} == listed
    linked = re.findall(r"\]\(benchmarks/([\w.]+)\)", (DOCS / "index.md").read_text("utf-8"))
    assert sorted(linked) == sorted(listed)


def section(title: str) -> str:
    return GUIDE.read_text("utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_first_run_prints_what_the_guide_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = section("A first run")
    (recipe,), (shown,) = blocks(text, "yaml"), blocks(text, "text")
    (tmp_path / "primeira.yaml").write_text(recipe, "utf-8")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["eval", "primeira.yaml"])
    assert result.exit_code == 0
    assert result.stdout == shown


def test_the_intervals_of_the_guide_are_computed() -> None:
    (table,) = (table for table in tables(GUIDE) if table.header[0] == "right of")
    for row in table.rows:
        right, _, total = row["right of"].partition(" of ")
        found = accuracy([1.0] * int(right) + [0.0] * (int(total) - int(right)))
        assert f"{found.value:.3f}" == row["share"]
        assert f"{found.low:.3f} – {found.high:.3f}" == row["interval"]


def test_the_benchmark_of_the_guide_works() -> None:
    text = section("Adding a benchmark")
    (code,), (row,), (shown,) = (blocks(text, kind) for kind in ("python", "json", "text"))
    scope: dict[str, Any] = {"__name__": "guide"}
    exec(compile(code, "guide", "exec"), scope)
    task: Task = scope["TASK"]
    style = Style(task.name, task.instruction, make.origin(), task.option_mark)
    (made,) = samples_of(task, [json.loads(row)], style=style)
    assert isinstance(made, Row)
    assert made.record.prompt.turns[-1].text + "\n" == shown
    (table,) = (table for table in tables(GUIDE) if "said" in table.header)
    for written in table.rows:
        score = task.score(said_in(written), made.record)
        is_read = written["read"] != "–"
        assert (score.readable, score.answer) == (is_read, written["read"] if is_read else "")
        assert agrees(score.value, written["score"])
