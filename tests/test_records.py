"""Records refuse what would confuse a template, and hold nothing but values."""

from __future__ import annotations

from typing import Any

import make
import pytest
from pydantic import ValidationError

from amalia.records import Conversation, Image, Preference, Text, Turn

PICTURE = make.picture()


@pytest.mark.parametrize(
    "token",
    ["<image>", "<|im_start|>", "<|im_end|>", "<|system|>", "<s>", "</s>", "<pad>", "<unk>"],
)
@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_a_placeholder_token_in_text_is_refused(role: str, token: str) -> None:
    turns = [("user", "Olá.")] if role != "system" else []
    said = rf"text of turn {len(turns)} holds the reserved token '{token}'; remove it".replace(
        "|", r"\|"
    )
    with pytest.raises(ValidationError, match=said):
        make.conversation(*turns, (role, f"Diz {token} agora."))


def test_a_placeholder_made_of_two_parts_is_refused() -> None:
    with pytest.raises(ValidationError, match="holds the reserved token '<image>'"):
        make.conversation(("user", "<ima", "ge>"))


@pytest.mark.parametrize("text", ["a < b", "<imagem>", "<|", "|>", "i<s", "«<b>»", "<|IM_END|>"])
def test_other_angles_are_just_text(text: str) -> None:
    assert make.conversation(("user", text)).record.turns[0].text == text


@pytest.mark.parametrize("field", ["chosen", "rejected"])
def test_answers_of_a_preference_hold_no_placeholder(field: str) -> None:
    with pytest.raises(
        ValidationError, match=rf"the {field} answer holds the reserved token '</s>'"
    ):
        make.preference(**{field: "fim</s>"})


def test_a_system_turn_comes_first_or_not_at_all() -> None:
    make.conversation(("system", ""), ("user", "Olá."))
    with pytest.raises(
        ValidationError, match="a system turn may only come first, got one at position 1"
    ):
        make.conversation(("user", "Olá."), ("system", "Sê breve."))


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_only_users_show_pictures(role: str) -> None:
    with pytest.raises(ValidationError, match=f"got one in a {role} turn"):
        make.conversation((role, PICTURE))


def test_a_preference_asks_a_user_question_and_has_text_answers() -> None:
    asked = make.conversation(("user", "Olá.")).record
    fields: dict[str, Any] = {
        "id": "p",
        "prompt": asked,
        "chosen": make.turn("assistant", "Sim."),
        "rejected": make.turn("assistant", "Não."),
        "reason": "wrong",
        "origin": make.origin(),
    }
    Preference(**fields)
    with pytest.raises(ValidationError, match="the chosen answer is an assistant turn, got user"):
        Preference(**{**fields, "chosen": make.turn("user", "Sim.")})
    with pytest.raises(ValidationError, match="the rejected answer holds a picture"):
        Preference(**{**fields, "rejected": make.turn("assistant", PICTURE)})
    ended = make.conversation(("user", "Olá."), ("assistant", "Olá.")).record
    with pytest.raises(ValidationError, match="ends in a user turn, got assistant"):
        Preference(**{**fields, "prompt": ended})


def test_a_sample_asks_a_user_question() -> None:
    assert make.sample().record.prompt.turns[-1].role == "user"
    with pytest.raises(ValidationError, match="the prompt of a sample ends in a user turn"):
        make.sample(("assistant", "Olá."))


def test_a_conversation_has_turns() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        Conversation(id="c", turns=(), language="pt-PT", origin=make.origin())


@pytest.mark.parametrize("language", ["pt-PT", "pt-BR", "en", "mwl"])
def test_languages_are_tags(language: str) -> None:
    assert make.document(language=language).record.language == language


@pytest.mark.parametrize("language", ["", "PT", "pt_PT", "português", "pt-pt"])
def test_what_is_no_tag_is_refused(language: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        make.document(language=language)


def test_pictures_are_named_by_digest_and_have_a_size() -> None:
    found = make.image(PICTURE)
    assert (found.width_px, found.height_px, found.media_type) == (20, 12, "image/png")
    with pytest.raises(ValidationError):
        Image(sha256="abc", width_px=1, height_px=1)
    with pytest.raises(ValidationError):
        Image(sha256="0" * 64, width_px=0, height_px=1)


def test_text_and_pictures_keep_their_order() -> None:
    other = make.picture(color="blue")
    record = make.conversation(
        ("user", "Antes ", PICTURE, "entre ", other, "depois."), ("assistant", "Sim.")
    ).record
    first = record.turns[0]
    assert first.text == "Antes entre depois."
    assert record.images == first.images == (make.image(PICTURE), make.image(other))
    assert [part.type for part in first.parts] == ["text", "image", "text", "image", "text"]


def test_records_are_frozen_closed_and_survive_json() -> None:
    record = make.conversation(
        ("user", PICTURE, "O que é?"), ("assistant", "É uma maçã 🍎.")
    ).record
    with pytest.raises(ValidationError, match="frozen"):
        record.id = "other"
    with pytest.raises(ValidationError, match="Extra inputs"):
        Turn(role="user", parts=(Text(text="a"),), name="x")  # type: ignore[call-arg]
    assert Conversation.model_validate_json(record.model_dump_json()) == record
    assert hash(record) == hash(record.model_copy())
