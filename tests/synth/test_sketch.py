"""Pictures told in words."""

import random

import pytest

from amalia.errors import RecordError
from amalia.synth import sketch


def test_one_thing_fills_a_block_of_cells(things):
    told = sketch.portrait(random.Random(1), things[0])
    rows = [line.split(" ") for line in told.text.split("\n")]
    assert [len(row) for row in rows] == [3, 3, 3]
    assert {cell for row in rows for cell in row} <= {"gato", "."}
    assert sum(row.count("gato") for row in rows) in (4, 6, 9)
    assert [placed.thing.name for placed in told.scene.placed] == ["gato"]


@pytest.mark.parametrize("seed", range(20))
def test_boxes_are_where_the_names_stand(seed, things):
    told = sketch.gathering(random.Random(seed), things[:4])
    rows = [line.split(" ") for line in told.text.split("\n")]
    height, width = len(rows), len(rows[0])
    assert (width, height) in ((6, 3), (3, 6))
    assert told.scene.size_px == (width * 32, height * 32)
    for placed in told.scene.placed:
        x1, y1, x2, y2 = placed.box
        own = {
            (x, y)
            for y in range(round(y1 * height), round(y2 * height))
            for x in range(round(x1 * width), round(x2 * width))
        }
        named = {
            (x, y) for y in range(height) for x in range(width) if rows[y][x] == placed.thing.name
        }
        assert own == named


def test_letters_stand_on_one_row():
    for seed in range(10):
        lettering, text = sketch.writing(random.Random(seed), "fogu")
        assert lettering.text == "fogu"
        rows = text.split("\n")
        assert sorted(row.replace(" ", "").strip(".") for row in rows) == ["", "", "fogu"]
        assert {len(row.split(" ")) for row in rows} == {6}


def test_too_many_things_are_refused(things):
    with pytest.raises(RecordError, match="no sketch of 19 things"):
        sketch.gathering(random.Random(0), [things[0]] * 19)
