"""Answers of a given form: what a vocabulary stands for, which schemas are kept to, and when an answer is whole."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from amalia.errors import GenerationError
from amalia.inference.constraint import Grammar, Vocabulary
from amalia.model.tokenizer import END_OF_TURN


@pytest.fixture(scope="module")
def end_id(tiny_tokenizer) -> int:
    return int(tiny_tokenizer.convert_tokens_to_ids(END_OF_TURN))


@pytest.fixture(scope="module")
def vocabulary(tiny_tokenizer) -> Vocabulary:
    # A model's scores are more than a tokenizer's tokens where rows were added to reach a round number.
    return Vocabulary(tiny_tokenizer, len(tiny_tokenizer) + 13)


def said(vocabulary: Vocabulary, grammar: Grammar, random: Random, limit: int = 200) -> str | None:
    """Say anything that the form allows, as a model without sense would; None where it does not end."""
    data = b""
    for _ in range(limit):
        ids = grammar.allowed().nonzero()[0].tolist()
        id_ = random.choice(ids)
        data += vocabulary.data[id_]
        if grammar.take(id_):
            return data.decode()
    return None


DIGIT = {"type": "integer", "minimum": 1, "maximum": 9}
SCHEMAS: list[dict[str, Any]] = [
    {
        "type": "object",
        "properties": {"cor": {"enum": ["azul", "não"]}},
        "required": ["cor"],
        "additionalProperties": False,
    },
    {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3},
    {
        "type": "object",
        "properties": {"a": DIGIT, "b": {"type": "null"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {"matrícula": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{2}$"}},
        "required": ["matrícula"],
        "additionalProperties": False,
    },
    {"anyOf": [{"const": "um autocarro"}, {"const": ["à", "ê"]}]},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
def test_whatever_is_drawn_fits_the_schema(vocabulary, end_id, schema) -> None:
    grammar = Grammar(vocabulary, end_id, schema)
    found = {said(vocabulary, grammar.copy(), Random(seed)) for seed in range(12)}
    for text in found:
        assert text is not None
        jsonschema.validate(json.loads(text), schema)
    assert len(found) > 1


def test_what_may_go_on_may_end_too(vocabulary, end_id) -> None:
    grammar = Grammar(vocabulary, end_id, {"type": "integer"})
    (one,) = vocabulary.encode("1")
    assert not grammar.allowed()[end_id]
    assert not grammar.take(one)
    assert grammar.allowed()[end_id]
    assert grammar.allowed()[one]


def test_a_copy_goes_its_own_way(vocabulary, end_id) -> None:
    grammar = Grammar(vocabulary, end_id, SCHEMAS[0])
    before = grammar.allowed()
    said(vocabulary, grammar.copy(), Random(0))
    assert (grammar.allowed() == before).all()


def test_no_special_token_and_none_beyond_the_tokenizer_is_allowed(vocabulary, end_id) -> None:
    grammar = Grammar(vocabulary, end_id, {"type": "string"})
    (quote,) = vocabulary.encode('"')
    grammar.take(quote)
    allowed = grammar.allowed()
    assert len(allowed) == vocabulary.num_tokens
    assert not allowed[vocabulary.special_ids].any()
    assert not allowed[len(vocabulary.data) :].any()
    assert allowed.sum() > 200


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"not": {"type": "string"}}, "not"),
        ({"type": "strange"}, "strange"),
        ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
        ({"$ref": "https://example.pt/forma.json"}, "not present"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "Unsatisfiable"),
        ({"x-guidance": {"lenient": True}, "not": {}}, "not"),
    ],
)
def test_a_schema_that_cannot_be_kept_to_is_refused_at_once(
    vocabulary, end_id, schema, why
) -> None:
    with pytest.raises(GenerationError, match=f"cannot be kept to .*{why}") as caught:
        Grammar(vocabulary, end_id, schema)
    assert caught.value.reason == "schema"
    assert "\n" not in str(caught.value)


def test_a_form_broken_on_the_way_says_so(vocabulary, end_id) -> None:
    grammar = Grammar(vocabulary, end_id, {"type": "boolean"})
    (wrong,) = vocabulary.encode("9")
    with pytest.raises(GenerationError, match="in the middle of an answer") as caught:
        grammar.take(wrong)
    assert caught.value.reason == "schema"


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=40))
def test_tokens_together_are_the_bytes_of_the_text(vocabulary, text: str) -> None:
    ids = vocabulary.encode(text)
    assert b"".join(vocabulary.data[id_] for id_ in ids) == text.encode()
    assert not set(ids) & set(vocabulary.special_ids)


def test_special_tokens_in_a_text_are_ordinary(vocabulary, tiny_tokenizer) -> None:
    text = "<|im_start|>user\n<image>"
    assert b"".join(vocabulary.data[id_] for id_ in vocabulary.encode(text)) == text.encode()
    # Those of the tokenizer itself stay as they are.
    assert tiny_tokenizer.encode("<image>") == [tiny_tokenizer.convert_tokens_to_ids("<image>")]


def test_vocabularies_that_fall_back_to_bytes_are_read_too() -> None:
    pieces = {"<unk>": 0, "<s>": 1, "</s>": 2, "▁a": 3, "n": 4, "<0xC3>": 5, "<0xA3>": 6, "o": 7}
    inner = Tokenizer(models.BPE(pieces, [], unk_token="<unk>", byte_fallback=True))
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    words = PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    vocabulary = Vocabulary(words, 8)
    assert vocabulary.data[3:] == [b" a", b"n", b"\xc3", b"\xa3", b"o"]
    assert vocabulary.special_ids == [0, 1, 2]
