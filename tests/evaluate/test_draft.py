"""Rows of somebody's table: fields that are checked when they are taken, and one way to write a prompt."""

import base64
from io import BytesIO

import PIL.Image
import pytest

from amalia.errors import RecordError
from amalia.evaluate.draft import Draft, Fields, Style, to_sample
from amalia.records import Image, Origin, Text

STYLE = Style(
    task="exame",
    instruction="Responde só com a letra.",
    origin=Origin(source="test", license="CC0-1.0", created="found"),
)


def png(color=(200, 0, 0)) -> bytes:
    buffer = BytesIO()
    PIL.Image.new("RGB", (8, 6), color).save(buffer, "PNG")
    return buffer.getvalue()


def fields(**row) -> Fields:
    return Fields(row, where="task exame, row 3")


def test_a_choice_is_written_with_letters_and_instruction() -> None:
    draft = Draft("Qual é a capital?", options=("Lisboa", "Porto"), right=0, pictures=(png(),))
    row = to_sample(draft, STYLE, id="exame/1")
    image, text = row.record.prompt.turns[0].parts
    assert isinstance(image, Image)
    assert text == Text(text="Qual é a capital?\nA. Lisboa\nB. Porto\nResponde só com a letra.")
    assert (row.record.target, row.record.choices) == ("A", ("A", "B"))
    assert list(row.images.values()) == [png()]  # as it was, not encoded again


def test_pictures_stand_where_the_question_has_them() -> None:
    draft = Draft(("Compara ", png(), " com ", png((0, 0, 9)), "."), target="sim")
    row = to_sample(draft, STYLE, id="exame/1")
    kinds = [part.type for part in row.record.prompt.turns[0].parts]
    assert kinds == ["text", "image", "text", "image", "text"]
    assert row.record.prompt.turns[0].parts[-1].text == ".\nResponde só com a letra."


def test_options_move_down_and_the_right_one_with_them() -> None:
    draft = Draft("?", options=("a", "b", "c"), right=0)
    assert [draft.rotated(n).options for n in range(3)] == [
        ("a", "b", "c"),
        ("c", "a", "b"),
        ("b", "c", "a"),
    ]
    for shift in range(3):
        moved = draft.rotated(shift)
        assert moved.right is not None
        assert moved.options[moved.right] == "a"
    assert Draft("?", target="x").rotated(1) == Draft("?", target="x")


@pytest.mark.parametrize(
    "options", [["um", "dois"], '["um", "dois"]', "['um', 'dois']", ("um", "dois")]
)
def test_options_may_be_a_list_or_one_written_as_text(options) -> None:
    assert fields(options=options).options("options") == ("um", "dois")


@pytest.mark.parametrize("options", [None, "", [], "[]", ["só uma"], "um, dois", [None, "x"], 3])
def test_options_that_are_none_are_refused(options) -> None:
    with pytest.raises(RecordError, match=r"task exame, row 3 has .*'options'") as caught:
        fields(options=options).options("options")
    assert caught.value.reason in ("malformed_options", "malformed_field")


@pytest.mark.parametrize(
    ("answer", "place"),
    [(0, 0), ("1", 1), ("B", 1), ("b)", 1), ("(A)", 0), ("dois", 1), (1.0, 1), (1.5, None)],
)
def test_the_right_option_is_a_place_a_letter_or_its_text(answer, place) -> None:
    row = fields(answer=answer)
    if place is None:
        with pytest.raises(RecordError, match="expected one of its 2 options"):
            row.choice("answer", ("um", "dois"))
    else:
        assert row.choice("answer", ("um", "dois")) == place


@pytest.mark.parametrize("answer", [2, -1, "C", "três", "Z"])
def test_an_answer_out_of_range_is_refused(answer) -> None:
    message = (
        r"row 3 has the answer .* in 'answer'; expected one of its 2 options: 0 to 1 or A to B"
    )
    with pytest.raises(RecordError, match=message) as caught:
        fields(answer=answer).choice("answer", ("um", "dois"))
    assert caught.value.reason == "answer_out_of_range"


def test_options_that_are_numbers_are_places_before_they_are_texts() -> None:
    assert fields(answer="1").choice("answer", ("3", "1", "2")) == 1
    assert fields(answer="7").choice("answer", ("7", "8", "9")) == 0


def test_a_picture_has_many_forms(tmp_path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    text = base64.b64encode(png()).decode()
    for value in (
        png(),
        {"bytes": png(), "path": None},
        {"bytes": None, "path": "a.png"},
        "a.png",
        text,
        f"data:image/png;base64,{text}",
    ):
        row = Fields({"image": value}, where="row", folder=tmp_path)
        assert row.picture("image") == png()


@pytest.mark.parametrize(
    "value", [None, b"", "", {}, {"bytes": None, "path": None}, "../fora.png", "não é", 7]
)
def test_a_missing_picture_is_refused(value, tmp_path) -> None:
    with pytest.raises(RecordError, match=r"row .*image") as caught:
        Fields({"image": value}, where="row", folder=tmp_path).picture("image")
    assert caught.value.reason == "missing_picture"


def test_a_damaged_picture_names_its_sample() -> None:
    with pytest.raises(RecordError, match="picture of sample exame/1: not a picture"):
        to_sample(Draft("?", target="x", pictures=(b"nada",)), STYLE, id="exame/1")


def test_reserved_tokens_in_a_question_are_refused() -> None:
    with pytest.raises(RecordError, match=r"sample exame/1 is not valid: .*reserved token"):
        to_sample(Draft("O que faz <s>?", target="x"), STYLE, id="exame/1")


def test_fields_say_what_they_are() -> None:
    row = fields(a="x", b=3, c=None, d=[1, 2, 3, 4], e=["x", "y"], f=True)
    assert (row.text("a"), row.text("b"), row.integer("b")) == ("x", "3", 3)
    assert (row.numbers("d", 4), row.texts("e"), row.texts("a")) == (
        (1, 2, 3, 4),
        ("x", "y"),
        ("x",),
    )
    assert (row.has("a"), row.has("c"), row.has("z")) == (True, False, False)
    for wrong in (
        lambda: row.text("c"),
        lambda: row.text("f"),
        lambda: row.integer("a"),
        lambda: row.numbers("d", 3),
        lambda: row.numbers("a", 4),
        lambda: row.texts("c"),
    ):
        with pytest.raises(RecordError, match="task exame, row 3 has"):
            wrong()
