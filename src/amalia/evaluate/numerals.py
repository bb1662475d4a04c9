"""Numbers in Portuguese text: digits with either separator, number words, nothing else.

Separators follow Portuguese use when they are ambiguous: ``1.234`` is over a thousand and ``1,234``
a little over one. A percentage is its number (``12 %`` is 12). Ordinals (``3.º``) are not amounts.

Not covered: fractions (``1/2`` reads as 1), scientific notation, Roman numerals, millions in words.
"""

import re
import unicodedata
from dataclasses import dataclass

_UNITS = {
    "zero": 0, "um": 1, "uma": 1, "dois": 2, "duas": 2, "três": 3, "tres": 3, "quatro": 4,
    "cinco": 5, "seis": 6, "sete": 7, "oito": 8, "nove": 9,
}  # fmt: skip
_TEENS = {
    "dez": 10, "onze": 11, "doze": 12, "treze": 13, "catorze": 14, "quatorze": 14, "quinze": 15,
    "dezasseis": 16, "dezesseis": 16, "dezassete": 17, "dezessete": 17, "dezoito": 18,
    "dezanove": 19, "dezenove": 19,
}  # fmt: skip
_TENS = {
    "vinte": 20, "trinta": 30, "quarenta": 40, "cinquenta": 50, "sessenta": 60, "setenta": 70,
    "oitenta": 80, "noventa": 90,
}  # fmt: skip
_HUNDREDS = {"cem": 100, "cento": 100} | {
    stem + ending: value
    for stem, value in (
        ("duzent", 200), ("trezent", 300), ("quatrocent", 400), ("quinhent", 500),
        ("seiscent", 600), ("setecent", 700), ("oitocent", 800), ("novecent", 900),
    )
    for ending in ("os", "as")
}  # fmt: skip
_WORDS = _UNITS | _TEENS | _TENS | _HUNDREDS | {"mil": 1000}
_NONE = frozenset({"nenhum", "nenhuma"})

_WORD = re.compile(r"[^\W\d_]+")
_DIGITS = re.compile(
    r"""(?<![\w.,])
    (?P<sign>[-−–](?=\d))?
    (?P<body>\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?(?!\d) | \d++(?:[.,]\d++)*+)
    (?!\.?[ºª])""",
    re.VERBOSE,
)
_PERCENT = re.compile(r"\bpor\s+cento\b")
_MINUS = re.compile(r"(?<!\bpelo )(?<!\bao )(?<!\bou )\bmenos\s+$")
# An answer that states a result after other numbers: the number behind the cue is the answer.
_CUE_BEFORE = re.compile(
    r"(?:\bresposta|\bresultado|\btotal|\bao todo|=)(?:\s+(?:final|de|é))*[\s:=*]*$"
)
_CUE_AFTER = re.compile(r"^[\s*]*(?:ao todo|no total)\b")
# "um" is a numeral, not an article, behind one of these …
_COUNTING = re.compile(
    r"(?:^|\b(?:só|apenas|somente|exatamente|há|vejo|vê-se|existe|tem|são|conto|aparece|está|estão)|[:=])"
    r"[\s*«\"]*$"
)
# … or before one of these, but never inside one of these.
_ALONE_AFTER = re.compile(r"^[\s*»\"]*(?:$|[.,;!?)\n]|(?:só|apenas|únic[oa])\b)")
_IDIOM = re.compile(r"^\s+(?:d[oae]s?\b|pouco\b|por\b|ao lado\b)")


@dataclass(frozen=True, slots=True)
class _Found:
    value: float
    start: int
    end: int
    article: bool = False


