"""What of a text is compared with other texts: a digest of its words, and a MinHash of its word n-grams.

Texts are compared by their words alone: Unicode NFC, small letters, without punctuation and without the kind of space
between words. Two texts with the same words have the same digest (*exact* duplicates). Two texts that share most of
their n-grams agree in one number of a MinHash with a probability that is the Jaccard similarity of their n-grams, and
so in all rows of at least one band with 1 - (1 - similarity^rows)^bands (*near* duplicates; ``chance``).

Words are hashed here with NumPy, many texts at once and no Python object for a word: building sets of strings takes
four times as long as the MinHash itself, which ``rensa`` computes. Numbers are stable across processes and machines;
they depend on the version of ``rensa``'s algorithm, which ``identity`` names.

Not here: which documents are compared with which (``bands``), and what becomes of them (``clusters``).

Not covered: letters that a later Unicode adds are separators to a Python that does not know them; words are runs of
letters and digits, so a text without spaces (Chinese) is few long words; an attacker who knows the seed can make two
texts of one signature.

Source of the settings: AMALIA's published pipeline, 14 bands of 8 rows over 5-grams within a collection, 40 of 15
over 4-grams across collections.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from amalia.errors import MissingExtra
from amalia.recipe import Settings

DIGEST_BYTES = 16
BLOCK_CHARS = 2**16
"""Texts are hashed together until they have so many characters: what is computed of them then stays in a cache."""
_BLOCKS_BANDED = 64
_NUM_CODES = 0x32400
"""Code points from here on are no letters (Unicode 16)."""
_BASE = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 2**64))
_STEP = np.uint64(0xD1342543DE82EF95)

Codes = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]


class MinHashSettings(Settings):
    """How near duplicates are found; the defaults are AMALIA's within a collection."""

    ngram_words: int = Field(default=5, ge=1, le=32)
    """Words of an n-gram. A text with fewer has one n-gram, of all its words."""
    num_bands: int = Field(default=14, ge=1, le=512)
    """Documents that agree in one band are near duplicates: more bands find more."""
    rows_per_band: int = Field(default=8, ge=1, le=64)
    """Numbers that have to agree in a band: more rows ask for more similarity."""
    seed: int = Field(default=1, ge=0, lt=2**63)


ACROSS_COLLECTIONS = MinHashSettings(ngram_words=4, num_bands=40, rows_per_band=15)
"""AMALIA's settings for documents of different collections."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What is compared of some texts, in their order."""

    bands: Hashes
    """Hashes of the bands of their MinHashes, [bands, texts]: all that is compared of the rows."""
    digests: npt.NDArray[np.uint8]
    """Of the words, [texts, 16]."""
    num_words: Codes
    """[texts]."""

    def __len__(self) -> int:
        return len(self.num_words)


def chance(similarity: float, settings: MinHashSettings) -> float:
    """Compute how probable it is that two texts of a Jaccard similarity are compared, 0–1."""
    agree: float = similarity**settings.rows_per_band
    missed: float = (1 - agree) ** settings.num_bands
    return 1 - missed


def identity(settings: MinHashSettings) -> dict[str, int]:
    """Say all that signatures depend on; those of different identities cannot be compared."""
    return {**settings.model_dump(), "rensa_algorithm": int(_rensa().ALGORITHM_VERSION), "words": 1}


def text_digest(text: str) -> bytes:
    """Digest the words of a text: 16 bytes that are equal for texts which differ in case, space and punctuation.

    It is the BLAKE2b of the folded words, joined by U+0000, in UTF-32-LE.
    """
    folded, starts = _folded([text])
    return _digest(folded[starts[0] : starts[1]])


def signature(text: str, settings: MinHashSettings) -> Codes:
    """Compute the MinHash of one text, [bands * rows].

    Raises:
        MissingExtra: ``rensa`` is not installed.
    """
    rows, _, _ = next(_blocks_signed([text], settings))
    one: Codes = rows[0]
    return one


