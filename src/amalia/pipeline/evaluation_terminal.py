"""Results of evaluation logs in a terminal of 100 columns.

One log is shown with all that belongs to a number; two are shown side by side with their difference and which is
better; more are shown side by side. Shares are written from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from amalia.pipeline.evaluation_gathered import Gathered
from amalia.pipeline.evaluation_lines import NONE, Line, lines_of

WIDTH = 100
"""Columns of the terminal."""
_TASK, _METRIC, _SIDE = 24, 13, 15


def terminal_table(gathered: Gathered) -> str:
    """Write results for a terminal of 100 columns.

    Returns:
        Lines without the last newline; what cannot be compared and what failed is said below.
    """
    if len(gathered.logs) == 1:
        lines = list(_alone(gathered))
    elif len(gathered.logs) == 2:
        lines = list(_side_by_side(gathered))
    else:
        lines = list(_many(gathered))
    lines += _health(gathered)
    return "\n".join(line.rstrip() for line in lines)


def _alone(gathered: Gathered) -> Iterator[str]:
    yield f"model: {gathered.logs[0].spec.engine}"
    yield ""
    heads = f"{'value':>7}{'s.e.':>7}  {'95 %':<13}{'n':>7}{'units':>7}{'blind':>7}{'const':>7}{'read':>6}"
    yield f"{'task':<{_TASK}}{'metric':<{_METRIC}}{heads}"
    for line in lines_of(gathered):
        figure = line.figures[0]
        assert figure is not None
        result = gathered.logs[0].log.results.get(line.task, {}).get(line.metric)
        units = blind = constant = readable = NONE
        if result is not None:
            units, readable = str(result.num_clusters), f"{result.readable:.0%}"
            blind = _plain(result.blind, result.unit)
            constant = _plain(result.majority, result.unit)
        cells = (
            f"{_plain(figure.value, figure.unit):>7}{_plain(figure.standard_error, figure.unit):>7}"
            f"  {_ends(figure.low, figure.high, figure.unit):<13}{figure.n:>7}{units:>7}{blind:>7}{constant:>7}"
            f"{readable:>6}"
        )
        yield from _row(line, cells)


def _side_by_side(gathered: Gathered) -> Iterator[str]:
    for letter, name, log in zip("AB", gathered.names, gathered.logs, strict=True):
        yield f"{letter} = {name}  ({log.spec.engine})"
    yield "A − B on the samples that both scored; verdicts after Holm's correction"
    yield ""
    heads = f"{'A':>8}{'B':>8}{'A − B':>9}  {'95 %':<16}{'n':>6}  verdict"
    yield f"{'task':<{_TASK}}{'metric':<{_METRIC}}{heads}"
    for line in lines_of(gathered):
        values = "".join(
            f"{_plain(figure.value, figure.unit) if figure else NONE:>8}" for figure in line.figures
        )
        gap = line.gap
        if gap is None:
            yield from _row(line, f"{values}{NONE:>9}  {'':<16}{'':>6}  not compared")
            continue
        verdict = {"first": "A better", "second": "B better"}.get(gap.verdict, gap.verdict)
        yield from _row(
            line,
            f"{values}{_plain(gap.value, gap.unit, signed=True):>9}"
            f"  {_ends(gap.low, gap.high, gap.unit):<16}{gap.n:>6}  {verdict}",
        )
    for line in lines_of(gathered):
        if line.warning:
            yield line.warning


def _many(gathered: Gathered) -> Iterator[str]:
    per_block = (WIDTH - _TASK - _METRIC) // _SIDE
    lines = lines_of(gathered)
    letters = [chr(ord("A") + place) for place in range(len(gathered.names))]
    for letter, name, log in zip(letters, gathered.names, gathered.logs, strict=True):
        yield f"{letter} = {name}  ({log.spec.engine})"
    yield "value ± standard error; compare two logs to see which is better"
    for start in range(0, len(letters), per_block):
        block = slice(start, start + per_block)
        yield ""
        heads = "".join(f"{letter:>{_SIDE}}" for letter in letters[block])
        yield f"{'task':<{_TASK}}{'metric':<{_METRIC}}{heads}"
        for line in lines:
            cells = ""
            for figure in line.figures[block]:
                told = NONE
                if figure is not None:
                    error = _plain(figure.standard_error, figure.unit)
                    told = f"{_plain(figure.value, figure.unit)} ±{error}"
                cells += f"{told:>{_SIDE}}"
            yield from _row(line, cells)


def _row(line: Line, cells: str) -> Iterator[str]:
    """Write a line of a table; a name that is too long stands on a line of its own."""
    metric = line.label if len(line.label) < _METRIC else line.label[: _METRIC - 2] + "…"
    if len(line.task) >= _TASK:
        yield line.task
        yield f"{'':<{_TASK}}{metric:<{_METRIC}}{cells}"
    else:
        yield f"{line.task:<{_TASK}}{metric:<{_METRIC}}{cells}"


def _health(gathered: Gathered) -> list[str]:
    """Say what failed, could not be read or was cut."""
    lines = []
    for name, log in zip(gathered.names, gathered.logs, strict=True):
        for task, counts in log.log.counts.items():
            parts = [
                f"{count} {what}"
                for count, what in (
                    (sum(counts.failed.values()), "failed"),
                    (counts.unreadable, "unreadable"),
                    (counts.cut, "cut"),
                    (counts.refused, "refused"),
                    (counts.invalid_judgements, "judgements invalid"),
                )
                if count
            ]
            if parts:
                who = f"{name}, " if len(gathered.logs) > 1 else ""
                lines.append(f"{who}{task}: {', '.join(parts)} of {counts.asked}")
    return ["", *lines] if lines else []


def _plain(amount: float | None, unit: str, *, signed: bool = False) -> str:
    if amount is None or not math.isfinite(amount):
        return NONE
    digits = 3 if unit == "" else 1
    return f"{amount:{'+' if signed else ''}.{digits}f}"


def _ends(low: float, high: float, unit: str) -> str:
    if low < 0:
        return f"{_plain(low, unit, signed=True)} to {_plain(high, unit, signed=True)}"
    return f"{_plain(low, unit)}–{_plain(high, unit)}"
