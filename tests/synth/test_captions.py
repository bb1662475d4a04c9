"""Captions are right of the picture, their rivals wrong, and splits share nothing."""

from __future__ import annotations

import io
import random
import re
from collections import Counter
from itertools import islice

import pytest
from PIL import Image

from amalia.errors import RecordError
from amalia.records import Preference, Row
from amalia.synth.captions import Weights, caption_pairs
from amalia.synth.splits import SPLITS, split_of, word_split

VOCABULARY = (
    "gato", "cão", "livro", "mesa", "janela", "porta", "cadeira", "autocarro", "comboio", "pera",
    "chave", "copo", "prato", "faca", "garfo", "ecrã", "ficheiro", "maçã", "sótão", "vírgula",
    "monte",
)  # fmt: skip
NONE = {"lettering": 0.0, "naming": 0.0, "groups": 0.0, "gatherings": 0.0, "charts": 0.0}


@pytest.fixture
def make_rows(things, fonts):
    """Make rows: of one kind, or of all in the usual shares."""

    def make(number: int, *, kind: str = "", seed: int = 0, split="train") -> list[Row[Preference]]:
        weights = Weights(**{**NONE, kind: 1.0}) if kind else None
        pairs = caption_pairs(
            random.Random(seed), things=things, fonts=fonts, words=VOCABULARY, split=split,
            weights=weights,
        )  # fmt: skip
        return list(islice(pairs, number))

    return make


def captions(rows: list[Row[Preference]]) -> list[tuple[str, str, str]]:
    return [(r.record.chosen.text, r.record.rejected.text, r.record.reason) for r in rows]


def test_a_row_is_one_picture_and_two_captions(make_rows) -> None:
    for row in make_rows(60):
        (turn,) = row.record.prompt.turns
        (image,) = turn.images
        assert turn.role == "user"
        assert turn.text == ""
        assert set(row.images) == {image.sha256}
        picture = Image.open(io.BytesIO(row.images[image.sha256]))
        assert (picture.size, picture.mode) == ((96, 96), "RGB")
        assert row.record.chosen.text != row.record.rejected.text
        assert row.record.prompt.language == "pt-PT"
        assert row.record.origin.created == "synthetic"


def test_same_seed_same_rows(make_rows) -> None:
    assert make_rows(40, seed=3) == make_rows(40, seed=3)
    assert make_rows(40, seed=3) != make_rows(40, seed=4)


def test_kinds_come_in_the_usual_shares(make_rows) -> None:
    rows = make_rows(1200)
    sources = Counter(
        "lettering"
        if text.startswith("«")
        else "chart"
        if text.startswith("uma barra")
        else "thing"
        for text, _, _ in captions(rows)
    )
    assert abs(sources["lettering"] / 1200 - 0.36) < 0.05
    assert abs(sources["chart"] / 1200 - 0.05) < 0.03


def test_names_are_those_of_the_picture(make_rows, things) -> None:
    by_id = {f"thing:{thing.id}": thing for thing in things}
    forms = set()
    for row in make_rows(200, kind="naming"):
        (parent,) = row.record.origin.parents
        thing, right, wrong = by_id[parent], row.record.chosen.text, row.record.rejected.text
        articles = {"m": "um", "f": "uma", None: "–"}
        known = {
            "name": thing.name,
            "article": f"{'uns' if thing.is_plural else articles[thing.gender]} {thing.name}",
            "keyword": f"{thing.name}, {thing.category}",
        }
        forms |= {form for form, text in known.items() if text == right}
        assert right in known.values()
        assert thing.name not in wrong.split(", ")[0].split()
        assert row.record.reason == "other_thing"
    assert forms == {"name", "article", "keyword"}


def test_groups_agree_in_gender_and_number(make_rows, things) -> None:
    nouns = {thing.name: thing for thing in things} | {thing.plural: thing for thing in things}
    numbers = {"um", "uma", "dois", "duas", "três", "quatro", "cinco", "seis", "uns"}
    feminine = {"vaca", "maçã", "pera", "bicicleta", "chave"}
    reasons: Counter[str] = Counter()
    for right, wrong, reason in captions(make_rows(300, kind="groups")):
        (number, noun), (other, other_noun) = right.split(" ", 1), wrong.split(" ", 1)
        for word, thing in ((number, nouns[noun]), (other, nouns[other_noun])):
            assert word in numbers
            assert (thing.name in feminine) or word not in ("uma", "duas")
            assert (thing.name not in feminine) or word not in ("um", "dois")
            assert (word == "uns") == (thing.name == "óculos")
        assert (number in ("um", "uma", "uns")) == (noun == nouns[noun].name)
        assert (nouns[noun] is nouns[other_noun]) == (reason == "other_count")
        reasons[reason] += 1
    assert reasons["other_count"] > 150
    assert reasons["other_thing"] > 40


def test_gatherings_are_wrong_in_one_thing(make_rows) -> None:
    seen = captions(make_rows(300, kind="gatherings"))
    reasons = Counter(reason for *_, reason in seen)
    assert set(reasons) == {"other_thing", "other_count", "swapped_relation"}
    assert min(reasons.values()) > 30
    for right, wrong, reason in seen:
        if reason == "swapped_relation":
            # Either the two names change places or one of the words of the relation differs.
            same_words = sorted(right.split()) == sorted(wrong.split())
            assert same_words or len(set(right.split()) ^ set(wrong.split())) == 2
        else:
            changed = [a for a, b in zip(parts(right), parts(wrong), strict=True) if a != b]
            assert len(changed) == 1