def number(text: str) -> float | None:
    """Read the number an answer gives.

    When there are several, one at a cue wins (``no total``, ``resposta``, ``=``), else the first:
    short answers state the number and then explain. ``um`` and ``uma`` count only where they are
    the number (``há um``, ``só uma``, ``um.``) and only if there is no other. ``nenhum`` is 0.

    Args:
        text: an answer in Portuguese; figures with either decimal separator.

    Returns:
        The number, or None when there is none.
    """
    lowered = unicodedata.normalize("NFC", text).casefold()
    lowered = _PERCENT.sub(lambda match: " " * len(match.group()), lowered)
    found = sorted([*_figures(lowered), *_spelled(lowered)], key=lambda item: item.start)
    plain = [item for item in found if not item.article]
    for item in reversed(plain):
        if _CUE_BEFORE.search(lowered[: item.start]) or _CUE_AFTER.search(lowered[item.end :]):
            return item.value
    if plain:
        return plain[0].value
    for item in found:
        if _is_numeral(lowered, item):
            return item.value
    return None


def _figures(text: str) -> list[_Found]:
    found = []
    for match in _DIGITS.finditer(text):
        value = _figure(match["body"])
        negative = match["sign"] is not None or _MINUS.search(text[: match.start()]) is not None
        found.append(_Found(-value if negative else value, match.start(), match.end()))
    return found


def _figure(body: str) -> float:
    """Value of digits with separators; a list such as ``1,2,3`` gives its first member."""
    compact = re.sub(r"[ \u00a0\u202f]", "", body)
    dots, commas = compact.count("."), compact.count(",")
    if dots and commas:
        decimal = max(".", ",", key=compact.rfind)
        thousands = "," if decimal == "." else "."
        if compact.count(decimal) == 1:
            return float(compact.replace(thousands, "").replace(decimal, "."))
    elif dots + commas > 1:
        if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", compact):
            return float(re.sub(r"[.,]", "", compact))
    elif dots == 1 and re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", compact):
        return float(compact.replace(".", ""))
    else:
        return float(compact.replace(",", "."))
    return float(re.split(r"[.,]", compact)[0])


def _spelled(text: str) -> list[_Found]:
    """Find runs of number words joined by blanks or ``e``, as one number each."""
    words = list(_WORD.finditer(text))
    found: list[_Found] = []
    position = 0
    while position < len(words):
        start, end = words[position].start(), words[position].end()
        word = words[position].group()
        if word in _NONE:
            found.append(_Found(0.0, start, end))
        elif word in _WORDS:
            value, last = _compound(text, words, position)
            article = last == position and word in ("um", "uma")
            negative = _MINUS.search(text[:start]) is not None
            end = words[last].end()
            found.append(_Found(float(-value if negative else value), start, end, article))
            position = last
        position += 1
    return found


def _compound(text: str, words: list[re.Match[str]], position: int) -> tuple[int, int]:
    """Compute the number that starts at a word, and the position of its last word."""
    total, current = 0, 0
    last = position
    while True:
        value = _WORDS[words[last].group()]
        if value == 1000:
            total, current = (current or 1) * 1000, 0
        else:
            current += value
        step = _next_numeral(text, words, last)
        if step is None:
            return total + current, last
        upcoming = _WORDS[words[step].group()]
        multiplies = upcoming == 1000 and total == 0 and current > 0
        if not (multiplies or 0 < upcoming < _room(value)):
            return total + current, last
        last = step


def _room(value: int) -> int:
    """Say below which value another word may follow this one (after ``vinte``, the units)."""
    if value >= 1000:
        return 1000
    if value >= 100:
        return 100
    return 10 if value >= 20 else 0


def _next_numeral(text: str, words: list[re.Match[str]], position: int) -> int | None:
    following = position + 1
    if following < len(words) and words[following].group() == "e":
        following += 1
    if following >= len(words) or words[following].group() not in _WORDS:
        return None
    between = text[words[position].end() : words[following].start()]
    return following if re.fullmatch(r"\s+(?:e\s+)?", between) else None


def _is_numeral(text: str, item: _Found) -> bool:
    if _IDIOM.search(text[item.end :]):
        return False
    return bool(_COUNTING.search(text[: item.start]) or _ALONE_AFTER.search(text[item.end :]))
