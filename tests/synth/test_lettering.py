"""Words are drawn inside the picture, legibly, in letters of one width."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amalia.errors import RecordError
from amalia.synth.lettering import Typecase, line_picture, word_picture

STYLES = st.sampled_from(["printed", "handwriting"])
WORDS = st.text("abcdefghijlmnopqrstuvxz", min_size=3, max_size=11)


def spread(picture) -> np.ndarray:
    """How far each pixel is from the usual color of its border, 0–255."""
    pixels = np.asarray(picture).astype(float)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return np.abs(pixels - np.median(border, axis=0)).max(axis=-1)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**6), word=WORDS, style=STYLES)
def test_a_word_is_legible_and_never_cut_off(typecase, seed, word, style) -> None:
    lettering, picture = word_picture(random.Random(seed), word, style=style, typecase=typecase)
    size_px = (96, 96) if len(word) <= 6 else (192, 96)
    assert (lettering.text, lettering.style, picture.size) == (word, style, size_px)
    far = spread(picture)
    assert far[2:-2, 2:-2].max() > 90
    # Ruled lines, gradients and grain reach the border; ink, which is darker than all, does not.
    for edge in (far[0], far[-1], far[:, 0], far[:, -1]):
        assert edge.max() < 90


@pytest.mark.parametrize("word", ["sol", "prédio", "computador"])
def test_letters_are_as_wide_as_a_patch_and_stand_in_the_middle(typecase: Typecase, word) -> None:
    widths, middles = [], []
    for seed in range(60):
        rng = random.Random(seed)
        _, picture = word_picture(rng, word, style="printed", typecase=typecase)
        rows, columns = np.nonzero(spread(picture) > 80)
        widths.append((columns.max() - columns.min()) / len(word))
        middles.append(rows.mean())
    assert 12 <= np.median(widths) <= 16
    assert 44 <= np.median(middles) <= 52


def test_papers_and_inks_vary(typecase: Typecase) -> None:
    means = [
        np.asarray(
            word_picture(random.Random(s), "sol", style="printed", typecase=typecase)[1]
        ).mean()
        for s in range(60)
    ]
    assert min(means) < 90
    assert max(means) > 220


def test_same_seed_same_picture(fonts) -> None:
    pictures = [
        line_picture(random.Random(3), "três maçãs", style="handwriting", typecase=Typecase(fonts))
        for _ in range(2)
    ]
    assert pictures[0][0] == pictures[1][0]
    assert pictures[0][1].tobytes() == pictures[1][1].tobytes()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), words=st.lists(WORDS, min_size=2, max_size=3), style=STYLES)
def test_a_line_keeps_its_words_in_order(typecase, seed, words, style) -> None:
    text = " ".join(words)
    lettering, picture = line_picture(random.Random(seed), text, style=style, typecase=typecase)
    assert lettering.text == text
    assert picture.size == (192, 96)
    far = spread(picture)
    for edge in (far[0], far[-1], far[:, 0], far[:, -1]):
        assert edge.max() < 90


def test_blank_text_and_missing_fonts_are_refused(typecase: Typecase, fonts) -> None:
    with pytest.raises(RecordError, match="nothing to write") as caught:
        word_picture(random.Random(0), " ", style="printed", typecase=typecase)
    assert caught.value.reason == "blank_text"
    printed_only = Typecase(fonts[:1])
    with pytest.raises(RecordError, match=r"no handwriting font among \['Printed'\]"):
        word_picture(random.Random(0), "sol", style="handwriting", typecase=printed_only)
