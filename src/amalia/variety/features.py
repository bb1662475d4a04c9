"""What a linear model weighs in a text: pieces of words, words, and the skeleton of sentences.

Every feature is a hash into one table of ``TABLE_SIZE`` weights. Texts are laid out behind one
another as one array of letter codes, and all features are computed for all of them at once: the
polynomial hash of any stretch of letters is a difference of two prefix sums (Rabin and Karp).

The skeleton of a sentence keeps its function words and replaces every other word by its last
three letters, so that "está a processar" and "está a cozinhar" look alike: it speaks of grammar
and not of subjects (the delexicalisation of Portuguese variety identification).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amalia.variety.text import SEPARATOR

TABLE_BITS = 20
TABLE_SIZE = 1 << TABLE_BITS
# Beyond this many letters at once the arrays leave the cache of a core.
_CHUNK = 1 << 16
_MASK = (1 << 64) - 1
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_SLOT_BITS = 16
_DIGIT, _HYPHEN, _STOP, _COMMA = 59, 58, 60, 61
_LETTERS = "abcdefghijklmnopqrstuvwxyzàáâãäçèéêëìíîïñòóôõöùúûüýæøåß"

FUNCTION_WORDS = frozenset(
    """
a à às ao aos ainda algum alguma algumas alguns além anda andar antes após aquela aquelas aquele
aqueles aquilo aqui até através bem cá cada caso com como comigo conforme connosco conosco consigo
contigo continua continuar convosco da daquela daquele das de dela delas dele deles dentro depois
desde dessa desse desta deste deve devem dever disso disto do dois dos duas dum duma dumas duns
durante e é ela elas ele eles em embora então entre era eram essa essas esse esses esta está
estamos estão estar estas estava estavam este esteja estejam estejamos estes esteve estive estiver
estivera estiverem estivesse estivessem estivemos estou eu faz fazer feito fez fica ficar ficou foi
fomos for fora foram fosse fossem foste fui gente há haja hajam haver hei ir isso isto já la las
lhe lhes lo logo longe los lá mais mal mas me menos mesmo meu meus minha minhas muita muitas muito
muitos na não naquela naquele naquilo nas nem nenhum nenhuma nessa nesse nesta neste nisso nisto no
nos nossa nossas nosso nossos nós num numa numas nuns né nunca o ô onde os ou outra outras outro
outros para pela pelas pelo pelos perto pode podem poder pois por porque porquê posso pouco pra pro
quais qual qualquer quando quanto que quem quer sem sempre senhor senhora ser seja sejam segundo
será serão seria seriam seu seus si sim só sob sobre somos sou sua suas são também tanto te tem
temos tenha tenham tenho ter teu teus teve tinha tinham tive tivemos toda todas todo todos três tu
tua tuas tudo tá tão têm um uma umas uns vai vamos vez você vocês vos vossa vossas vosso vossos vou
vão és
""".split()
)

Codes = NDArray[np.uint8]
Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Texts as letter codes, with a separator before each and after the last."""

    codes: Codes
    starts: Places
    """Where the separator before each text begins; one more, that of the last separator."""


def encode(joined: str, lengths: Sequence[int]) -> Encoded:
    """Turn texts into codes; letters that no Latin-1 text has become spaces.

    Args:
        joined: Texts between separators, as ``text.join_readable`` gives them.
        lengths: How many letters each text has.
    """
    small = joined.lower()
    if len(small) != len(joined):  # very few letters grow when they are made small (İ)
        small = "".join(one if len(one := letter.lower()) == 1 else " " for letter in joined)
    raw = small.encode("latin-1", "replace")
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(np.asarray(lengths, np.int64) + len(SEPARATOR), out=starts[1:])
    return Encoded(_CODES[np.frombuffer(raw, np.uint8)], starts)


def features(encoded: Encoded) -> Iterator[tuple[Places, Places]]:
    """Give all features, a family of one chunk at a time.

    A chunk ends between texts, or else, in a text longer than a chunk, so many letters after its
    beginning: the features of a text do not depend on its neighbours.

    Yields:
        The places (letters) where features begin, each at most once, and their rows of the table.
    """
    starts, left = encoded.starts, 0
    while left < starts[-1]:
        within = starts[np.searchsorted(starts, left + _CHUNK, side="right") - 1]
        right = int(within) if within > left else min(left + _CHUNK, int(starts[-1]))
        codes = encoded.codes[left : right + len(SEPARATOR)]
        for places, rows in _families(codes):
            kept = np.searchsorted(places, right - left)
            yield places[:kept] + left, rows[:kept]
        left = right


