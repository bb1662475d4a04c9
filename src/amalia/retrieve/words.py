"""Portuguese text as words to search by: folded, stemmed, without those that say nothing; and sentences.

The stemmer is a light one of our own. What it must do, and the usual one for Portuguese does not, is join the
plurals in -ões and -ais with their singulars: «exposições» must find «exposição». It works on words without
accents, because many questions are typed so, and it joins too much rather than too little.

Not covered: irregular verbs («fui», «ir»), Latin plurals, compound words («guarda-chuvas» is two words), other
languages than Portuguese (English words keep their endings but for an -s).
"""

from __future__ import annotations

import re
from functools import lru_cache

from amalia.variety.unaccented import fold

WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")

# Articles, pronouns, prepositions and their contractions, conjunctions, forms of ser, estar, ter, haver and ir, and
# the words questions are asked with. Without accents.
STOP_WORDS = frozenset(
    """
a o as os um uma uns umas ao aos da do das dos na no nas nos num numa nuns numas dum duma pela pelo pelas
pelos de em por para com sem sob sobre entre ate desde apos contra perante segundo durante e ou mas nem que
se como quando onde porque pois porem contudo embora caso enquanto logo portanto tambem ainda ja so apenas mais
menos muito muita muitos muitas pouco tao tanto assim aqui ali la ca ai eu tu ele ela nos vos eles elas me te lhe
lhes mim ti si comigo contigo consigo connosco conosco convosco isto isso aquilo este esta estes estas esse essa
esses essas aquele aquela aqueles aquelas neste nesta nestes nestas nesse nessa naquele naquela deste desta destes
destas desse dessa dessas desses daquele daquela meu minha meus minhas teu tua teus tuas seu sua seus suas nosso
nossa nossos nossas vosso vossa qual quais quem quanto quanta quantos quantas cujo cuja algum alguma alguns algumas
nenhum nenhuma todo toda todos todas cada outro outra outros outras mesmo mesma nao sim ser e sao era eram foi
foram sera serao seja sejam sido sendo estar esta estao estava estavam esteve estiver ter tem teem tinha tinham teve
tera ha havia houve haver vai vao ir pode podem posso podemos poder deve devem devo dever faz fazem faco fazer
fica ficam ser-lhe voce voces quer quero queria gostaria saber dizer diga diz favor obrigado obrigada
""".split()
)

_PLURALS = (
    ("oes", "ao", 4), ("aes", "ao", 4), ("aos", "ao", 4), ("ais", "al", 5), ("eis", "el", 5), ("ois", "ol", 5),
    ("uis", "ul", 5), ("ns", "m", 4), ("res", "r", 5), ("zes", "z", 4), ("ses", "s", 5), ("les", "l", 6), ("s", "", 4),
)  # fmt: skip
"""Ending, what stands in its place, and how long a word must be."""

_SUFFIXES = tuple(
    sorted(
        """
        amento imento mente idade acao icao ador edor idor adora edora idora avel ivel ismo ista ante
        ando endo indo ado ada ido ida aram eram iram avam ava iam ia arao erao irao aria eria iria
        amos emos imos asse esse isse arem erem irem ara era ira ou eu iu am em ar er ir oso osa ico ica inho inha
        """.split(),
        key=len,
        reverse=True,
    )
)
_MIN_STEM = 3


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Give the stem of a word that is folded and in lower case."""
    if len(word) < 4 or not word.isalpha():
        return word
    for ending, instead, length in _PLURALS:
        if len(word) >= length and word.endswith(ending):
            if ending != "s" or not word.endswith("ss"):
                word = word[: -len(ending)] + instead
            break
    if len(word) > 4 and word.endswith("il"):
        word = word[:-2] + "el"  # fácil, fáceis
    if len(word) > 5 and word.endswith("esa"):
        word = word[:-1]  # portuguesa, português
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _MIN_STEM:
            return word[: -len(suffix)]
    stripped = word.rstrip("s").rstrip("aeo")
    return stripped if len(stripped) >= _MIN_STEM else word


def plain_words(text: str) -> list[str]:
    """Give the words of a text folded and in lower case, numbers with them, in order."""
    return [fold(found).lower() for found in WORD.findall(text)]


def stems(text: str) -> list[str]:
    """Give what a text is searched by: stems of its words that say something, and its numbers, in order."""
    return [
        stem(word)
        for word in plain_words(text)
        if word not in STOP_WORDS and (len(word) > 1 or word.isdigit())
    ]


MARKS = r"\[\s*\d{1,2}(?:\s*(?:[,;–-]|e)\s*\d{1,2})*\s*\]"
"""A mark of a citation: [1], [1, 3], [1-3], [1 e 3]."""

_ABBREVIATIONS = frozenset(
    """
sr sra srs d dr dra eng arq prof profa exmo exma n no nos art arts pag pags p pp cf ex etc tel telef av r al
lda ltd sa st sto sta vol cap fig seg ref aprox min max jan fev mar abr jun jul ago set out nov dez
""".split()
)
_END = re.compile(rf"[.!?…]+[»”\"')\]]*(?:[ \t]*{MARKS})*(?=\s|$)")
_BEFORE_STOP = re.compile(r"([^\W\d_]*)[.]$")
_LINE_END = re.compile(
    r"(?<![ \t])[ \t]*(?:\n[ \t]*\n\s*|\n(?=[ \t]*(?:[-*•–+]|#{1,6}|\d{1,3}[.)])[ \t])\s*)"
)
_ANY_LINE_END = re.compile(r"(?<![ \t])[ \t]*\n\s*")
_SPACE = re.compile(r"\s*")


def sentences(text: str, *, lines_end: bool = False) -> list[tuple[int, int]]:
    """Give the spans of the sentences of a text, without the space between them.

    Marks of citations behind a full stop belong to the sentence before them.

    Args:
        text: Any text.
        lines_end: Whether a sentence ends with its line, as in an answer; in a file lines may be wrapped, and
            only an empty line, a heading or an item of a list ends one.
    """
    breaks = _ANY_LINE_END if lines_end else _LINE_END
    ends = {(found.start(), found.end()) for found in breaks.finditer(text)}
    for found in _END.finditer(text):
        space = _SPACE.match(text, found.end())
        after = text[space.end() : space.end() + 1] if space else ""
        if not after.islower() and not _is_abbreviated(text, found.start()):
            ends.add((found.end(), found.end()))
    spans, start = [], 0
    for end, following in [*sorted(ends), (len(text), len(text))]:
        if end >= start:
            spans.append(_trimmed(text, start, end))
            start = following
    return [(start, end) for start, end in spans if start < end]


def _is_abbreviated(text: str, stop: int) -> bool:
    """Say whether the full stop at a place stands behind an abbreviation, an initial or the number of an item."""
    if text[stop : stop + 2] == ".." or text[stop] != ".":
        return False
    before = _BEFORE_STOP.search(text[max(0, stop - 20) : stop + 1])
    word = before[1] if before else ""
    if not word:
        line = text[max(stop - 20, text.rfind("\n", max(0, stop - 20), stop) + 1) : stop].strip()
        return line.isdigit() and len(line) <= 3
    if len(word) == 1 and word.isupper():
        return True
    # «etc.» and «Lda.» also end sentences; whether this one does is seen in what follows.
    return fold(word).lower() in _ABBREVIATIONS


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
