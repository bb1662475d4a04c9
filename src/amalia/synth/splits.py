"""Which split a made thing belongs to, and the reading vocabulary.

A split is a pure function of a key, so that any two programs agree on it without a shared list.
Keys name what must not be seen twice: ``word:maçã``, ``scene:1F408*2+1F68C*1``, ``count:1F408x3``,
``naming:81234``, ``chart:azul3+verde5``, ``paragraph:<page>``.
"""

from __future__ import annotations

import hashlib
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from amalia.errors import RecordError
from amalia.synth.spelling import jumbled

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
MIN_WORD_LETTERS = 3
"""Of a word to read."""
MAX_TRIES = 20_000

_TRAIN_SHARE = 0.8
_VALIDATION_SHARE = 0.1
_MIN_TEXTS = 2
_FOREIGN = frozenset("kwy")
# Parts of identifiers, addresses, switches and hyphenated words are not words to read alone.
_WORD = re.compile(
    rf"(?<![\w./\\@#&;$:=-])[a-záàâãéêíóôõúç]{{{MIN_WORD_LETTERS},11}}(?![\w/\\@(=_-]|[.:]\w)",
)


def split_of(key: str) -> Split:
    """Give the split of a key: 80 % train, 10 % validation, 10 % test.

    Args:
        key: ``kind:what``; compared after Unicode NFC, so that both spellings of ``ã`` agree.

    Returns:
        Always the same split for the same key, on any machine.
    """
    digest = hashlib.sha256(unicodedata.normalize("NFC", key).encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    if share < _TRAIN_SHARE:
        return "train"
    return "validation" if share < _TRAIN_SHARE + _VALIDATION_SHARE else "test"


def word_split(word: str) -> Split:
    """Give the split of a word to read: that of the key ``word:<casefolded word>``."""
    return split_of(f"word:{word.casefold()}")


def drawn_seed(rng: random.Random, kind: str, split: Split) -> int:
    """Draw a seed of a split, for pictures whose subject is in every split: key ``<kind>:<seed>``."""
    for _ in range(MAX_TRIES):
        seed = rng.getrandbits(48)
        if split_of(f"{kind}:{seed}") == split:
            return seed
    raise nothing_fits("seed", split)


def drawn_letters(rng: random.Random, most: int, split: Split) -> str:
    """Draw 1 to ``most`` letters in no order; a string as long as a word is of the split."""
    for _ in range(MAX_TRIES):
        text = jumbled(rng, most)
        if len(text) < MIN_WORD_LETTERS or word_split(text) == split:
            return text
    raise nothing_fits("letters", split)


def nothing_fits(what: str, split: str) -> RecordError:
    """Say that ``MAX_TRIES`` draws gave nothing of a split."""
    return RecordError(
        f"found no {what} for the {split} split in {MAX_TRIES} tries; give more things or words",
        reason="nothing_fits",
    )


def words(texts: Iterable[str], names: Iterable[str]) -> dict[Split, tuple[str, ...]]:
    """Collect the reading vocabulary and divide it among the splits.

    Args:
        texts: pt-PT prose. Words with a capital are left out (they are mostly names), and so are
            those in one text only or with k, w or y (they are mostly commands and slips).
        names: Names of things, taken whatever their case.

    Returns:
        Sorted words of 3 to 11 letters, lower-case, diacritics kept, by split. No word is in two.
    """
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update(set(_WORD.findall(unicodedata.normalize("NFC", text))))
    found = {
        word for word, count in seen.items() if count >= _MIN_TEXTS and _FOREIGN.isdisjoint(word)
    }
    for name in names:
        found.update(_WORD.findall(unicodedata.normalize("NFC", name).lower()))
    divided: dict[Split, list[str]] = {split: [] for split in SPLITS}
    for word in sorted(found):
        divided[word_split(word)].append(word)
    return {split: tuple(members) for split, members in divided.items()}