def scores(encoded: Encoded, weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum the weights of the features of each text.

    Args:
        encoded: At least one text.
        weights: Table of shape (``TABLE_SIZE``,).

    Returns:
        One sum a text, shape (number of texts,).
    """
    return _sums(_placed(encoded, weights), encoded)


def scores_and_strengths(
    encoded: Encoded, weights: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give ``scores``, and how much the words of each text say, whichever way.

    Many words that each lean a little make a large sum, and so does one that tells all; only the
    second has strength, the Euclidean norm of the sums of words.
    """
    placed = _placed(encoded, weights)
    begins = encoded.codes[: encoded.starts[-1]] == 0
    begins[encoded.starts[:-1]] = True
    first = np.flatnonzero(begins)
    words = np.add.reduceat(placed[: encoded.starts[-1]], first, dtype=np.float64)
    texts = np.searchsorted(first, encoded.starts[:-1])
    return _sums(placed, encoded), np.sqrt(np.add.reduceat(words * words, texts))


def _placed(encoded: Encoded, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum the weights of the features that begin at each letter."""
    total = np.zeros(len(encoded.codes), np.float32)
    for places, rows in features(encoded):
        total[places] += weights[rows]
    return total


def _sums(placed: NDArray[np.float32], encoded: Encoded) -> NDArray[np.float64]:
    return np.add.reduceat(placed[: encoded.starts[-1]], encoded.starts[:-1], dtype=np.float64)


def num_letters(encoded: Encoded) -> Places:
    """Count the letters of each text, without figures, marks and spaces; shape (number of texts,)."""
    is_letter = (encoded.codes > 0) & (encoded.codes < _HYPHEN)
    counts: Places = np.add.reduceat(
        is_letter[: encoded.starts[-1]], encoded.starts[:-1], dtype=np.int64
    )
    return counts


def _families(codes: Codes) -> Iterator[tuple[Places, Places]]:
    n = len(codes)
    sums = np.zeros(n + 1, np.uint64)
    np.cumsum(codes * _UP[:n], out=sums[1:])
    for family, size in enumerate((3, 4, 5)):
        if n >= size:
            last = n - size + 1
            yield _AT[:last], _row((sums[size:] - sums[:-size]) * _DOWN[:last], family)
    places, words, classes = _tokens(codes, sums)
    yield places, _row(words, 3)
    yield places[:-1], _row(words[:-1] * _KEYS[10] + words[1:] * _KEYS[11], 4)
    yield places[:-1], _row(classes[:-1] * _KEYS[10] + classes[1:] * _KEYS[11], 5)
    triples = classes[:-2] * _KEYS[10] + classes[1:-1] * _KEYS[11] + classes[2:] * _KEYS[12]
    yield places[:-2], _row(triples, 6)
    triples = words[:-2] * _KEYS[10] + words[1:-1] * _KEYS[11] + words[2:] * _KEYS[12]
    yield places[:-2], _row(triples, 7)


def _tokens(codes: Codes, sums: Hashes) -> tuple[Places, Hashes, Hashes]:
    """Give where words and marks begin, their hashes, and the hashes of their classes."""
    is_word = (codes > 0) & (codes < _STOP)
    edge = np.empty(len(codes) + 1, np.bool_)
    edge[0], edge[-1] = is_word[0], is_word[-1]
    np.not_equal(is_word[1:], is_word[:-1], out=edge[1:-1])
    edges = np.flatnonzero(edge)
    start, end = edges[0::2], edges[1::2]
    words = (sums[end] - sums[start]) * _DOWN[start]
    tail = np.maximum(start, end - 3)
    endings = (sums[end] - sums[tail]) * _DOWN[tail] * _KEYS[13] + _KEYS[14]
    slots = (words * _KEYS[15]) >> np.uint64(64 - _SLOT_BITS)
    known = _FUNCTION_SLOTS[slots.astype(np.int64)] == words
    classes = np.where(known, words, endings)
    marks = np.flatnonzero(codes >= _STOP)
    if len(marks):  # dots in a row are one mark
        marks = marks[np.concatenate((np.ones(1, np.bool_), np.diff(marks) > 2))]
    marked = codes[marks] * _KEYS[16]
    places = np.concatenate((start, marks))
    order = np.argsort(places, kind="stable")
    return (
        places[order],
        np.concatenate((words, marked))[order],
        np.concatenate((classes, marked))[order],
    )


def _row(hashes: Hashes, family: int) -> Places:
    rows: Places = ((hashes * _KEYS[family]) >> np.uint64(64 - TABLE_BITS)).astype(np.int64)
    return rows


def _codes_of_bytes() -> Codes:
    table = np.zeros(256, np.uint8)
    for code, letter in enumerate(_LETTERS, start=1):
        table[ord(letter)] = code
    for marks, code in (("0123456789", _DIGIT), ("-", _HYPHEN), (".!?;:\n", _STOP)):
        table[[ord(mark) for mark in marks]] = code
    table[[ord(mark) for mark in ',()[]"«»']] = _COMMA
    return table


def _powers(base: int, count: int) -> Hashes:
    powers = np.full(count, base, np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)


def _function_slots() -> Hashes:
    """Lay the hashes of function words into a table where one look tells whether a word is one."""
    table = np.zeros(1 << _SLOT_BITS, np.uint64)
    for word in sorted(FUNCTION_WORDS):
        codes = _CODES[np.frombuffer(word.encode("latin-1"), np.uint8)]
        value = sum(int(c) * pow(_BASE, i, 1 << 64) for i, c in enumerate(codes)) & _MASK
        table[(value * int(_KEYS[15]) & _MASK) >> (64 - _SLOT_BITS)] = value
    return table


_CODES = _codes_of_bytes()
_AT = np.arange(_CHUNK + len(SEPARATOR), dtype=np.int64)
_UP = _powers(_BASE, _CHUNK + len(SEPARATOR) + 1)
_DOWN = _powers(_INVERSE, _CHUNK + len(SEPARATOR) + 1)
_KEYS = np.array([(k * 0x9FB21C651E98DF25 | 1) & _MASK for k in range(1, 20)], np.uint64)
_FUNCTION_SLOTS = _function_slots()
