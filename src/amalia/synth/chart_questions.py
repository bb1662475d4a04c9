"""Questions about a bar chart, with the answer known by construction."""

from __future__ import annotations

import random

from amalia.synth import phrasing
from amalia.synth.chart import Bar, Chart
from amalia.synth.grammar import number_word
from amalia.synth.phrasing import ask, fill
from amalia.synth.questions import Question

_MASCULINE = {"vermelha": "vermelho", "amarela": "amarelo", "roxa": "roxo", "preta": "preto"}


def tallest(rng: random.Random, chart: Chart, *, lowest: bool = False) -> Question:
    """Ask which bar is the tallest, or the shortest."""
    bank = phrasing.SHORTEST if lowest else phrasing.TALLEST
    ordered = sorted(chart.bars, key=lambda bar: bar.value, reverse=not lowest)
    form = rng.choice(bank.answers)
    color = ordered[0].color
    return Question(
        "chart",
        ask(rng, bank, {}),
        fill(form, {"color": color}),
        color,
        (_MASCULINE[color],) if color in _MASCULINE else (),
        "shortest" if lowest else "tallest",
        fill(form, {"color": rng.choice(ordered[1:]).color}),
    )


def bar_value(rng: random.Random, chart: Chart) -> Question:
    """Ask for the value of the bar of a color; wrong is the value of another bar."""
    asked, mistaken = rng.sample(chart.bars, 2)
    bank = phrasing.BAR_VALUE
    form = rng.choice(bank.answers)

    def said(bar: Bar) -> str:
        return fill(form, {"color": asked.color, "number": str(bar.value)})

    spelled = number_word(asked.value, "m")
    text = ask(rng, bank, {"color": asked.color})
    return Question(
        "chart", text, said(asked), str(asked.value), (spelled,), "value", said(mistaken)
    )


def num_bars(rng: random.Random, chart: Chart) -> Question:
    """Ask how many bars a chart has."""
    bank, number = phrasing.NUM_BARS, len(chart.bars)
    form = rng.choice(bank.answers)
    right, wrong = (number_word(n, "f") for n in (number, number + rng.choice((-1, 1))))
    return Question(
        "chart",
        ask(rng, bank, {}),
        fill(form, {"number": right}),
        str(number),
        (right,),
        "bars",
        fill(form, {"number": wrong}),
    )
