from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from amalia.corpus import signatures
from amalia.corpus.signatures import (
    ACROSS_COLLECTIONS,
    MinHashSettings,
    band_hashes,
    chance,
    identity,
    jaccard,
    ngram_hashes,
    signature,
    signatures_of,
    text_digest,
)
from amalia.errors import MissingExtra

WITHIN = MinHashSettings()
TEXT = "A câmara aprovou ontem o orçamento para o próximo ano, com os votos da maioria."
SAME_WORDS = [
    "a CÂMARA aprovou ontem; o orçamento — para o próximo ano com os votos da maioria",
    "\n\n  A câmara aprovou\tontem o orçamento para o próximo ano, com os votos da maioria...",
    unicodedata.normalize("NFD", TEXT),
]
OTHER_WORDS = [
    "A camara aprovou ontem o orcamento para o proximo ano, com os votos da maioria.",
    "A câmara aprovou ontem o orçamento para o próximo ano, com os votos da maioria. 1",
    "A câmara aprovou on tem o orçamento para o próximo ano, com os votos da maioria.",
    "Ontem a câmara aprovou o orçamento para o próximo ano, com os votos da maioria.",
    "",
]


def plain_words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text).lower())


def plain_digest(text: str) -> bytes:
    joined = "\0".join(plain_words(text)).encode("utf-32-le")
    return hashlib.blake2b(joined, digest_size=16).digest()


@pytest.mark.parametrize("text", SAME_WORDS)
def test_case_spaces_punctuation_and_composition_do_not_count(text: str) -> None:
    assert text_digest(text) == text_digest(TEXT)
    assert (signature(text, WITHIN) == signature(TEXT, WITHIN)).all()


@pytest.mark.parametrize("text", OTHER_WORDS)
def test_other_words_have_another_digest(text: str) -> None:
    assert text_digest(text) != text_digest(TEXT)


# Without letters whose small form is two letters, or depends on the letters around.
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="İΣ"), max_size=40)


@given(PLAIN)
def test_the_digest_is_that_of_the_words(text: str) -> None:
    assert text_digest(text) == plain_digest(text)


@given(st.lists(st.text(max_size=30), max_size=8))
def test_many_texts_are_signed_as_each_alone(texts: list[str]) -> None:
    settings = MinHashSettings(ngram_words=2, num_bands=2, rows_per_band=2)
    many = signatures_of(texts, settings)
    assert len(many) == len(texts)
    for place, text in enumerate(texts):
        alone = signatures_of([text], settings)
        assert (many.bands[:, place] == alone.bands[:, 0]).all()
        assert many.digests[place].tobytes() == text_digest(text)
        assert many.num_words[place] == alone.num_words[0]


@given(st.lists(st.sampled_from("ab rua Évora 1974 -".split(" ")), max_size=12), st.integers(1, 6))
def test_ngrams_are_told_apart_as_those_of_a_plain_program(words: list[str], num: int) -> None:
    text = " ".join(words)
    known = plain_words(text)
    wanted = (
        [tuple(known[i : i + num]) for i in range(max(1, len(known) - num + 1))] if known else []
    )
    hashes = ngram_hashes(text, num).tolist()
    assert len(hashes) == len(wanted)
    assert len(set(hashes)) == len(set(wanted))
    assert len(dict(zip(wanted, hashes, strict=True))) == len(set(zip(wanted, hashes, strict=True)))


def test_numbers_are_the_same_in_all_versions() -> None:
    assert text_digest(TEXT).hex() == "a2f68592f908fa2479d04d8cd3cd9c8f"
    assert ngram_hashes(TEXT, 5)[:2].tolist() == [10891802079921204525, 4616945107164826477]
    assert signature(TEXT, WITHIN)[:4].tolist() == [1392981374, 3233866834, 3311586732, 3372315944]
    hashes = signatures_of([TEXT], WITHIN).bands
    assert hashes[[0, 13], 0].tolist() == [13424435144746738187, 18091154936372914857]
    assert identity(WITHIN)["rensa_algorithm"] == 2


def test_numbers_are_the_same_in_another_process() -> None:
    program = (
        "import sys; from amalia.corpus.signatures import *; "
        "sys.stdout.write(str(signature(sys.argv[1], MinHashSettings()).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, TEXT], capture_output=True, text=True, check=True
    )
    assert done.stdout == str(signature(TEXT, WITHIN).tolist())


def test_a_seed_makes_other_numbers_of_the_same_words() -> None:
    other = MinHashSettings(seed=2)
    assert (signature(TEXT, WITHIN) != signature(TEXT, other)).all()


