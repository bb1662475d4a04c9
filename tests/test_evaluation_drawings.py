"""Values as they are written on the page about evaluations, and where its drawings put them."""

from __future__ import annotations

from math import inf

import pytest
from make_page import comparison, result

from amalia.report.evaluation_drawings import signed, spread, value, with_bars, with_forests

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (value(0.873, ""), "87,3 %"),
        (value(62.34, "%"), "62,3 %"),
        (value(1523.4, "points"), "1 523 pontos"),
        (value(3.4, "dB"), "3,40 dB"),
        (value(None, ""), "—"),
        (value(inf, "points"), "—"),
        (spread(0.0123, ""), "1,2 p.p."),
        (spread(1.23, "%"), "1,2 p.p."),
        (signed(0.0123, ""), "+1,2 p.p."),
        (signed(-0.5, ""), "−50,0 p.p."),
        (signed(0.0, ""), "0,0 p.p."),
        (signed(-inf, "%"), "—"),
        (signed(12.0, "points"), "+12,0 pontos"),
    ],
)
def test_values_are_written_on_their_scale(written: str, expected: str) -> None:
    assert written.replace(NBSP, " ") == expected


def test_differences_in_one_unit_share_a_scale_around_zero() -> None:
    rows = [
        comparison(difference=0.1, low=0.0, high=0.2),
        comparison(difference=-0.2, low=-0.2, high=-0.2),
        comparison(difference=None),
        comparison(difference=0.0, low=-inf, high=inf, unit="points"),
    ]
    one, two, none, open_ = (drawn for _, drawn in with_forests(rows))
    assert none is None and one and two and open_
    # 95 pixels from the middle to the edge, 89 of them for the scale.
    assert (one.low, one.value, one.high) == (95.0, 139.5, 184.0)
    assert two.low == two.value == two.high == 6.0
    assert (open_.low, open_.high) == (6.0, 184.0)
    assert one.scale.replace(NBSP, " ") == "de −20,0 p.p. a +20,0 p.p."


def test_bars_of_shares_reach_from_nothing_to_all() -> None:
    rows = [result(value=0.5, low=0.4, high=0.6), result(value=1.0, low=-inf, high=inf)]
    half, whole = (drawn for _, drawn in with_bars(rows))
    assert (half.low, half.value, half.high) == (60.0, 75.0, 90.0)
    assert (whole.low, whole.value, whole.high) == (0.0, 150.0, 150.0)
    (points,) = (
        drawn for _, drawn in with_bars([result(value=30, low=20, high=40, unit="points")])
    )
    assert (points.value, points.high) == (112.5, 150.0)
