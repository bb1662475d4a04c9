"""Scenes say where things are, and pictures show them exactly there."""

from __future__ import annotations

import hashlib
import io
import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from amalia.errors import RecordError
from amalia.pack import Thing
from amalia.synth.scene import (
    OPPOSITE,
    Album,
    Placed,
    draw,
    encode,
    gathering,
    group,
    portrait,
    relations,
)

SIZES = [(96, 96), (128, 96), (64, 160)]


def overlaps(one: Placed, other: Placed) -> bool:
    a, b = one.box, other.box
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def inside(placed: Placed) -> bool:
    x1, y1, x2, y2 = placed.box
    return 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1


@pytest.mark.parametrize("size_px", SIZES)
def test_a_portrait_is_large_and_wholly_inside(
    things: tuple[Thing, ...], album: Album, size_px: tuple[int, int]
) -> None:
    for seed in range(100):
        (placed,) = portrait(
            random.Random(seed), things[seed % len(things)], album=album, size_px=size_px
        ).placed
        assert inside(placed)
        x1, y1, x2, y2 = placed.box
        longer = max((x2 - x1) * size_px[0], (y2 - y1) * size_px[1]) / min(size_px)
        assert 0.58 <= longer <= 0.99


def test_the_box_is_that_of_the_ink(make_thing, album: Album) -> None:
    red = make_thing("disco", color="#ff0000")
    for seed in range(60):
        scene = portrait(random.Random(seed), red, album=album)
        picture = np.asarray(draw(scene, random.Random(seed), album=album)).astype(int)
        # The backdrop keeps away from red, so wherever red rules over its neighbours is the disc.
        redness = picture[..., 0] - picture[..., 1:].max(axis=-1)
        ys, xs = np.nonzero(redness > 150)
        x1, y1, x2, y2 = (part * 96 for part in scene.placed[0].box)
        found = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        assert np.allclose(found, (x1, y1, x2, y2), atol=4), (seed, found)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 6), size_px=st.sampled_from(SIZES))
def test_a_group_is_apart_and_of_one_style(things, seed, count, size_px) -> None:
    scene = group(random.Random(seed), things[3], count, album=Album(), size_px=size_px)
    assert len(scene.placed) == count
    assert all(inside(placed) for placed in scene.placed)
    assert not any(overlaps(*pair) for pair in combinations(scene.placed, 2))
    assert len({placed.style for placed in scene.placed}) == 1
    assert scene.composition == f"MAÇÃ*{count}"


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(2, 5),
    size_px=st.sampled_from([(96, 96), (192, 96), (96, 192)]),
)
def test_a_gathering_keeps_order_and_every_pair_has_a_side(things, seed, count, size_px) -> None:
    rng = random.Random(seed)
    cast = [rng.choice(things[:4]) for _ in range(count)]
    scene = gathering(rng, cast, album=Album(), size_px=size_px)
    assert [placed.thing for placed in scene.placed] == cast
    for one, other in combinations(scene.placed, 2):
        assert not overlaps(one, other)
        found = relations(one, other)
        assert found
        assert set(relations(other, one)) == {OPPOSITE[relation] for relation in found}
        assert not any(OPPOSITE[relation] in found for relation in found)
    for placed in scene.placed:
        x1, y1, x2, y2 = placed.box
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
        longest = max((x2 - x1) * size_px[0], (y2 - y1) * size_px[1])
        assert 27 <= longest <= (47 if size_px == (96, 96) else 66)


def test_relations_name_the_clearest_first(things: tuple[Thing, ...]) -> None:
    def at(x: float, y: float) -> Placed:
        return Placed(things[0], "noto", (x, y, x + 0.2, y + 0.2))

    assert relations(at(0.0, 0.0), at(0.7, 0.1)) == ("left",)
    assert relations(at(0.7, 0.3), at(0.0, 0.0)) == ("right", "below")
    assert relations(at(0.1, 0.0), at(0.35, 0.8)) == ("above", "left")
    assert relations(at(0.0, 0.0), at(0.1, 0.1)) == ()


def test_composition_forgets_places_and_order(things: tuple[Thing, ...], album: Album) -> None:
    cat, dog = things[0], things[1]
    one = gathering(random.Random(1), [cat, dog, cat], album=album)
    other = gathering(random.Random(2), [dog, cat, cat], album=album)
    assert one.composition == other.composition == "CÃO*1+GATO*2"


def test_same_seed_same_bytes(things: tuple[Thing, ...]) -> None:
    def make(album: Album) -> str:
        rng = random.Random(5)
        scene = gathering(rng, things[:3], album=album)
        return encode(draw(scene, rng, album=album))[0].sha256

    used = Album()
    for thing in things:
        used.cutout(thing, "noto")
    assert make(Album()) == make(used)


def test_things_with_writing_are_never_mirrored(make_thing, album: Album) -> None:
    sign, ball = make_thing("sinal de stop"), make_thing("bola")
    seen = {
        thing.name: {
            portrait(random.Random(s), thing, album=album).placed[0].flipped for s in range(40)
        }
        for thing in (sign, ball)
    }
    assert seen == {"sinal de stop": {False}, "bola": {False, True}}


def test_things_stand_out_from_the_backdrop(things: tuple[Thing, ...], album: Album) -> None:
    for seed in range(60):
        thing = things[seed % len(things)]
        scene = portrait(random.Random(seed), thing, album=album)
        picture = np.asarray(draw(scene, random.Random(0), album=album)).astype(float)
        x, y = (int(part * 96) for part in scene.placed[0].center)
        ring = np.concatenate([picture[:2].reshape(-1, 3), picture[-2:].reshape(-1, 3)])
        distances = np.linalg.norm(ring - picture[y, x], axis=1)
        assert np.median(distances) > 25


def test_encoding_names_the_bytes() -> None:
    image = Image.new("RGB", (30, 20), "teal")
    record, data = encode(image)
    assert (record.width_px, record.height_px, record.media_type) == (30, 20, "image/png")
    assert record.sha256 == hashlib.sha256(data).hexdigest()
    assert Image.open(io.BytesIO(data)).getpixel((3, 3)) == (0, 128, 128)


def test_counts_out_of_range_are_refused(things: tuple[Thing, ...], album: Album) -> None:
    rng = random.Random(0)
    with pytest.raises(RecordError, match="cannot hold 7 things; expected 1 to 6"):
        group(rng, things[0], 7, album=album)
    with pytest.raises(RecordError, match="cannot hold 1 things; expected 2 to 5"):
        gathering(rng, things[:1], album=album)
