"""Numbers in Portuguese text: digits with either separator, number words, dozens and millions, nothing else.

Separators follow Portuguese use when they are ambiguous: ``1.234`` is over a thousand and ``1,234``
a little over one. A percentage is its number (``12 %`` is 12) and a fraction its quotient (``1/2`` is 0.5). Ordinals
(``3.º``) are not amounts, nor are plurals without a number (``milhares de pessoas``). A billion is what each country
calls one: ``mil milhões`` and Brazilian ``bilhão`` are 10⁹, European ``bilião`` is 10¹².

Not covered: fractions in words but for a half (``dois e meio``), mixed numbers (``1 1/2``), dates and times, scientific
notation, Roman numerals, units in front of a magnitude (``3 M€`` is 3).
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from amalia.evaluate.denials import affirmed

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
_WORDS = _UNITS | _TEENS | _TENS | _HUNDREDS
_NONE = frozenset({"nenhum", "nenhuma"})
# Multiply what stands before them.
_SCALES = {
    "mil": 10**3, "milhar": 10**3, "milhares": 10**3, "milhão": 10**6, "milhões": 10**6, "bilhão": 10**9,
    "bilhões": 10**9, "bilião": 10**12, "biliões": 10**12, "trilhão": 10**12, "trilhões": 10**12,
    "dezena": 10, "dezenas": 10, "dúzia": 12, "dúzias": 12, "centena": 100, "centenas": 100, "par": 2,
}  # fmt: skip
_HALF = frozenset({"meio", "meia"})
# Things that come in one piece and are called a pair.
_ONE_PAIR = re.compile(
    r"\s+de\s+(?:óculos|binóculos|calças|calções|jeans|cuecas|collants|tesouras|alicates)\b"
)

_WORD = r"[^\W\d_]+"
_DIGITS = re.compile(
    r"""(?<![\w.,])
    (?P<sign>[-−–](?=\d))?
    (?P<body>\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?(?!\d) | \d++(?:[.,]\d++)*+)
    (?:(?<!/\d)(?<!/\d\d)/(?P<under>[1-9]\d{0,2})(?![\d/]|[.,]\d))?
    (?!\.?[ºª])""",
    re.VERBOSE,
)
_TOKEN = re.compile(rf"{_DIGITS.pattern} | (?P<word>{_WORD})", re.VERBOSE)
_PERCENT = re.compile(r"\bpor\s+cento\b")
_MINUS = re.compile(r"(?<!\bpelo )(?<!\bao )(?<!\bou )\bmenos\s+$")
_BELOW = re.compile(r"\s+(?:graus?\s+)?negativ[oa]s?\b")
# An answer that states a result after other numbers: the number behind the cue is the answer.
_CUE_BEFORE = re.compile(
    r"(?:\b(?:resposta|resultado|total|soma|ao todo|portanto|logo|por isso|por conseguinte|ou seja|então|conclusão"
    r"|afinal|na verdade|na realidade|dá|dão|perfaz|igual a|obtemos|obtém-se)|=)"
    r"(?:[\s,]+(?:final|certa|correta|de|é|são|seria|será|há|dá|temos|fica|ficam|conto|vejo|no|em|total|ao todo))*"
    r"[\s:=*,]*$"
    r"|\b(?:mais|menos|vezes)\s+\S+\s+(?:são|é|faz|fazem)\s+$"
)
_CUE_AFTER = re.compile(r"[\s*]*(?:ao todo|no total|em total|ao total)\b")
_MAX_CUE = 80
# Two numbers to choose from are no answer.
_OR = re.compile(rf"(?:\s+{_WORD})?\s+ou\s+(?:talvez\s+)?")
_BETWEEN = re.compile(r"\bentre\s+$")
_AND = re.compile(rf"(?:\s+{_WORD})?\s+e\s+")
_COUNT_ON = re.compile(r"\W+(?:e\s+)?")
_LEAST_COUNTED = 3
_SPOKEN_COMMA = re.compile(r"\s+vírgula\s+")
# "um" is a numeral, not an article, behind one of these …
_COUNTING = re.compile(
    r"(?:^|\b(?:só|apenas|somente|exatamente|há|vejo|vê-se|existe|tem|são|conto|aparece|está|estão)|[:=])"
    r"[\s*«\"]*$"
)
# … or before one of these, but never inside one of these.
_ALONE_AFTER = re.compile(r"[\s*»\"]*(?:$|[.,;!?)\n]|(?:só|apenas|únic[oa])\b)")
_IDIOM = re.compile(r"\s+(?:d[oae]s?\b|pouco\b|por\b|ao lado\b)")


@dataclass(frozen=True, slots=True)
class _Found:
    value: float
    start: int
    end: int
    article: bool = False


def number(text: str) -> float | None:
    """Read the number an answer gives.

    What is denied does not count (``não são 3, são 4``). When there are several, one at a cue wins (``no total``,
    ``resposta``, ``logo``, ``=``), else the first: short answers state the number and then explain. Two with ``ou``
    between them are no answer. ``um`` and ``uma`` count only where they are the number (``há um``, ``só uma``,
    ``um.``) and only if there is no other. ``nenhum`` is 0.

    Args:
        text: an answer in Portuguese; figures with either decimal separator.

    Returns:
        The number, or None when there is none.
    """
    lowered, found = _numbers(text)
    plain = [item for item in found if not item.article]
    plain = plain if len(counted := _counted(lowered, found)) < _LEAST_COUNTED else counted[-1:]
    chosen = next((item for item in reversed(plain) if _is_result(lowered, item)), None)
    if chosen is None:
        if any(_is_choice(lowered, *pair) for pair in pairwise(found)):
            return None
        numerals = plain or [item for item in found if _is_numeral(lowered, item)]
        chosen = numerals[0] if numerals else None
    return None if chosen is None else chosen.value


def is_spelled(text: str) -> bool:
    """Tell whether a text is one number in words and nothing else."""
    plain = _PERCENT.sub(" ", unicodedata.normalize("NFC", text).casefold()).strip(" .!").split()
    known = {"e", *_NONE, *_HALF, *_WORDS, *_SCALES}
    return known.issuperset(plain) and len(_numbers(text)[1]) == 1


def amounts(text: str) -> list[float]:
    """Read all numbers of a text in their order, without what is denied and without articles."""
    return [item.value for item in _numbers(text)[1] if not item.article]


def _numbers(text: str) -> tuple[str, list[_Found]]:
    """Find the numbers, in order, and the text in which their places count."""
    lowered = unicodedata.normalize("NFC", text).casefold()
    lowered = _PERCENT.sub(lambda match: " " * len(match.group()), lowered)
    left = affirmed(lowered)
    tokens = list(_TOKEN.finditer(left))
    found = [
        _Found(0.0, match.start(), match.end())
        for match in re.finditer(_WORD, lowered)
        if match.group() in _NONE
    ]
    place = 0
    while place < len(tokens):
        item, place = _amount(left, tokens, place) or (None, place + 1)
        found += [item] if item else []
    return left, _with_spoken_commas(left, sorted(found, key=lambda item: item.start))


def _amount(text: str, tokens: list[re.Match[str]], place: int) -> tuple[_Found, int] | None:
    """Read the number that starts at a token: what was found, and the place of the token behind it."""
    sum_ = _Sum()
    end = place
    if tokens[place]["word"] in _HALF and _word_at(tokens, place + 1) in _SCALES:
        sum_.rest, end = 0.5, place + 1
    elif not sum_.takes(tokens[place], first=True):
        return None
    else:
        end = place + 1
    while end < len(tokens):
        joined = _word_at(tokens, end) == "e"
        following = end + joined
        if following >= len(tokens) or not _side_by_side(text, tokens[end - 1 : following + 1]):
            break
        if joined and tokens[following]["word"] in _HALF:
            if _word_at(tokens, following + 1) in _SCALES or not sum_.takes_half():
                break
        elif (joined and tokens[following]["word"] in _SCALES) or not sum_.takes(tokens[following]):
            break
        end = following + 1
    first, last = tokens[place], tokens[end - 1]
    value = sum_.value
    if last["word"] == "par" and _ONE_PAIR.match(text, last.end()):
        value = 1.0
    before = max(0, first.start() - _MAX_CUE), first.start()
    if first["sign"] or _MINUS.search(text, *before) or _BELOW.match(text, last.end()):
        value = -value
    article = end == place + 1 and first["word"] in ("um", "uma")
    return _Found(value, first.start(), last.end(), article), end


def _word_at(tokens: list[re.Match[str]], place: int) -> str | None:
    return tokens[place]["word"] if place < len(tokens) else None


def _side_by_side(text: str, tokens: list[re.Match[str]]) -> bool:
    return all(text[one.end() : next_.start()].isspace() for one, next_ in pairwise(tokens))


@dataclass(slots=True)
class _Sum:
    """Adds up the words and figures of one number, from left to right."""

    groups: float = 0.0
    """Whole millions and what is above them."""
    thousands: float = 0.0
    rest: float = 0.0
    room: float = inf
    """Below this another word may follow (after ``vinte``, the units)."""
    scale: float = inf
    """Of the last group."""
    unit: float = 1.0
    """What a half that follows is half of; 0 where none can."""

    @property
    def value(self) -> float:
        return self.groups + self.thousands + self.rest

    def takes(self, token: re.Match[str], *, first: bool = False) -> bool:
        """Add a word or figure, if the number can go on with it."""
        word = token["word"]
        if word in _SCALES:
            return self._multiplies(word, _SCALES[word], first=first)
        if word is not None and word not in _WORDS:
            return False
        value = _figure(token) if word is None else float(_WORDS[word])
        # «12 mil 500», but not «vinte 3»; «zero» and «-3» only begin.
        follows = 0 < value < self.room and (word is not None or self.room >= 1000)
        if not first and (not follows or token["sign"]):
            return False
        self.rest += value
        self.unit = 1.0
        self.room = 0 if word is None or value < 20 else 10 if value < 100 else 100
        return True

    def takes_half(self) -> bool:
        """Add a half of what was said last."""
        if not self.unit:
            return False
        self.rest += self.unit / 2
        self.room = self.unit = 0.0
        return True

    def _multiplies(self, word: str, scale: int, *, first: bool) -> bool:
        small = self.thousands + self.rest
        if scale < 1000:
            if small != self.rest or not self.rest or self.groups or self.unit != 1:
                return False
            if word == "par" and self.rest != 1:
                return False
            self.rest, self.room = self.rest * scale, 0.0
        elif scale == 1000:
            if self.thousands or not (self.rest or (first and word == "mil")):
                return False
            self.thousands, self.rest, self.room = (self.rest or 1) * scale, 0.0, 1000.0
        elif not small or scale >= self.scale:
            return False
        else:
            self.groups, self.scale = self.groups + small * scale, scale
            self.thousands, self.rest, self.room = 0.0, 0.0, 1000.0
        self.unit = float(scale)
        return True


def _figure(match: re.Match[str]) -> float:
    value = _decimal(match["body"])
    return value / int(match["under"]) if match["under"] else value


def _decimal(body: str) -> float:
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


def _with_spoken_commas(text: str, found: list[_Found]) -> list[_Found]:
    """Join «três vírgula cinco» to one number."""
    joined: list[_Found] = []
    for item in found:
        last = joined[-1] if joined else None
        if last and _SPOKEN_COMMA.fullmatch(text[last.end : item.start]) and item.value >= 0:
            value = last.value + item.value / 10 ** len(f"{item.value:.0f}")
            joined[-1] = _Found(value, last.start, item.end)
        else:
            joined.append(item)
    return joined


def _is_result(text: str, item: _Found) -> bool:
    before = max(0, item.start - _MAX_CUE), item.start
    return bool(_CUE_BEFORE.search(text, *before) or _CUE_AFTER.match(text, item.end))


def _counted(text: str, found: list[_Found]) -> list[_Found]:
    """Give the numbers with which an answer begins to count: «1, 2, 3»."""
    last = 0
    for item in found:
        gap = text[found[last - 1].end : item.start] if last else ""
        if item.value != last + 1 or (last and not _COUNT_ON.fullmatch(gap)):
            break
        last += 1
    return found[:last]


def _is_choice(text: str, one: _Found, other: _Found) -> bool:
    """Tell whether two numbers are given to choose from: «3 ou 4», «entre 3 e 5»."""
    gap = text[one.end : other.start]
    if _OR.fullmatch(gap):
        return True
    return bool(
        _AND.fullmatch(gap) and _BETWEEN.search(text, max(0, one.start - _MAX_CUE), one.start)
    )


def _is_numeral(text: str, item: _Found) -> bool:
    if _IDIOM.match(text, item.end):
        return False
    before = max(0, item.start - _MAX_CUE), item.start
    return bool(_COUNTING.search(text, *before) or _ALONE_AFTER.match(text, item.end))
