"""What is left of an answer without what it denies: «Não é um gato, é um cão.» says «é um cão».

Denied is a clause with «não», «nem» or «nunca»: from the word on to the next comma, stop or «mas», and back to the
beginning of the clause where a verb follows («a vermelha não é»). So is what stands behind «em vez de» or «ao contrário
de», what something only seemed to be («parece 3, mas são 4»), and a question before its answer.

Not covered: a list that goes on behind a comma («não é um gato, um cão ou um pato»), irony, and two denials that
cancel, but for «não há dúvida», «não só» and «não … senão».
"""

import re
import unicodedata

_VERBS = (
    r"(?:é|são|está|estão|tem|têm|há|pode|podem|parece|parecem|fica|ficam|foi|foram|era|eram|será|serão|seria|seriam"
    r"|existe|existem|aparece|aparecem|vale|mede|sei|creio|acho|penso|se|me)"
)
_STOP = r"(?:[;:!?\n()—–]|(?<!\d)[,.]|[,.](?!\d)|\s-\s)"
# Where a clause ends without a comma.
_TURN = r"(?:\b(?:mas|porém|porque|pois|embora|antes|e sim|e é|e são|e está|e estão)\b)"
# «não» that denies nothing …
_BARELY = re.compile(
    r"\bnão\s+(?:só|apenas|somente|obstante)\b"
    r"|\bnão\b[^.,;:!?\n]{0,40}\b(?:outr[ao]s?|mais\s+(?:do\s+)?que|mais\s+de|passam?\s+de)\b",
    re.IGNORECASE,
)
# … and what says no more than that something is sure.
_SURELY = re.compile(
    r"\b(?:não|nem)\b[^.,;:!?\n]{0,30}\bdúvidas?\b(?:\s+de)?(?:\s+que)?"
    r"|\bnão\b[^.,;:!?\n]{0,40}\b(?:senão|a\s+não\s+ser)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    rf"(?P<joined>(?:[,;]\s*(?:(?:e|ou|mas)\s+)?|\b(?:e|ou|mas)\s+)?)\b(?:não|nao|nem|nunca)\b"
    rf"(?:\s+(?P<verb>{_VERBS})\b)?(?P<rest>(?:(?!{_STOP}|{_TURN}|\s+(?P=verb)\b).)*)"
    rf"(?:[\s,;.]*\b(?:mas\s+sim|mas|e\s+sim|antes)\b)?",
    re.IGNORECASE | re.DOTALL,
)
# Behind one of these begins the clause in which «não» stands.
_BEFORE = re.compile(
    rf"{_STOP}|\b(?:e|ou|mas|que|porque|pois|se|embora|quando|onde|como|enquanto)\b", re.IGNORECASE
)
_MAX_CLAUSE = 200
_INSTEAD = re.compile(
    r"(?:[,;]\s*)?\b(?:em vez d|em lugar d|ao invés d|ao contrário d|à exceção d)(?:e|o|a|os|as)\b"
    rf"(?:(?!{_STOP}|{_TURN}).)*",
    re.IGNORECASE | re.DOTALL,
)
_SEEMED = re.compile(
    r"\b(?:parec\w+|podia\w*|poderia\w*|pens(?:ei|ava)|cont(?:ei|ava)|lembra\w*|à primeira vista)\b[^!?\n]{0,80}?"
    r"\bmas\s+(?=(?:é|são|há|está|estão|na verdade|na realidade|afinal|trata-se|de facto)\b)",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"(?:^|(?<=[.!?\n]))[^.!?\n]*\?")


def affirmed(text: str) -> str:
    """Take away what an answer denies; blanks stand in its place.

    Returns:
        The text, composed (NFC) and as long as it was; only blanks and punctuation where all of it is denied.
    """
    text = unicodedata.normalize("NFC", text)
    without = _QUESTION.sub(_blank, text)
    if any(char.isalnum() for char in without):
        text = without
    for pattern in (_SURELY, _SEEMED, _INSTEAD):
        text = pattern.sub(_blank, text)
    barely = [match.span() for match in _BARELY.finditer(text)]
    kept, place = "", 0
    for match in _DENIED.finditer(text):
        if any(start < match.end() and match.start() < end for start, end in barely):
            continue
        kept += text[place : match.start()]
        place = match.end()
        # «A vermelha não é.» and «a vermelha não» deny what stands before as well.
        reaches_back = not match["joined"] and (match["verb"] or not match["rest"].strip())
        start = _clause_start(kept) if reaches_back else len(kept)
        kept = kept[:start] + " " * (place - start)
    return kept + text[place:]


def _clause_start(text: str) -> int:
    """Find where the last clause of a text begins."""
    first = max(0, len(text) - _MAX_CLAUSE)
    return max((found.end() for found in _BEFORE.finditer(text, first)), default=first)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())