def signatures_of(texts: Iterable[str], settings: MinHashSettings) -> Signed:
    """Compute what is compared of many texts.

    Memory is that of the result (132 bytes a text by default) and 64 bytes for a character of the longest text.

    Args:
        texts: In any number; they are taken one by one.
        settings: Of the MinHash.

    Raises:
        MissingExtra: ``rensa`` is not installed.
    """
    bands = [np.empty((settings.num_bands, 0), np.uint64)]
    counts = [np.empty(0, np.uint32)]
    digests: list[bytes] = []
    waiting: list[Codes] = []
    for rows, found, num_words in _blocks_signed(texts, settings):
        digests += found
        counts.append(num_words)
        waiting.append(rows)
        if len(waiting) == _BLOCKS_BANDED:
            bands.append(band_hashes(np.concatenate(waiting), settings))
            waiting.clear()
    if waiting:
        bands.append(band_hashes(np.concatenate(waiting), settings))
    joined = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, DIGEST_BYTES)
    return Signed(np.concatenate(bands, axis=1), joined, np.concatenate(counts))


def band_hashes(signatures: Codes, settings: MinHashSettings) -> Hashes:
    """Hash each band of signatures [N, bands * rows] to 64 bits, [bands, N].

    Two bands that differ get the same hash once in 2^64: among 10 billion different documents, 3 pairs a band.
    """
    rows = signatures.reshape(len(signatures), settings.num_bands, settings.rows_per_band)
    hashes = np.broadcast_to(
        np.arange(1, settings.num_bands + 1, dtype=np.uint64)[:, None] * _BASE,
        (settings.num_bands, len(signatures)),
    ).copy()
    for row in range(settings.rows_per_band):
        hashes ^= rows[:, :, row].T.astype(np.uint64)
        _mix(hashes)
    return hashes


def jaccard(first: str, second: str, settings: MinHashSettings) -> float:
    """Compute what a MinHash estimates: the share of n-grams that two texts have in common, 0–1.

    Two texts without words are alike (1).
    """
    ours = np.unique(ngram_hashes(first, settings.ngram_words))
    theirs = np.unique(ngram_hashes(second, settings.ngram_words))
    num_common = len(np.intersect1d(ours, theirs, assume_unique=True))
    num_all = len(ours) + len(theirs) - num_common
    return num_common / num_all if num_all else 1.0


def ngram_hashes(text: str, ngram_words: int) -> Hashes:
    """Hash the word n-grams of a text in order; one, of all its words, if it has fewer than that."""
    ngrams, _ = _ngrams(*_words(*_folded([text])), ngram_words)
    return ngrams


def _rensa() -> Any:  # a class of an untyped library
    try:
        from rensa import RMinHash
    except ImportError as error:
        raise MissingExtra("finding near duplicates", "corpus") from error
    return RMinHash


def _blocks_signed(
    texts: Iterable[str], settings: MinHashSettings
) -> Iterator[tuple[Codes, list[bytes], Codes]]:
    """Give MinHashes, digests and numbers of words, block by block."""
    minhash = _rensa()
    num_rows = settings.num_bands * settings.rows_per_band
    for block in _blocks(texts):
        folded, starts = _folded(block)
        digests = [_digest(folded[start:end]) for start, end in pairwise(starts.tolist())]
        hashes, firsts = _words(folded, starts)
        ngrams, offsets = _ngrams(hashes, firsts, settings.ngram_words)
        matrix = minhash.digest_matrix_from_flat_token_hashes(
            ngrams, offsets, num_rows, settings.seed
        )
        rows = np.array(matrix.to_rows(), dtype=np.uint32).reshape(-1, num_rows)
        yield rows, digests, np.diff(firsts).astype(np.uint32)


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    block: list[str] = []
    num_chars = 0
    for text in texts:
        if block and num_chars + len(text) > BLOCK_CHARS:
            yield block
            block, num_chars = [], 0
        block.append(text)
        num_chars += len(text) + 1
    if block:
        yield block


