"""A report as one HTML page: numbers written, charts drawn, everything inside the file.

The layout is ``report.html.j2``, the looks are ``report.css``, the words are ``text``. Values are
escaped by the template engine; only the drawings of ``charts`` are markup.
"""

from __future__ import annotations

import math
import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from amalia.errors import ArtifactError
from amalia.report import charts, numbers, text
from amalia.report.model import Curve, EvalRow, FunnelRow, Interval, Picture, Report, StageRow
from amalia.report.template import environment

_NUM_HEADLINE_TASKS = 4
# Below this a reader of the page must be told not to expect general abilities.
_SMALL_MODEL_PARAMETERS = 100_000_000


def render(report: Report) -> str:
    """Make the page.

    Args:
        report: What to show; sections without values are left out.

    Returns:
        A complete HTML document that loads nothing from anywhere.
    """
    plots = list(_plots(report.curves))
    template = _environment(report).get_template("report.html.j2")
    return template.render(
        report=report,
        t=text,
        sections=_sections(report, has_plots=bool(plots)),
        headlines=_headlines(report),
        evaluation=[_eval_line(row) for row in report.evaluation],
        has_seed_values=any(row.seed_values for row in report.evaluation),
        plots=plots,
        limitations=_limitations(report),
    )


def write(report: Report, path: Path) -> None:
    """Write the page so that ``path`` holds the old one or all of the new one, never a part.

    Args:
        report: What to show.
        path: The file to write; its folder is made when missing.

    Raises:
        ArtifactError: If the file cannot be written.
    """
    write_page(render(report), path)


def write_page(document: str, path: Path) -> None:
    """Write a document so that ``path`` holds the old one or all of the new one, never a part.

    Args:
        document: A complete HTML page.
        path: The file to write; its folder is made when missing.

    Raises:
        ArtifactError: If the file cannot be written.
    """
    # A model can say half a surrogate pair, which has no UTF-8 form.
    page = document.encode(errors="xmlcharrefreplace")
    partial_path = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial_path.open("wb") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        partial_path.replace(path)
    except OSError as error:
        # The folder itself may be what cannot be written.
        if partial_path.parent.is_dir():
            partial_path.unlink(missing_ok=True)
        raise ArtifactError(
            f"cannot write the report: {error.strerror or error}, at {path}; expected a folder "
            f"with room for {len(page)} bytes; free some space or choose another folder"
        ) from error


def _environment(report: Report) -> Environment:
    made = environment()
    train_seconds = sum(row.seconds for row in report.stages)
    made.filters |= {
        "integer": numbers.integer,
        "number": numbers.number,
        "percent": numbers.percent,
        "size": numbers.size,
        "duration": numbers.duration,
        "moment": numbers.moment,
        "data_uri": _data_uri,
        "kept_bar": _kept_bar,
        "time_bar": partial(_time_bar, train_seconds=train_seconds),
        "groupby_stage": _by_stage,
    }
    return made


@dataclass(frozen=True, slots=True)
class _Section:
    anchor: str
    name: str


@dataclass(frozen=True, slots=True)
class _Headline:
    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Written:
    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class _EvalLine:
    row: EvalRow
    name: str
    detail: str
    before: _Written
    after: _Written
    blind: str
    majority: str
    drawing: Markup


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    style: str
    first: float
    last: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class _Plot:
    stage: str
    name: str
    drawing: Markup
    series: tuple[_Series, ...]


def _sections(report: Report, *, has_plots: bool) -> list[_Section]:
    has_origins = report.versions or report.machine or report.recipes or report.lineage
    every = (
        ("resumo", text.SUMMARY, True),
        ("avaliacao", text.EVALUATION, report.evaluation),
        ("exemplos", text.SAMPLES, report.samples),
        ("dados", text.DATA, report.funnel),
        ("variedade", text.VARIETIES, report.varieties),
        ("treino", text.TRAINING, has_plots),
        ("custos", text.COSTS, report.stages or report.artifacts),
        ("origens", text.ORIGINS, has_origins),
        ("limitacoes", text.LIMITATIONS, True),
    )
    return [_Section(anchor, name) for anchor, name, is_there in every if is_there]


def _headlines(report: Report) -> list[_Headline]:
    headlines = []
    seen: set[str] = set()
    for row in report.evaluation:
        last = row.after or row.before
        if row.group or row.task in seen or last is None or len(seen) == _NUM_HEADLINE_TASKS:
            continue
        seen.add(row.task)
        write = _writer(row)
        details = [text.label("metric", row.metric)]
        if row.blind is not None:
            details.append(f"{text.DETAIL_BLIND} {write(row.blind)}")
        name = text.label("task", row.task)
        headlines.append(_Headline(name, write(last.value), "; ".join(details)))
    if report.stages:
        parameters = max(row.num_parameters for row in report.stages)
        headlines.append(_Headline(text.MODEL_SIZE, numbers.millions(parameters)))
    seconds = report.total_seconds
    if seconds is None and report.stages:
        seconds = sum(row.seconds for row in report.stages)
    memory = report.peak_memory_bytes
    if memory is None:
        memory = max((row.peak_memory_bytes or 0 for row in report.stages), default=0) or None
    if seconds is not None:
        detail = f"{text.PEAK_MEMORY} {numbers.size(memory)}" if memory else ""
        headlines.append(_Headline(text.TOTAL_TIME, numbers.duration(seconds), detail))
    return headlines


