"""Conversations: their shape, their kinds, their splits, and that the same seed gives the same."""

from __future__ import annotations

import io
import random
import re
from collections import Counter
from itertools import islice

import pytest
from PIL import Image

from amalia.errors import RecipeError
from amalia.evaluate import answers
from amalia.records import Conversation, Row
from amalia.synth import conversations
from amalia.synth.chats import TEXT_WEIGHTS, text_conversations
from amalia.synth.conversations import (
    PICTURE_WEIGHTS,
    picture_conversations,
)
from amalia.synth.splits import SPLITS, word_split
from amalia.synth.subjects import Studio
from amalia.synth.varieties import Varieties

Rows = list[Row[Conversation]]


@pytest.fixture(scope="module")
def pictured(twin_things, fonts, words):
    """Make picture conversations: of one kind, or of all in the usual shares."""

    def make(number: int, *, kind: str = "", seed: int = 0, split="train") -> Rows:
        rows = picture_conversations(
            random.Random(seed),
            studio=Studio.of(twin_things, fonts=fonts, words=words, split=split),
            weights={kind: 1.0} if kind else PICTURE_WEIGHTS,
        )  # fmt: skip
        return list(islice(rows, number))

    return make


@pytest.fixture(scope="module")
def spoken(twin_things, words, paragraphs):
    """Make text conversations: of one kind, or of all in the usual shares."""

    def make(number: int, *, kind: str = "", seed: int = 0, split="train") -> Rows:
        rows = text_conversations(
            random.Random(seed), things=twin_things,
            words=[word for word in words if word_split(word) == split],
            varieties=Varieties.of(twin_things, paragraphs, split), split=split,
            weights={kind: 1.0} if kind else TEXT_WEIGHTS,
        )  # fmt: skip
        return list(islice(rows, number))

    return make


def exchanges(row: Row[Conversation]) -> list[tuple[str, str]]:
    said = [turn.text for turn in row.record.turns if turn.role != "system"]
    return list(zip(said[::2], said[1::2], strict=True))


