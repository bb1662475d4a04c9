"""Results of evaluation logs as tables for a README and for a paper; shares in percent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from amalia.pipeline.evaluation_gathered import Compared, Gathered
from amalia.pipeline.evaluation_lines import NONE, Figure, Gap, Line, lines_of

_SHARES = {"": 1.0, "%": 100.0}
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
        "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
        ">": r"\textgreater{}", "|": r"\textbar{}", "–": "--", "−": "$-$", "±": r"$\pm$", "↓": r"$\downarrow$",
        "\n": " ",
    }
)  # fmt: skip
_MARKDOWN = str.maketrans(
    {
        "\\": r"\\",
        "|": r"\|",
        "<": "&lt;",
        ">": "&gt;",
        "\n": " ",
        "`": r"\`",
        "*": r"\*",
        "_": r"\_",
    }
)


def markdown(gathered: Gathered) -> str:
    """Write results as a Markdown table; values in percent with 95 % intervals."""
    pair = gathered.pairs[0] if len(gathered.logs) == 2 else None
    heads = ["task", "metric", *gathered.names]
    heads += ["difference", "p (Holm)", "better"] if pair else []
    heads += ["n", "blind", "constant"] if len(gathered.logs) == 1 else []
    rows = [heads, ["---", "---", *["---:"] * (len(heads) - 2)]]
    for line in lines_of(gathered):
        cells = [line.task, line.label]
        cells += [_with_ends(figure) if figure else NONE for figure in line.figures]
        if pair:
            cells += _gap_cells(line, pair)
        if len(gathered.logs) == 1:
            cells += _baselines(gathered, line)
        rows.append(cells)
    body = [
        "| "
        + " | ".join(cell if row is rows[1] else cell.translate(_MARKDOWN) for cell in row)
        + " |"
        for row in rows
    ]
    note = "Values with 95 % intervals; shares in percent."
    if pair:
        note += f" Difference: {pair.first} minus {pair.second}, on the samples that both scored."
    warnings = [
        f"- {line.warning}".translate(_MARKDOWN) for line in lines_of(gathered) if line.warning
    ]
    return "\n".join([*body, "", note.translate(_MARKDOWN), *([""] if warnings else []), *warnings])


def latex(gathered: Gathered, *, interval: Literal["half", "ends"] = "half") -> str:
    r"""Write results as a LaTeX table that needs the package ``booktabs``; shares in percent.

    Args:
        gathered: What was read; of two models the one that is better beyond chance is set in bold.
        interval: ``half`` writes half the width of the 95 % interval, 62.3 ± 2.7; ``ends`` writes 62.3 [59.5, 65.0].
    """
    pair = gathered.pairs[0] if len(gathered.logs) == 2 else None
    heads = ["Task", "Metric", *gathered.names, *(["Difference"] if pair else [])]
    heads += ["$n$"] if len(gathered.logs) == 1 else []
    write = _with_half if interval == "half" else _with_ends
    lines = [
        r"\begin{tabular}{ll" + "r" * (len(heads) - 2) + "}",
        r"\toprule",
        " & ".join(name if name == "$n$" else name.translate(_LATEX) for name in heads) + r" \\",
        r"\midrule",
    ]
    for line in lines_of(gathered):
        cells = [line.task.translate(_LATEX), line.label.translate(_LATEX)]
        for place, figure in enumerate(line.figures):
            cell = write(figure).translate(_LATEX) if figure else "--"
            is_better = line.gap is not None and line.gap.verdict == ("first", "second")[place]
            cells.append(rf"\textbf{{{cell}}}" if is_better else cell)
        if pair:
            cells.append(_gap(line.gap, interval).translate(_LATEX) if line.gap else "--")
        if len(gathered.logs) == 1:
            cells.append(f"{line.figures[0].n}" if line.figures[0] else "--")
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _percent(amount: float | None, unit: str, *, signed: bool = False) -> str:
    if amount is None or not math.isfinite(amount):
        return NONE
    scaled = 100 * amount / _SHARES[unit] if unit in _SHARES else amount
    return f"{scaled:{'+' if signed else ''}.1f}".replace("-", "−")


def _with_ends(figure: Figure) -> str:
    ends = f"{_percent(figure.low, figure.unit)}, {_percent(figure.high, figure.unit)}"
    return f"{_percent(figure.value, figure.unit)} [{ends}]"


def _with_half(figure: Figure) -> str:
    half = (figure.high - figure.low) / 2
    return f"{_percent(figure.value, figure.unit)} ± {_percent(half, figure.unit)}"


def _gap(gap: Gap, interval: Literal["half", "ends"]) -> str:
    value = _percent(gap.value, gap.unit, signed=True)
    if interval == "half":
        return f"{value} ± {_percent((gap.high - gap.low) / 2, gap.unit)}"
    ends = (_percent(end, gap.unit, signed=True) for end in (gap.low, gap.high))
    return f"{value} [{', '.join(ends)}]"


def _gap_cells(line: Line, pair: Compared) -> list[str]:
    gap = line.gap
    if gap is None:
        return [NONE, NONE, "not compared"]
    better = {"first": pair.first, "second": pair.second}.get(gap.verdict, gap.verdict)
    p = "< 0.001" if gap.adjusted_p < 0.001 else f"{gap.adjusted_p:.3f}"
    return [_gap(gap, "ends"), p, better]


def _baselines(gathered: Gathered, line: Line) -> Sequence[str]:
    result = gathered.logs[0].log.results.get(line.task, {}).get(line.metric)
    figure = line.figures[0]
    n = NONE if figure is None else str(figure.n)
    if result is None:
        return [n, NONE, NONE]
    return [n, _percent(result.blind, result.unit), _percent(result.majority, result.unit)]