def _eval_line(row: EvalRow) -> _EvalLine:
    write = _writer(row)
    details = [text.label("metric", row.metric)]
    if row.is_lower_better:
        details.append(text.LOWER_IS_BETTER)
    if row.seed_values:
        details.append(f"{text.BY_SEED}: {', '.join(write(value) for value in row.seed_values)}")
    name = text.label("task", row.task)
    if row.group:
        name = f"{name}: {text.label('group', row.group)}"
    return _EvalLine(
        row=row,
        name=name,
        detail="; ".join(details),
        before=_written(row.before, write),
        after=_written(row.after, write),
        blind=write(row.blind),
        majority=write(row.majority),
        drawing=_interval_drawing(row, name, write),
    )


def _interval_drawing(row: EvalRow, name: str, write: Callable[[float | None], str]) -> Markup:
    spans, marks, parts = [], [], []
    if row.after and math.isfinite(row.after.value):
        after = row.after
        spans.append(charts.Span(after.value, after.low, after.high, "after", row.seed_values))
        parts.append(f"{text.AFTER} {write(after.value)}")
    if row.before and math.isfinite(row.before.value):
        before = row.before
        spans.append(charts.Span(before.value, before.low, before.high, "before"))
        parts.append(f"{text.BEFORE} {write(before.value)}")
    if row.blind is not None:
        marks.append(charts.Mark(row.blind, "blind"))
        parts.append(f"{text.BLIND} {write(row.blind)}")
    if row.majority is not None:
        marks.append(charts.Mark(row.majority, "majority"))
        parts.append(f"{text.MAJORITY} {write(row.majority)}")
    label = text.intervals_label(name, parts)
    if row.scale == "fraction":
        return charts.interval_chart(
            spans, marks, label=label, write=partial(numbers.percent, digits=0)
        )
    greatest = max([span.high for span in spans] + [mark.value for mark in marks], default=1.0)
    high = charts.axis_end(greatest)
    return charts.interval_chart(
        spans, marks, label=label, high=high, write=partial(numbers.tick, step=high / 2)
    )


def _plots(curves: tuple[Curve, ...]) -> Iterator[_Plot]:
    together: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        finite = tuple(point for point in curve.points if all(map(math.isfinite, point)))
        if finite:
            drawn = Curve(curve.stage, curve.chart, curve.series, curve.unit, finite)
            together.setdefault((curve.stage, curve.chart), []).append(drawn)
    for (stage, chart), group in together.items():
        name = text.label("chart", chart)
        names = [text.label("series", curve.series) for curve in group]
        drawing = charts.line_chart(
            [charts.Line(each, curve.points) for each, curve in zip(names, group, strict=True)],
            label=text.chart_label(text.label("stage", stage), name, names),
            x_label=text.AXIS_STEP,
            y_label=text.label("unit", group[0].unit),
        )
        series = tuple(
            _series(each, position, curve.points)
            for position, (each, curve) in enumerate(zip(names, group, strict=True))
        )
        yield _Plot(stage, name, drawing, series)


def _series(name: str, position: int, points: tuple[tuple[float, float], ...]) -> _Series:
    values = [value for _, value in points]
    style = f"s{position % charts.NUM_STYLES + 1}"
    return _Series(name, style, values[0], values[-1], min(values), max(values))


def _by_stage(plots: list[_Plot]) -> list[tuple[str, list[_Plot]]]:
    # Not Jinja's groupby: that one sorts, and stages come in the order they ran.
    stages: dict[str, list[_Plot]] = {}
    for plot in plots:
        stages.setdefault(plot.stage, []).append(plot)
    return list(stages.items())


def _limitations(report: Report) -> list[str]:
    parameters = max((row.num_parameters for row in report.stages), default=None)
    is_small = parameters is not None and parameters < _SMALL_MODEL_PARAMETERS
    unproved = [
        text.label("task", row.task)
        for row in report.evaluation
        if row.sees is False and not row.group
    ]
    told = text.limitations(
        confidence=numbers.percent(report.confidence, 0),
        num_parameters=numbers.millions(parameters) if parameters and is_small else None,
        unproved=list(dict.fromkeys(unproved)),
    )
    return [*told, *report.limitations]


def _writer(row: EvalRow) -> Callable[[float | None], str]:
    return numbers.percent if row.scale == "fraction" else numbers.number


def _written(interval: Interval | None, write: Callable[[float | None], str]) -> _Written:
    if interval is None:
        return _Written(numbers.DASH, "")
    return _Written(write(interval.value), text.interval(write(interval.low), write(interval.high)))


def _data_uri(picture: Picture) -> str:
    return f"data:{picture.media_type};base64,{b64encode(picture.data).decode('ascii')}"


def _kept_bar(row: FunnelRow) -> Markup:
    total = row.num_kept + row.num_dropped
    share = row.num_kept / total if total else 0.0
    return charts.share_bar([share], label=text.kept_share(row.name, numbers.percent(share)))


def _time_bar(row: StageRow, *, train_seconds: float) -> Markup:
    share = row.seconds / train_seconds if train_seconds else 0.0
    name = text.label("stage", row.name)
    return charts.share_bar([share], label=text.time_share(name, numbers.percent(share)))
