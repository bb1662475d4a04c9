"""The page about evaluations: numbers written, intervals drawn, everything inside the file.

The layout is ``evaluation.html.j2``, the looks are ``report.css`` and ``evaluation.css``, the words are in
``evaluation_text``. What models say is text of strangers: the template engine escapes all of it, and the page's own
policy lets no script run but the one that filters the samples, which it names by its digest.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from amalia.report import charts, html, numbers, text
from amalia.report import evaluation_text as words
from amalia.report.evaluation import (
    ComparisonRow,
    EvaluationPage,
    ResultRow,
    SaidBy,
    SampleRow,
    State,
)
from amalia.report.evaluation_drawings import (
    Drawn,
    interval,
    signed,
    spread,
    value,
    with_bars,
    with_forests,
)
from amalia.report.model import Picture
from amalia.report.template import environment

MAX_CHARACTERS = 6000
"""A longer text is cut, and the page says so; the log has all of it."""
_LONG = 700
_OPEN_ROWS = 12
_STATES: tuple[State, ...] = ("right", "partial", "wrong", "unreadable", "failed")


def render_evaluation(page: EvaluationPage) -> str:
    """Make the page.

    Args:
        page: What to show; sections without values are left out.

    Returns:
        A complete HTML document that loads nothing from anywhere.
    """
    script = resources.files("amalia.report").joinpath("evaluation.js").read_text("utf-8")
    pairs = list(_pairs(page.comparisons))
    breakdowns = list(_breakdowns(page))
    samples = list(_cards(page))
    return (
        _environment()
        .get_template("evaluation.html.j2")
        .render(
            page=page,
            w=words,
            sections=_sections(
                page, has_groups=bool(breakdowns), has_pairs=bool(pairs), samples=samples
            ),
            several=len(page.models) > 1,
            alarms=[row for row in page.health if row.is_failing],
            results=_together(row for row in page.results if not row.group),
            breakdowns=breakdowns,
            pairs=pairs,
            samples=samples,
            places=_places(page.samples),
            variety_heads=[(name, "", True) for name in words.VARIETY_LABELS.values()],
            outcomes=_outcomes(page),
            non_commercial=sorted({row.task for row in page.tasks if row.is_non_commercial}),
            script=Markup(script),
            digest=b64encode(sha256(script.encode()).digest()).decode("ascii"),
        )
    )


def write_evaluation(page: EvaluationPage, path: Path) -> None:
    """Write the page so that ``path`` holds the old one or all of the new one, never a part.

    Args:
        page: What to show.
        path: The file to write; its folder is made when missing.

    Raises:
        ArtifactError: If the file cannot be written.
    """
    html.write_page(render_evaluation(page), path)


@dataclass(frozen=True, slots=True)
class _Section:
    anchor: str
    name: str


@dataclass(frozen=True, slots=True)
class _Pair:
    first: str
    second: str
    main: tuple[tuple[ComparisonRow, Drawn | None], ...]
    metrics: tuple[tuple[ComparisonRow, Drawn | None], ...]
    groups: tuple[tuple[ComparisonRow, Drawn | None], ...]


@dataclass(frozen=True, slots=True)
class _Breakdown:
    task: str
    metric: str
    is_open: bool
    rows: tuple[tuple[ResultRow, Drawn], ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """A task to choose from, with its groups; each has a number."""

    number: int
    task: str
    groups: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class _Card:
    row: SampleRow
    places: str
    outcomes: str


def _environment() -> Environment:
    made = environment()
    made.filters |= {
        "integer": numbers.integer,
        "percent": numbers.percent,
        "number": numbers.number,
        "moment": numbers.moment,
        "p_value": _p_value,
        "data_uri": _data_uri,
        "shortened": _shortened,
        "is_long": _is_long,
        "share_drawing": _share_drawing,
    }
    made.globals |= {
        "value": value,
        "spread": spread,
        "signed": signed,
        "interval": interval,
        "between": text.interval,
        "left_out": _left_out,
        "verdict": _verdict,
        "said_value": _said_value,
    }
    return made


def _sections(
    page: EvaluationPage, *, has_groups: bool, has_pairs: bool, samples: Sequence[_Card]
) -> list[_Section]:
    every = (
        ("falhas", words.FAILURES, page.health),
        ("resultados", words.RESULTS, page.results),
        ("comparacoes", words.COMPARISONS, has_pairs),
        ("grupos", words.GROUPS, has_groups),
        ("letras", words.LETTERS, page.letters),
        ("variedade", words.VARIETY, page.adherence),
        ("exemplos", words.SAMPLES, samples),
        ("proveniencia", words.ORIGINS, True),
    )
    return [_Section(anchor, name) for anchor, name, is_there in every if is_there]


def _together(rows: Iterable[ResultRow]) -> list[ResultRow]:
    """Bring the models of one metric side by side, keeping the order of tasks and metrics."""
    found: dict[tuple[str, str], list[ResultRow]] = {}
    for row in rows:
        found.setdefault((row.task, row.metric), []).append(row)
    tasks = list(dict.fromkeys(task for task, _ in found))
    return [row for task in tasks for key in found if key[0] == task for row in found[key]]


def _breakdowns(page: EvaluationPage) -> Iterator[_Breakdown]:
    """Give the groups of every task by its first metric."""
    headline: dict[str, str] = {}
    for row in page.results:
        if not row.group:
            headline.setdefault(row.task, row.metric)
    for task, metric in headline.items():
        rows = [
            row for row in page.results if row.task == task and row.metric == metric and row.group
        ]
        if not rows:
            continue
        rows.sort(key=lambda row: row.group)
        yield _Breakdown(task, metric, len(rows) <= _OPEN_ROWS, tuple(with_bars(rows)))


def _pairs(rows: Sequence[ComparisonRow]) -> Iterator[_Pair]:
    for first, second in dict.fromkeys((row.first, row.second) for row in rows):
        own = [row for row in rows if (row.first, row.second) == (first, second)]
        main = [row for row in own if row.is_headline or row.is_family]
        others = [row for row in own if not row.is_headline and not row.is_family]
        yield _Pair(
            first,
            second,
            tuple(with_forests(main)),
            tuple(with_forests([row for row in others if not row.group])),
            tuple(with_forests([row for row in others if row.group])),
        )


def _share_drawing(share: float, label: str) -> Markup:
    return charts.share_bar([share], label=label)


def _places(rows: Sequence[SampleRow]) -> list[_Place]:
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.task, set()).update(row.groups)
    places, number = [], 0
    for task, groups in found.items():
        start = number
        numbered = tuple((start + 1 + place, name) for place, name in enumerate(sorted(groups)))
        number += 1 + len(numbered)
        places.append(_Place(start, task, numbered))
    return places


def _cards(page: EvaluationPage) -> Iterator[_Card]:
    numbers_of = {
        (place.task, name): number
        for place in _places(page.samples)
        for number, name in ((place.number, ""), *place.groups)
    }
    models = [model.name for model in page.models]
    for row in page.samples:
        places = [numbers_of[row.task, name] for name in ("", *row.groups)]
        outcomes = [f"{models.index(said.model)}-{said.state}" for said in row.said]
        if row.is_disputed:
            outcomes.append("disputed")
        yield _Card(row, " ".join(map(str, places)), " ".join(outcomes))


def _outcomes(page: EvaluationPage) -> list[tuple[str, list[tuple[str, str]]]]:
    """Give what can be chosen of each model: its name, and value and words of every state that occurs."""
    found = {(said.model, said.state) for row in page.samples for said in row.said}
    return [
        (
            model.name,
            [
                (f"{place}-{state}", words.STATES_MANY[state])
                for state in _STATES
                if (model.name, state) in found
            ],
        )
        for place, model in enumerate(page.models)
    ]


def _left_out(row: ComparisonRow) -> str:
    return words.left_out(
        numbers.integer(row.num_other) if row.num_other else None,
        numbers.integer(row.num_alone) if row.num_alone else None,
    )


def _verdict(row: ComparisonRow) -> str:
    if row.difference is None:
        return words.NOT_COMPARABLE
    if row.verdict == "cannot tell":
        return words.CANNOT_TELL
    return words.verdict_better(row.first if row.verdict == "first" else row.second)


def _said_value(said: SaidBy) -> str:
    """Name the outcome, with its value where that says more."""
    name = words.STATES[said.state]
    if said.state == "partial":
        name = f"{name}: {numbers.decimal(said.value, 2)}"
    return f"{words.STATE_MARKS[said.state]} {name}"


def _p_value(p: float | None) -> str:
    if p is not None and p < 0.001:
        return "< 0,001"
    return numbers.decimal(p, 3)


def _data_uri(picture: Picture) -> str:
    return f"data:{picture.media_type};base64,{b64encode(picture.data).decode('ascii')}"


def _shortened(told: str) -> str:
    if len(told) <= MAX_CHARACTERS:
        return told
    return f"{told[:MAX_CHARACTERS]} {words.cut_text(numbers.integer(len(told) - MAX_CHARACTERS))}"


def _is_long(told: str) -> bool:
    """Tell a text that gets a window of its own, which the keyboard must reach to scroll it."""
    return len(told) > _LONG or told.count("\n") > 14
