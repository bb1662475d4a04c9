"""Charts: bars differ in everything, and are drawn in their color and to their height."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from amalia.synth.chart import COLORS, Bar, Chart, chart, draw_chart


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_bars_differ_in_label_value_and_color(seed: int) -> None:
    made = chart(random.Random(seed))
    assert 2 <= len(made.bars) <= 5
    for field in ("label", "value", "color"):
        assert len({getattr(bar, field) for bar in made.bars}) == len(made.bars)
    assert all(1 <= bar.value <= 9 and bar.color in COLORS for bar in made.bars)


def test_composition_forgets_order_and_labels() -> None:
    one = Chart((Bar("seg", 3, "azul"), Bar("ter", 5, "verde")), (96, 96))
    other = Chart((Bar("jan", 5, "verde"), Bar("fev", 3, "azul")), (96, 96))
    assert one.composition == other.composition == "azul3+verde5"


def test_bars_are_as_high_as_their_value_and_in_their_color(typecase) -> None:
    made = Chart(
        (Bar("seg", 9, "azul"), Bar("ter", 3, "vermelha"), Bar("qua", 6, "verde")), (96, 96)
    )
    for seed in range(30):
        picture = np.asarray(draw_chart(made, random.Random(seed), typecase=typecase)).astype(float)
        heights = []
        for position, bar in enumerate(made.bars):
            column = picture[:, 3 + 30 * position + 15]
            near = np.linalg.norm(column - np.asarray(COLORS[bar.color]), axis=1) < 25
            heights.append(int(near.sum()))
        assert abs(heights[0] - 3 * heights[1]) <= 6
        assert abs(heights[2] - 2 * heights[1]) <= 5
        assert heights[0] > 45


def test_values_stand_above_their_bars(typecase) -> None:
    made = Chart((Bar("jan", 9, "preta"), Bar("fev", 1, "amarela")), (96, 96))
    picture = (
        np.asarray(draw_chart(made, random.Random(1), typecase=typecase)).astype(float).sum(-1)
    )
    ink = picture < 300
    assert ink[3:19, 15:35].any()
    assert ink[50:74, 60:85].any()
    assert not ink[19:50, 60:85].any()


def test_other_sizes_and_same_seed(typecase) -> None:
    made = chart(random.Random(2), size_px=(160, 120))
    first = draw_chart(made, random.Random(4), typecase=typecase)
    assert first.size == (160, 120)
    assert first.tobytes() == draw_chart(made, random.Random(4), typecase=typecase).tobytes()
