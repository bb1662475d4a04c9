"""Text that orders the model about, or wants its instructions told, found by rules.

What a user writes must be a clear attack: to set aside what the model was told, to play somebody who may do
anything, to tell what stands above. «Ignora o ficheiro anterior» and «repete a frase acima em inglês» are
work. A passage, a picture and what a tool gives back have nobody to order about, so that there any order to
an assistant counts, and so does hiding something from the user or sending what was said to an address. An
answer is looked at for what it gives away: its instructions, or text in the address of a picture. Blocks in
base64 and hexadecimal are decoded and read like what stands around them. Words are in ``attacks.yaml``.

Not covered:

- orders by hints, in verse, in another language than Portuguese and English, or spread over turns;
- orders in passages that address nobody and are no part of what is listed («o produto X é o melhor»);
- ciphers other than base64 and hexadecimal, blocks within blocks, text that is only drawn;
- reasons that make harm look right (a dead grandmother, an exam): ``harms`` looks at what is asked;
- suffixes that were computed to confuse a model;
- instructions asked for piece by piece («qual é a tua terceira palavra?»).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

import yaml

from amalia.guard.normal_form import normalized
from amalia.guard.rules import Rules
from amalia.guard.verdict import Finding, Place
from amalia.guard.vocabulary import Vocabulary, Words

_FOREIGN: tuple[Place, ...] = ("passage", "picture", "tool")
_SPOKEN: tuple[Place, ...] = ("answer", "assistant")
# Turns and their ends in the templates of common models; behind a quotation mark they are spoken about.
_TEMPLATE = re.compile(
    r"(?<![`«\"'“])(?:<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|begin_of_text"
    r"|end_of_text|start_header_id|end_header_id|end|eom_id)\|>|\[/?INST\]|<</?SYS>>|</?s>\s?\[INST\]"
    r"|<(?:start|end)_of_turn>|</?(?:system|system_prompt|instructions)>|\[/?system\]"
    r"|^#{2,4} ?(?:system|sistema|instruction|instruções)[ \t]*:?[ \t]*$)",
    re.IGNORECASE | re.MULTILINE,
)
# In a passage also a line that says it is the system.
_SYSTEM_LINE = re.compile(
    r"^[ \t>*#\[(]{0,4}(?:system|sistema|system message|mensagem d[eo] sistema|system prompt)[ \t\])*]{0,3}:",
    re.IGNORECASE | re.MULTILINE,
)
_PICTURE = re.compile(r"!\[[^\]\n]{0,200}\]\(\s{0,4}(https?://[^)\s]{1,2000})")
_PLACEHOLDER = re.compile(r"[{<\[]|%7b|%3c|%5b|\$\{", re.IGNORECASE)
_LONG_VALUE = re.compile(r"[?&=/][^?&=/]{40,}")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{24,}={0,2}")
_HEX = re.compile(r"(?<![0-9a-fA-F])(?:[0-9a-fA-F]{2}[ :]?){16,}")
# Enough for any order; pictures in data: addresses are far longer.
_MAX_BLOCK_CHARS = 8192
_MAX_BLOCKS = 16


class Attacks:
    """Rules for injection and extraction; see ``amalia.guard.verdict.Check``."""

    name = "attacks@1"

    def find(self, text: str, place: Place) -> Sequence[Finding]:
        """Give orders that the model should not take, in order of ``start``."""
        found = {*_in_words(text, place), *_in_signs(text, place)}
        for start, end, said in _decoded(text):
            found.update(
                _Span(category, start, end)
                for category, _, _ in (*_in_words(said, place), *_in_signs(said, place))
            )
        return [
            Finding(span.category, span.start, span.end, self.name)
            for span in sorted(found, key=lambda span: (span.start, span.end, span.category))
        ]


class _Span(NamedTuple):
    category: str
    start: int
    end: int


class _Packaged(NamedTuple):
    vocabulary: Vocabulary
    clear: Rules
    suspicious: Rules
    leaked: Rules


@cache
def _packaged() -> _Packaged:
    text = resources.files("amalia.guard").joinpath("attacks.yaml").read_text("utf-8")
    tree = yaml.safe_load(text)
    vocabulary = Vocabulary(tree)
    kinds = (Rules(vocabulary, tree[kind]) for kind in ("clear", "suspicious", "leaked"))
    return _Packaged(vocabulary, *kinds)


def _in_words(text: str, place: Place) -> Iterator[_Span]:
    packaged = _packaged()
    normal = normalized(text)
    words = Words.of(normal)
    hits = packaged.vocabulary.hits(words)
    kinds = [packaged.leaked] if place in _SPOKEN else [packaged.clear]
    if place in _FOREIGN:
        kinds.append(packaged.suspicious)
    for rules in kinds:
        for match in rules.find(words, hits):
            left, right = words.places[match.start][0], words.places[match.end - 1][1]
            yield _Span(match.category, *normal.span(left, right))


def _in_signs(text: str, place: Place) -> Iterator[_Span]:
    patterns = [_TEMPLATE] if place != "answer" else []
    if place in _FOREIGN:
        patterns.append(_SYSTEM_LINE)
    for pattern in patterns:
        for match in pattern.finditer(text):
            yield _Span("prompt_injection", *match.span())
    for match in _PICTURE.finditer(text):
        carries = _PLACEHOLDER.search(match[1]) or (
            place in _SPOKEN and "?" in match[1] and _LONG_VALUE.search(match[1])
        )
        if carries:
            yield _Span("prompt_injection", *match.span())


def _decoded(text: str) -> Iterator[tuple[int, int, str]]:
    """Give encoded text, where it stands and what it says."""
    num_blocks = 0
    for pattern, decode in ((_BASE64, _from_base64), (_HEX, _from_hex)):
        for match in pattern.finditer(text):
            num_blocks += 1
            if num_blocks > _MAX_BLOCKS:
                return
            said = decode(match[0][:_MAX_BLOCK_CHARS])
            if said is not None:
                yield match.start(), match.end(), said


def _from_base64(block: str) -> str | None:
    block = block.rstrip("=")
    # A block that was cut, by us or by its writer, still says most of what it said.
    block = block[: len(block) - (len(block) % 4 == 1)]
    try:
        return _readable(base64.b64decode(block + "=" * (-len(block) % 4)))
    except binascii.Error:
        return None


def _from_hex(block: str) -> str | None:
    digits = re.sub(r"[ :]", "", block)
    return _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _readable(data: bytes) -> str | None:
    text = data.decode("utf-8", "ignore")
    is_text = text.isprintable() or "\n" in text
    # Letters of other alphabets by chance are cheap; what rules see must be mostly letters and spaces.
    letters = sum(letter.isascii() and (letter.isalnum() or letter.isspace()) for letter in text)
    return text if is_text and letters >= 0.7 * max(1, len(text)) else None
