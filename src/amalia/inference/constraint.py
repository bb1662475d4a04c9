"""Answers of a given form: a JSON schema, or any JSON object, kept to token by token.

``llguidance`` turns a schema into the set of tokens that may come next; everything else is made impossible
before a token is drawn. A form it cannot keep to is refused when the grammar is made, not in the middle of
an answer.

Not covered: schemas that point elsewhere (``$ref`` to an address), look-around in patterns, ``not``,
``uniqueItems``. An answer that reaches its length before its form is complete is cut like any other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, decoders, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from amalia.errors import GenerationError, MissingExtra

# One blank behind commas and colons, as people and most models write it; a model that may put any number
# of blanks there has been seen to put nothing else.
_STYLE: Any = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": False,
}


class Vocabulary:
    """Every token of a tokenizer as the bytes it stands for."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, num_tokens: int) -> None:
        """Read a vocabulary.

        Args:
            tokenizer: Of the model.
            num_tokens: Tokens that the model gives a score to; more than the tokenizer knows are never drawn.
        """
        texts: Any = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
        inner: Any = tokenizer.backend_tokenizer
        is_byte_level = isinstance(inner.decoder, decoders.ByteLevel)
        byte_of = _byte_level() if is_byte_level else None
        self.num_tokens = num_tokens
        self.special_ids = sorted(id_ for id_ in special if id_ < num_tokens)
        self.data: list[bytes] = [
            text.encode() if number in special else _bytes(text, byte_of)
            for number, text in enumerate(texts)
        ]
        # Of our own, because what it is told about special tokens holds for all its threads.
        self._plain: Any = Tokenizer.from_str(inner.to_str())
        self._plain.no_truncation()
        self._plain.no_padding()
        self._plain.encode_special_tokens = True
        self._made: Any = None

    def grammars(self, end_id: int) -> Any:
        """Give llguidance's view of the vocabulary; made once, which takes a moment.

        Raises:
            MissingExtra: llguidance is not installed.
        """
        try:
            from llguidance import LLTokenizer, TokenizerWrapper
        except ModuleNotFoundError as error:
            raise MissingExtra("An answer of a given form", "serve") from error
        if self._made is None:
            known = _Known(self, end_id)
            self._made = LLTokenizer(
                TokenizerWrapper(known), n_vocab=self.num_tokens, eos_token=[end_id]
            )
        return self._made

    def encode(self, text: bytes | str, *, is_beginning: bool = False) -> list[int]:
        """Give the tokens of a text, in which special tokens are ordinary text.

        Args:
            text: Any text.
            is_beginning: Whether a token that begins texts stands before it, where the tokenizer has one.
        """
        told = text if isinstance(text, str) else text.decode("utf-8", "replace")
        ids: list[int] = self._plain.encode(told, add_special_tokens=is_beginning).ids
        return ids


class _Known:
    """A vocabulary as llguidance wants to see it."""

    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary, end_id: int) -> None:
        self.eos_token_id = end_id
        special = set(vocabulary.special_ids)
        # Special tokens are marked, so that no text can be taken for one.
        self.tokens = [
            b"\xff[%d]" % number if number in special else data
            for number, data in enumerate(vocabulary.data[: vocabulary.num_tokens])
        ]
        self.tokens += [b""] * (vocabulary.num_tokens - len(self.tokens))
        self.special_token_ids = vocabulary.special_ids
        self._encode = vocabulary.encode

    def __call__(self, text: bytes | str) -> Sequence[int]:
        return self._encode(text)


class Grammar:
    """The form of one answer, and how far the answer has come in it."""

    def __init__(self, vocabulary: Vocabulary, end_id: int, schema: Mapping[str, Any]) -> None:
        """Begin an answer.

        Args:
            vocabulary: Of the model.
            end_id: Token that ends an answer.
            schema: A JSON schema; ``{"type": "object"}`` for any object.

        Raises:
            GenerationError: The schema is not valid or cannot be kept to.
            MissingExtra: llguidance is not installed.
        """
        tokenizer = vocabulary.grammars(end_id)
        from llguidance import LLMatcher

        try:
            text = json.dumps(schema)
            grammar = LLMatcher.grammar_from_json_schema(text, overrides=_STYLE)
            self._matcher = LLMatcher(tokenizer, grammar, log_level=0)
            problem = self._matcher.get_error() if self._matcher.is_error() else ""
        except ValueError as error:
            problem = str(error)
        if problem:
            raise GenerationError(
                f"the JSON schema cannot be kept to ({' '.join(problem.split())[:200]}); expected one without "
                "that; change it",
                reason="schema",
            )
        self._num_tokens = vocabulary.num_tokens

    def copy(self) -> Grammar:
        """Begin another answer of the same form."""
        other = object.__new__(Grammar)
        other._matcher = self._matcher.deep_copy()
        other._num_tokens = self._num_tokens
        return other

    def allowed(self) -> npt.NDArray[np.bool_]:
        """Give which tokens may come next, bool [V].

        Raises:
            GenerationError: The answer has come to where the form is too complex to keep to.
        """
        packed = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        self._check()
        return np.unpackbits(packed, bitorder="little")[: self._num_tokens].astype(bool)

    def take(self, id_: int) -> bool:
        """Go on with the token that was drawn; says whether the answer is complete and nothing can follow.

        Raises:
            GenerationError: As ``allowed``.
        """
        self._matcher.consume_token(id_)
        self._check()
        return bool(self._matcher.is_stopped())

    def _check(self) -> None:
        if self._matcher.is_error():
            detail = " ".join(str(self._matcher.get_error()).split())[:200]
            raise GenerationError(
                f"the JSON schema became too complex in the middle of an answer ({detail}); use a simpler one",
                reason="schema",
            )


def _byte_level() -> dict[str, int]:
    """Give the byte behind each letter of a byte-level vocabulary."""
    # The alphabet comes sorted by nothing in particular; bytes that print stand for themselves.
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(byte): byte for byte in own}
    others = [byte for byte in range(256) if byte not in set(own)]
    table |= {chr(256 + place): byte for place, byte in enumerate(others)}
    assert set(table) == set(pre_tokenizers.ByteLevel.alphabet())
    return table


def _bytes(text: str, byte_of: Mapping[str, int] | None) -> bytes:
    if byte_of is not None:
        return bytes(byte_of[letter] for letter in text if letter in byte_of)
    if len(text) == 6 and text.startswith("<0x") and text.endswith(">"):
        return bytes([int(text[3:5], 16)])  # a byte that the vocabulary has no letters for
    return text.replace("▁", " ").encode()
