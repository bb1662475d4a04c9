"""The tokenizer gives back any text exactly, and spells what stands in guillemets."""

from __future__ import annotations

import make
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from amalia.model import tokenizer
from amalia.records import PLACEHOLDER


def pieces(words: PreTrainedTokenizerFast, text: str) -> list[str]:
    return [words.decode([token]) for token in words.encode(text, add_special_tokens=False)]


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_decoding_gives_back_the_exact_text(
    tiny_tokenizer: PreTrainedTokenizerFast, text: str
) -> None:
    ids = tiny_tokenizer.encode(text, add_special_tokens=False)
    assert tiny_tokenizer.decode(ids) == text


def test_letters_inside_guillemets_stand_alone(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(pieces(tiny_tokenizer, "menina")) < len("menina")
    inside = pieces(tiny_tokenizer, "Diz «menina»")
    assert list("menina") == [piece for piece in inside if piece.isalpha()][-6:]


def test_spelling_ends_with_the_guillemet_the_line_and_after_sixty_letters(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    whole = pieces(tiny_tokenizer, " cadeira")
    assert len(whole) < len(" cadeira")
    for text in ("«a» cadeira", "«a\n cadeira", "«" + "." * 61 + " cadeira"):
        assert pieces(tiny_tokenizer, text)[-len(whole) :] == whole


def test_digits_and_line_breaks_stand_alone(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    assert pieces(tiny_tokenizer, "1990\n\n12,5") == [
        "1",
        "9",
        "9",
        "0",
        "\n",
        "\n",
        "1",
        "2",
        ",",
        "5",
    ]


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=2, max_size=4)
)
def test_pieces_cut_at_line_breaks_have_the_ids_of_the_whole(
    tiny_tokenizer: PreTrainedTokenizerFast, lines: list[str]
) -> None:
    # What rendering stands on: it encodes piece by piece.
    text = "\n".join(lines)
    if PLACEHOLDER.search(text):
        return
    alone: list[int] = []
    for number, line in enumerate(lines):
        alone += tiny_tokenizer.encode("\n" if number else "", add_special_tokens=False)
        alone += tiny_tokenizer.encode(line, add_special_tokens=False)
    assert alone == tiny_tokenizer.encode(text, add_special_tokens=False)


def test_special_tokens_have_fixed_places_and_roles(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    assert tiny_tokenizer.convert_ids_to_tokens([*range(6)]) == list(tokenizer.SPECIAL_TOKENS)
    assert tiny_tokenizer.eos_token == tokenizer.END_OF_TURN
    assert tiny_tokenizer.pad_token == "</s>"
    assert tiny_tokenizer.image_token == tokenizer.IMAGE_TOKEN
    assert tiny_tokenizer.model_input_names == ["input_ids", "attention_mask"]
    assert len(tiny_tokenizer) == 400


def test_training_is_a_function_of_its_texts(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    again = tokenizer.train(iter(make.TEXTS * 20), vocab_size=400)
    assert again.get_vocab() == tiny_tokenizer.get_vocab()


def test_a_saved_tokenizer_is_the_same(
    tiny_tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tokenizer")
    tiny_tokenizer.save_pretrained(folder)
    loaded = AutoTokenizer.from_pretrained(folder)
    text = "<|im_start|>user\n<image>\nDiz «Olá 👋».<|im_end|>\n"
    assert loaded(text) == tiny_tokenizer(text)
    assert "token_type_ids" not in loaded(text)