def test_one_picture_in_the_first_turn(pictured) -> None:
    places: Counter[str] = Counter()
    for row in pictured(120):
        turns = row.record.turns
        assert [turn.role for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
        assert [len(turn.images) for turn in turns] == [1] + [0] * (len(turns) - 1)
        (image,) = row.record.images
        assert set(row.images) == {image.sha256}
        with Image.open(io.BytesIO(row.images[image.sha256])) as picture:
            assert picture.size == (image.width_px, image.height_px)
        places[turns[0].parts[0].type] += 1
    assert places["image"] > places["text"] > 10


def test_records_say_where_they_come_from(pictured, spoken) -> None:
    for row in [*pictured(60), *spoken(60)]:
        assert row.record.language == "pt-PT"
        assert row.record.origin.created == "synthetic"
        assert row.record.origin.generator == "amalia.synth@4"
        assert row.record.origin.license


def test_same_seed_same_rows_and_distinct_ids(pictured, spoken) -> None:
    assert pictured(40, seed=3) == pictured(40, seed=3)
    assert spoken(40, seed=3) == spoken(40, seed=3)
    rows = pictured(150)
    assert len({row.record.id for row in rows}) == 150


@pytest.mark.parametrize("kind", PICTURE_WEIGHTS)
def test_every_answer_is_a_sentence_or_a_box(kind, pictured) -> None:
    for row in pictured(40, kind=kind):
        assert row.record.id.startswith(f"{kind}-train-")
        asked = exchanges(row)
        assert 1 <= len(asked) <= 6
        assert len(set(asked)) == len(asked)
        for question, answer in asked:
            assert question[-1] in ".?"
            assert answer[0].isupper() or answer[0] in "«[" or answer[0].isdigit()
            assert answer[-1] in ".]"
            assert len(answer) < 120


def test_most_portraits_are_named_before_a_name_is_said(pictured, twin_things) -> None:
    names = {thing.id: thing.name for thing in twin_things}
    unsaid, closed = 0, Counter[str | None]()
    for row in pictured(200, kind="naming"):
        (parent,) = row.record.origin.parents
        name = names[parent.removeprefix("thing:")]
        question, answer = exchanges(row)[0]
        assert name in answer.lower()
        unsaid += name not in question
        closed[answers.yes_no(answer)] += 1
    assert unsaid > 130
    assert closed["sim"] > 8
    assert closed["não"] > 8


def test_a_group_is_counted_before_anything_else(pictured) -> None:
    numbers = r"\b(um|uma|dois|duas|três|quatro|cinco|seis)\b"
    for row in pictured(60, kind="counting"):
        question, answer = exchanges(row)[0]
        assert re.search("[Qq]uant[oa]s|Conta|contar|número", question)
        assert re.search(numbers, answer.lower())


def test_a_list_of_all_comes_first(pictured) -> None:
    listing, verdicts = "(Na imagem há|Vejo|Há|A imagem mostra): .* e ", Counter[str | None]()
    for row in pictured(160, kind="gathering"):
        first, *rest = (answer for _, answer in exchanges(row))
        if re.match(listing, first):
            verdicts[answers.yes_no(first)] += 1
        assert not any(re.match(listing, answer) for answer in rest)
    assert 45 <= verdicts[None] <= 100
    assert verdicts["sim"] >= 15
    assert verdicts["não"] >= 15


def test_gatherings_hold_several_kinds_of_question(pictured) -> None:
    rows = pictured(240, kind="gathering")
    assert {len(exchanges(row)) for row in rows} == {1, 2, 3}
    said = "\n".join(answer for row in rows for _, answer in exchanges(row))
    for sign in ("Na imagem há: ", "à esquerda", "[0.", "? Sim", "? Não"):
        assert sign in said


def test_yes_and_no_are_balanced(pictured) -> None:
    said = Counter(
        answers.yes_no(answer)
        for row in pictured(600, seed=5)
        for question, answer in exchanges(row)
        if not re.search("[Qq]uant[oa]s", question)  # «Não há nenhum.» is a number
    )
    assert 0.42 <= said["sim"] / (said["sim"] + said["não"]) <= 0.55


def test_read_words_stay_in_their_split(pictured) -> None:
    read = {}
    for split in SPLITS:
        rows = pictured(40, kind="reading", split=split)
        said = " ".join(answer for row in rows for _, answer in exchanges(row))
        read[split] = {w for text in re.findall("«([^»]{3,})»", said) for w in text.split()}
        assert {word_split(word) for word in read[split]} == {split}
    assert not read["train"] & read["test"]


def test_splits_share_no_picture_and_no_composition(pictured) -> None:
    shown = [
        {image for row in pictured(80, split=split) for image in row.images} for split in SPLITS
    ]
    assert sum(len(part) for part in shown) == len(set.union(*shown))
    rows = {split: pictured(60, kind="gathering", split=split) for split in SPLITS}
    described = [
        {answer for row in rows[split] for _, answer in exchanges(row) if " e " in answer}
        for split in ("train", "test")
    ]
    lists = [{re.sub(r"^(Na imagem há|Vejo|Há|A imagem mostra): ", "", a.partition(".")[0])
              for a in part} for part in described]  # fmt: skip
    assert lists[0]
    assert not lists[0] & lists[1]


@pytest.mark.parametrize("kind", TEXT_WEIGHTS)
def test_every_kind_of_text_conversation(kind, spoken) -> None:
    for row in spoken(30, kind=kind):
        assert row.images == {}
        assert row.record.turns[-1].role == "assistant"
        assert all(answer for _, answer in exchanges(row))
    assert any(row.record.turns[0].role == "system" for row in spoken(60, kind="identity"))


def test_sketches_are_asked_about_as_pictures_are(spoken) -> None:
    verdicts = Counter[str | None]()
    for row in spoken(200, kind="sketch"):
        question, answer = exchanges(row)[0]
        if "\n" not in question:
            continue  # small talk comes first
        cells = {cell for line in question.split("\n") for cell in line.split(" ")}
        read = re.search("«(.+)»", answer)
        seen = re.match(r"(?:Na imagem há|Na imagem|Vejo|Há|A imagem mostra): ([^.]+)\.", answer)
        if read:
            assert set(read[1]) <= cells
        elif seen:
            for name in seen[1].replace(" e ", ", ").split(", "):
                assert name.split(" ")[0] in cells
            verdicts[answers.yes_no(answer)] += 1
    assert 0.35 <= verdicts["sim"] / (verdicts["sim"] + verdicts["não"]) <= 0.65
    assert verdicts[None] > 20


def test_letters_that_are_no_word_are_not_called_one(pictured) -> None:
    for row in pictured(120, kind="reading"):
        question, answer = exchanges(row)[0]
        text = answer.partition("«")[2].partition("»")[0]
        if len(text) < 3:
            assert "palavra" not in question + answer


def test_amalia_says_who_she_is(spoken) -> None:
    for row in spoken(30, kind="identity"):
        answer = exchanges(row)[0][1]
        assert "Amália" in answer
        assert "português europeu" in answer


def test_without_a_picture_none_is_described(spoken) -> None:
    for row in spoken(30, kind="no_image"):
        assert re.search("Não (vejo|recebi)|não vejo", exchanges(row)[-1][1])


def test_rewriting_goes_from_brazil_to_portugal(spoken) -> None:
    for row in spoken(30, kind="rewrite"):
        question, answer = exchanges(row)[-1]
        assert "ficheiro" in answer
        assert "arquivo" in question or "file" in question


def test_plurals(spoken) -> None:
    said = {exchanges(row)[-1] for row in spoken(200, kind="plural")}
    assert any("pão" in question and "pães" in answer.lower() for question, answer in said)
    assert not any("óculos" in answer for _, answer in said)


def test_unknown_kinds_are_refused(twin_things, fonts, words) -> None:
    rows = picture_conversations(
        random.Random(0), studio=Studio.of(twin_things, fonts=fonts, words=words, split="train"),
        weights={"nameing": 1.0},
    )  # fmt: skip
    with pytest.raises(
        RecipeError, match="unknown kind 'nameing' in weights; expected some of chart"
    ):
        next(rows)


def test_kinds_without_material_are_left_out(things) -> None:
    none = Varieties.of(things, (), "train")
    rows = text_conversations(
        random.Random(0), things=things, words=(), varieties=none, split="train"
    )
    kinds = {row.record.id.split("-")[0] for row in islice(rows, 200)}
    assert "rewrite" not in kinds
    assert "local_name" not in kinds
    nothing = text_conversations(
        random.Random(0), things=things, words=(), varieties=none, split="train",
        weights={"rewrite": 1.0},
    )  # fmt: skip
    with pytest.raises(RecipeError, match="nothing can be made"):
        next(nothing)


def test_ids_follow_the_content() -> None:
    turns = [conversations.user("Olá!"), conversations.assistant("Olá!")]
    origin = conversations.subjects.made_from("amalia:phrasing", "Apache-2.0")
    one, same = (conversations.conversation("x", turns, origin) for _ in range(2))
    other = conversations.conversation("x", turns[:1], origin)
    assert one.id == same.id != other.id