def test_a_text_shorter_than_an_ngram_is_like_none_but_itself() -> None:
    short = ["Página não encontrada", "PÁGINA não encontrada.", "Página encontrada", "Página", ""]
    signed = signatures_of(short, WITHIN)
    assert signed.num_words.tolist() == [3, 3, 2, 1, 0]
    assert (signed.bands[:, 0] == signed.bands[:, 1]).all()
    assert all(len(set(band)) == 4 for band in signed.bands.tolist())
    assert jaccard(short[0], short[1], WITHIN) == 1
    assert jaccard(short[0], short[2], WITHIN) == 0
    assert jaccard("", "…", WITHIN) == 1
    assert jaccard("", "Página", WITHIN) == 0


def test_likeness_of_texts_that_a_person_can_count() -> None:
    settings = MinHashSettings(ngram_words=2)
    # In common: «o gato», «gato dorme»; in one only: «dorme aqui», «dorme ali».
    assert jaccard("O gato dorme aqui.", "o gato dorme ali", settings) == 0.5
    assert jaccard("o gato dorme ali", "O gato dorme aqui.", settings) == 0.5


FEW_WORDS = st.lists(st.sampled_from("sol mar rio".split()), max_size=8).map(" ".join)


@given(FEW_WORDS, FEW_WORDS)
def test_likeness_is_mutual_and_each_text_is_like_itself(first: str, second: str) -> None:
    settings = MinHashSettings(ngram_words=2)
    value = jaccard(first, second, settings)
    assert 0 <= value <= 1
    assert value == jaccard(second, first, settings)
    assert jaccard(first, first, settings) == 1


def test_rows_agree_as_often_as_the_texts_are_alike() -> None:
    rng = np.random.default_rng(1)
    words = np.array([f"palavra{number}" for number in range(5000)])
    first = rng.choice(words, 400)
    settings = MinHashSettings(num_bands=128, rows_per_band=8)
    for num_changed in (2, 10, 40):
        second = first.copy()
        second[rng.choice(400, num_changed, replace=False)] = "outra"
        pair = " ".join(first), " ".join(second)
        rows = np.array([signature(text, settings) for text in pair])
        agree = (rows[0] == rows[1]).mean()
        # 1,024 rows: three standard deviations.
        assert agree == pytest.approx(jaccard(*pair, settings), abs=0.05)


def test_bands_of_many_texts_are_those_of_their_signatures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signatures, "BLOCK_CHARS", 40)
    texts = [f"O ano de {year} foi de muita chuva e de pouco vinho." for year in range(1800, 1950)]
    rows = np.array([signature(text, WITHIN) for text in texts])
    assert (signatures_of(texts, WITHIN).bands == band_hashes(rows, WITHIN)).all()
    assert signatures_of([], WITHIN).bands.shape == (14, 0)


def test_bands_are_hashed_by_all_their_rows_and_by_their_number() -> None:
    settings = MinHashSettings(num_bands=3, rows_per_band=2)
    rows = np.array([[1, 2, 1, 2, 3, 4], [1, 2, 2, 1, 3, 5]], dtype=np.uint32)
    hashes = band_hashes(rows, settings)
    assert hashes.shape == (3, 2)
    assert hashes[0, 0] == hashes[0, 1]
    assert len(np.unique(hashes)) == 5


def test_texts_longer_than_a_block_and_strange_characters_are_signed() -> None:
    long = "muitas palavras " * (signatures.BLOCK_CHARS // 8)
    strange = "par \ud800 \U0010ffff \U00032400 𝐚𝐛𝐜 fim"
    signed = signatures_of(["a b", long, strange, "a b"], WITHIN)
    assert signed.num_words.tolist() == [2, 2 * (signatures.BLOCK_CHARS // 8), 3, 2]
    assert (signed.bands[:, 0] == signed.bands[:, 3]).all()


def test_settings_say_how_alike_texts_have_to_be() -> None:
    assert [round(chance(s, WITHIN), 2) for s in (0.5, 0.72, 0.9)] == [0.05, 0.65, 1.0]
    assert [round(chance(s, ACROSS_COLLECTIONS), 2) for s in (0.5, 0.78, 0.9)] == [0.0, 0.62, 1.0]


def test_settings_out_of_bounds_are_refused() -> None:
    with pytest.raises(ValidationError, match="ngram_words"):
        MinHashSettings(ngram_words=0)


def test_without_rensa_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rensa", None)
    with pytest.raises(MissingExtra, match=r"amalia\[corpus\]"):
        signature(TEXT, WITHIN)