def parts(text: str) -> list[str]:
    """Cut a list or a relation at its joints, which lie before the number words."""
    return re.split(r" (?=(?:uma?|uns|dois|duas|três|quatro|cinco) )", text)


def test_a_relation_holds_in_the_picture(make_thing, fonts) -> None:
    # A red and a green disc among others of no such color: look where the colors are.
    names = {"maçã": "#ff0000", "pera": "#00ff00", "uva": "#0000ff", "lua": "#ffffff", "mó": "#000"}
    discs = [make_thing(name, gender="f", color=color) for name, color in names.items()]
    pairs = caption_pairs(
        random.Random(2), things=discs, fonts=fonts, words=VOCABULARY, split="train",
        weights=Weights(**{**NONE, "gatherings": 1.0}),
    )  # fmt: skip
    checked = 0
    for row in islice(pairs, 400):
        found = re.fullmatch(r"uma (maçã|pera) (.*) de uma (maçã|pera)", row.record.chosen.text)
        if not found or len(row.record.origin.parents) != 2:
            continue
        (data,) = row.images.values()
        picture = Image.open(io.BytesIO(data))
        middles = {name: middle(picture, channel) for name, channel in (("maçã", 0), ("pera", 1))}
        one, side, other = found.groups()
        (ax, ay), (bx, by) = middles[one], middles[other]
        held = {
            "à esquerda": ax < bx, "do lado esquerdo": ax < bx,
            "à direita": ax > bx, "do lado direito": ax > bx,
            "acima": ay < by, "por cima": ay < by, "abaixo": ay > by, "por baixo": ay > by,
        }  # fmt: skip
        assert held[side], row.record.chosen.text
        checked += 1
    assert checked > 5


def middle(picture: Image.Image, channel: int) -> tuple[float, float]:
    """Where a pure red (0) or green (1) disc is: the mean place of pixels near to it."""
    places = [
        (x, y)
        for x in range(96)
        for y in range(96)
        if (pixel := picture.getpixel((x, y)))[channel] > 175 and sum(pixel) - pixel[channel] < 90
    ]
    return sum(x for x, _ in places) / len(places), sum(y for _, y in places) / len(places)


def test_lettering_is_a_known_word_or_letters_at_random(make_rows) -> None:
    found, lengths = 0, set()
    for row in make_rows(300, kind="lettering"):
        (text,) = re.fullmatch(r"«([^«»]{1,6})»", row.record.chosen.text).groups()
        assert re.fullmatch(r"«[^«»]*»", row.record.rejected.text)
        words = [parent.removeprefix("word:") for parent in row.record.origin.parents]
        assert words in ([], [text])
        found += bool(words)
        lengths.add(len(text))
        assert len(text) < 3 or word_split(text) == "train"
    assert 0.2 < found / 300 < 0.4
    assert lengths == {1, 2, 3, 4, 5, 6}


def test_charts_are_read_from_left_to_right(make_rows) -> None:
    for right, wrong, reason in captions(make_rows(60, kind="charts")):
        assert re.fullmatch(r"uma barra \S+ com \d(?:, uma \S+ com \d)* e uma \S+ com \d", right)
        changed = sum(a != b for a, b in zip(right.split(), wrong.split(), strict=True))
        assert changed == (2 if reason == "swapped_values" else 1)


def test_splits_share_no_word_and_no_picture(make_rows) -> None:
    pictures: dict[str, set[str]] = {}
    for split in SPLITS:
        rows = make_rows(250, split=split)
        pictures[split] = {digest for row in rows for digest in row.images}
        for row in rows:
            for parent in row.record.origin.parents:
                assert not parent.startswith("word:") or split_of(parent) == split
    assert not pictures["train"] & pictures["test"]
    assert not pictures["train"] & pictures["validation"]
    assert not pictures["test"] & pictures["validation"]


def test_groups_of_a_split_are_of_its_counts_only(make_rows) -> None:
    numbers = {"um": 1, "uma": 1, "uns": 1, "dois": 2, "duas": 2, "três": 3, "quatro": 4}
    numbers |= {"cinco": 5, "seis": 6}
    for split in SPLITS:
        for row in make_rows(60, kind="groups", split=split):
            (parent,) = row.record.origin.parents
            count = numbers[row.record.chosen.text.split()[0]]
            assert split_of(f"count:{parent.removeprefix('thing:')}x{count}") == split


def test_what_is_missing_is_said_before_anything_is_drawn(things, fonts) -> None:
    def first(**changed):
        arguments = {"things": things, "fonts": fonts, "words": VOCABULARY, **changed}
        next(caption_pairs(random.Random(0), split="train", **arguments))

    with pytest.raises(RecordError, match="no word of the train split"):
        first(words=())
    with pytest.raises(RecordError, match="no handwriting font"):
        first(fonts=fonts[:1])
    with pytest.raises(RecordError, match="too few things to name, got 1"):
        first(things=things[:1])
    with pytest.raises(RecordError, match="too few everyday things for groups, got 3"):
        first(things=things[:3])