def _folded(texts: Sequence[str]) -> tuple[Codes, npt.NDArray[np.int64]]:
    """Give the letters of texts as small letters, a 0 after each word, and where each text starts.

    The last of the starts is where the last text ends.
    """
    plain = [unicodedata.normalize("NFC", text) for text in texts]
    joined = "\0".join(plain) + "\0"
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    if codes.max() >= _NUM_CODES:
        codes = np.minimum(codes, _NUM_CODES - 1)
    letters = _small_letters()[codes]
    is_letter = letters != 0
    kept = is_letter.copy()
    # Of what stands between words the first is kept, so every word ends in one 0 of its own text.
    kept[1:] |= is_letter[:-1]
    ends = np.cumsum([len(text) + 1 for text in plain])
    sizes = np.add.reduceat(kept, np.concatenate([[0], ends[:-1]]), dtype=np.int64)
    return letters[kept], np.concatenate([[0], np.cumsum(sizes)])


def _digest(letters: Codes) -> bytes:
    # Without the 0 after the last word: those that are left join the words.
    return hashlib.blake2b(letters[:-1].astype("<u4", copy=False).data, digest_size=16).digest()


def _words(letters: Codes, starts: npt.NDArray[np.int64]) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """Hash the words of texts, and say which is the first of each text (and one more: how many there are).

    A word's hash is a polynomial of its letters' hashes, computed of all letters at once: those of a word are summed
    as they stand in the block, and the sum is divided by the power of where the word begins.
    """
    at = np.flatnonzero(letters == 0)
    if not len(at):
        return np.empty(0, np.uint64), np.zeros(len(starts), np.int64)
    begins = np.concatenate([[0], at[:-1] + 1])
    size = 1 << max(len(letters) - 1, BLOCK_CHARS - 1).bit_length()
    terms = _letter_hashes()[letters]
    terms *= _powers(int(_BASE), size)[: len(letters)]
    hashes = np.add.reduceat(terms, begins)
    hashes *= _powers(int(_INVERSE), size)[begins]
    _mix(hashes)
    return hashes, np.searchsorted(at, starts).astype(np.int64)


def _ngrams(
    words: Hashes, firsts: npt.NDArray[np.int64], num: int
) -> tuple[Hashes, npt.NDArray[np.uint64]]:
    """Hash the n-grams of texts, and say where those of each text begin (and one more: how many there are)."""
    num_words = np.diff(firsts)
    padded = np.concatenate([words, np.zeros(num - 1, np.uint64)])
    hashes = words.copy()
    for place in range(1, num):
        hashes *= _STEP
        hashes += padded[place : place + len(words)]
    is_ngram = np.ones(len(words), dtype=bool)
    short = (num_words < num) & (num_words > 0)
    # The last words of a text begin no n-gram of it.
    long_ends = firsts[1:][num_words >= num]
    is_ngram[(long_ends[:, None] - np.arange(1, num)).ravel()] = False
    for first, count in zip(firsts[:-1][short].tolist(), num_words[short].tolist(), strict=True):
        whole = np.zeros(1, np.uint64)
        for place in range(num):
            whole *= _STEP
            whole += words[first + place] if place < count else np.uint64(0)
        hashes[first] = whole[0]
        is_ngram[first + 1 : first + count] = False
    ngrams = hashes[is_ngram]
    _mix(ngrams)
    counts = np.where(short, 1, np.maximum(num_words - num + 1, 0))
    return ngrams, np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)


def _mix(hashes: Hashes) -> None:
    """Make every bit depend on every bit, in place (the finalizer of SplitMix64)."""
    hashes ^= hashes >> np.uint64(30)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)


@cache
def _small_letters() -> Codes:
    """Give for each code point its small letter, 0 if it is neither letter nor digit."""
    table = np.zeros(_NUM_CODES, dtype=np.uint32)
    for code in range(_NUM_CODES - 1):
        letter = chr(code)
        if letter.isalnum():
            small = letter.lower()
            table[code] = ord(small) if len(small) == 1 else code
    return table


@cache
def _letter_hashes() -> Hashes:
    """Give for each code point a number without pattern, and 0 for 0."""
    table = np.arange(_NUM_CODES, dtype=np.uint64) * _STEP
    _mix(table)
    return table


@lru_cache(maxsize=8)
def _powers(base: int, size: int) -> Hashes:
    powers = np.full(size, base, dtype=np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)
