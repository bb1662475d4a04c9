"""What an answer in Portuguese says: a letter, a number, yes or no, a box, a quotation, a name.

Every function is pure and gives None for an answer that cannot be read; the task decides that this
is wrong. Nothing here knows the right answer, so parsing cannot lean towards it. The tests hold the
specification as tables of Portuguese cases.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from amalia.evaluate.numerals import number
from amalia.evaluate.phrases import stated, without_reasoning

__all__ = [
    "box",
    "contains_name",
    "known_names",
    "letter",
    "longest_name",
    "names_in",
    "normalize",
    "number",
    "quoted",
    "side",
    "stated",
    "without_reasoning",
    "yes_no",
]

Box = tuple[float, float, float, float]
YesNo = Literal["sim", "não", "não sei"]
Side = Literal["esquerda", "direita", "cima", "baixo"]

# --- letter ---------------------------------------------------------------------------------------

_OPEN = r"[\s*_\"'«“(\[{:=`–-]*"
_CLOSED = r"(?![\w'’-])"
_NOUN = r"(?:opç[aã]o|alternativa|alínea|letra|hipótese|option|answer|choice|resposta)"
_VERB = r"(?:é|será|seria|fica|deve ser|só pode ser|is)"
_NEGATED = re.compile(
    rf"\bnão (?:(?:é|será|seria|pode ser) )?(?:a )?(?:{_NOUN} )?[A-Z]{_CLOSED}"
    rf"|\bnão (?:é|será|seria|pode ser)(?: a)?(?: {_NOUN})? [a-z]{_CLOSED}"
    rf"|\b(?:[Aa] )?(?i:{_NOUN}) [A-Z]{_CLOSED}[)*_]* "
    r"(?:(?:é|está) (?:errada|falsa|incorreta)|não (?:é|está) (?:a )?(?:certa|correta))"
)
# Kings and queens: «D. João II» is no option.
_TITLE = re.compile(
    r"\bD\.\s+(?=(?:Afonso|Amélia|António|Carlos|Catarina|Dinis|Duarte|Fernando|Filipa|Filipe|Henrique|Inês"
    r"|Isabel|João|José|Leonor|Luís|Manuel|Maria|Miguel|Nuno|Pedro|Sancho|Sebastião|Teresa)\b)"
)
# "A resposta é B", "Resposta: b", "a opção correta é a (C)": the noun, a verb or sign, the letter.
_STRONG = re.compile(
    rf"\b{_NOUN}(?: (?:final|correta|certa|correct))?\s*(?:{_VERB}\b|[:=]){_OPEN}"
    rf"(?:[ao] )?(?:{_NOUN} )?{_OPEN}(?P<letter>[A-Za-z]){_CLOSED}"
    rf"|\\boxed\{{(?P<boxed>[A-Za-z])\}}",
    re.IGNORECASE,
)
# "B é a opção correta"; an E there may be the conjunction.
_SUBJECT = re.compile(
    r"(?<![\w'’-])(?P<letter>[A-DF-Z])[)*_\"»”]* (?:é|será|seria) a (?:única )?"
    r"(?:opção|alternativa|alínea|letra|hipótese|resposta|certa|correta)\b"
)
_LABELLED = re.compile(rf"\b(?i:{_NOUN}){_OPEN}(?P<letter>[A-Z]){_CLOSED}")
_MARKED = re.compile(r"(?m)^[\s*_(\[]*(?P<letter>[A-Za-z])[*_]*\s*(?:[).:\]]|[-–—]\s)")
_BARE = re.compile(r"(?<![\w'’-])[A-Z](?![\w'’-])")
# What a letter that is an answer may follow; behind another word it is part of a name, as in «vitamina C».
_BEFORE_BARE = re.compile(
    r"(?:^|[^\w\s]\s*|\n|\b(?:a|à|o|é|és|será|seria|ser|são|fica|diria|digo|escolho|escolheria|escolhia|seleciono"
    r"|prefiro|marco|marcaria|assinalo|respondo|opto|pela|com|em|por|para|talvez|só|apenas|tanto|como|nem|ou|e"
    r"|entre|opções|alternativas|alíneas|letras|respostas|is|or|and|either)\s+)[\s*_(\[«“\"]*$",
    re.IGNORECASE,
)
_SENTENCE_START = re.compile(r"(?:^|[.!?:\n])[\s*\"«“]*$")


def letter(text: str, num_choices: int) -> str | None:
    """Read the option an answer picks.

    Tried in order: nothing but a letter; a stated result (``a resposta é B``, the last one wins; ``B é a
    opção correta``); a labelled letter (``opção C``); a marked one (``B) Porto``); a capital standing alone. ``A`` and
    ``E`` that open a sentence as the article and the conjunction are not letters. Two different
    letters at one level are no answer.

    Args:
        text: an answer in Portuguese or English.
        num_choices: how many options there are, 2 to 26; a letter beyond them is no answer.

    Returns:
        A capital letter, or None.
    """
    if not 2 <= num_choices <= 26:
        raise ValueError(f"num_choices is {num_choices}; expected 2 to 26")
    allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:num_choices]
    text = unicodedata.normalize("NFC", text)
    alone = re.fullmatch(r"[\s\W_]*([A-Za-z])[\s\W_]*", text)
    if alone:
        return alone[1].upper() if alone[1].upper() in allowed else None
    kept = _NEGATED.sub(" ", _TITLE.sub("Dom ", text))
    stated = [match for match in _STRONG.finditer(kept) if _states_letter(kept, match)]
    if stated:
        last = (stated[-1]["letter"] or stated[-1]["boxed"]).upper()
        return last if last in allowed else None
    levels = (
        [match["letter"] for match in _SUBJECT.finditer(kept)],
        [match["letter"] for match in _LABELLED.finditer(kept)],
        [match["letter"].upper() for match in _MARKED.finditer(kept)],
        [match.group() for match in _BARE.finditer(kept) if _stands_alone(kept, match)],
    )
    for found in levels:
        distinct = {item for item in found if item in allowed}
        if distinct:
            return distinct.pop() if len(distinct) == 1 else None
    return None


def _states_letter(text: str, match: re.Match[str]) -> bool:
    """Refuse a small letter before another word, an article as in ``a resposta é a maior``."""
    found = match["letter"]
    if found is None or found.isupper():
        return True
    return re.match(r"\s+\w", text[match.end() :]) is None


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    before = text[: match.start()]
    return _BEFORE_BARE.search(before) is not None and not _opens_sentence(text, match)


def _opens_sentence(text: str, match: re.Match[str]) -> bool:
    if match.group() not in "AEO" or not _SENTENCE_START.search(text[: match.start()]):
        return False
    rest = text[match.end() :]
    return bool(re.match(r"\s+\w", rest)) and not re.match(r"\s+(?:e|ou)\s+[A-Z]\b", rest)


# --- yes or no ------------------------------------------------------------------------------------

_UNSURE = (
    r"não\s+(?:o\s+)?sei|não\s+tenho\s+(?:a\s+)?certeza|não\s+faço\s+ideia|não\s+é\s+claro"
    r"|(?:não\s+(?:consigo|posso|se\s+consegue|se\s+pode|é\s+possível|dá\s+para)|(?:é\s+)?impossível)"
    r"\s+(?:dizer|saber|responder|determinar|ver|distinguir)"
)
# Sure of something, and not a no.
_SURE = re.compile(
    r"\b(?:não|nao)\s+(?:tenho|há|existem?|restam?)\s+(?:qualquer\s+|a\s+menor\s+|nenhumas?\s+)?dúvidas?\b"
)
# Portuguese says yes by the verb of the question. Only as a whole answer: «Há um gato.» tells something else.
_ECHO = re.compile(
    r"(?P<verb>há|é|está|estão|são|tem|têm|existem?|aparecem?|vê-se|veem-se)(?:,? (?P=verb))?"
    r"|(?:é verdade|está certo|certo|exato|exatamente|verdadeiro)"
)
_DENIED = re.compile(r"é mentira|é falso|está errado|falso|errado|nada disso")
# English "no" is also em + o, so it counts only where a comma or the end follows at the very start.
_YES_NO = re.compile(
    rf"(?P<unsure>\b(?:{_UNSURE})\b)|(?P<sim>\b(?:sim|yes)\b)|(?P<no>\b(?:não|nao)\b|^no(?=\s*(?:$|[,.;:!])))"
)


def yes_no(text: str) -> YesNo | None:
    """Read yes, no or "I do not know": the first of them that the answer says.

    Yes may also be said by the verb alone (``Há.``, ``Está, está.``) or as ``É verdade.``

    Args:
        text: an answer in Portuguese; English yes and no are understood.

    Returns:
        ``sim``, ``não``, ``não sei``, or None.
    """
    lowered = unicodedata.normalize("NFC", text).casefold().strip(" \t\n*_\"'«»“”.(")
    lowered = _SURE.sub(" ", re.sub(r"\bsim ou não\b", " ", lowered))
    whole = lowered.strip(" !.\"'*_»”")
    if _ECHO.fullmatch(whole):
        return "sim"
    if _DENIED.fullmatch(whole):
        return "não"
    match = _YES_NO.search(lowered)
    if match is None:
        return None
    if match["unsure"]:
        return "não sei"
    return "sim" if match["sim"] else "não"


# --- box ------------------------------------------------------------------------------------------

_KEYS = (
    ("x1", "xmin", "left"),
    ("y1", "ymin", "top"),
    ("x2", "xmax", "right"),
    ("y2", "ymax", "bottom"),
)
_GROUP = re.compile(r"\([^()]*\)\s*[,;]?\s*\([^()]*\)|[\[({][^\[\](){}]*[\])}]")
_DOTTED = re.compile(r"(?<![A-Za-z_\d])-?\d+(?:\.\d+)?")
_COMMAED = re.compile(r"(?<![A-Za-z_\d])-?\d+(?:[.,]\d+)?")


def box(text: str) -> Box | None:
    """Read a bounding box as fractions of the picture.

    Args:
        text: four numbers x1, y1, x2, y2 as fractions (0 to 1) or thousandths (0 to 1000),
            bracketed, bare or as JSON, with decimal points or commas.

    Returns:
        ``(x1, y1, x2, y2)`` with 0 <= x1 < x2 <= 1 and the same for y, or None.
    """
    keyed = _keyed(text)
    if keyed is not None:
        return _valid(keyed)
    for candidate in (*(match.group() for match in _GROUP.finditer(text)), text):
        for pattern in (_DOTTED, _COMMAED):
            numbers = pattern.findall(candidate)
            if len(numbers) == 4:
                return _valid([float(item.replace(",", ".")) for item in numbers])
    return None


def _keyed(text: str) -> list[float] | None:
    values = []
    for names in _KEYS:
        match = re.search(rf"\"?\b(?:{'|'.join(names)})\"?\s*[:=]\s*(-?\d+(?:[.,]\d+)?)", text)
        if match is None:
            return None
        values.append(float(match[1].replace(",", ".")))
    return values


def _valid(values: list[float]) -> Box | None:
    top = max(values)
    # Just above one is a fraction that misses the picture, not a thousandth.
    slipped = 1 < top <= 2 and any(value != int(value) for value in values)
    if min(values) < 0 or top > 1000 or slipped:
        return None
    x1, y1, x2, y2 = (value / 1000 if top > 1 else value for value in values)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


# --- words ----------------------------------------------------------------------------------------

_QUOTES = re.compile(r"«([^«»]*)»|“([^“”]*)”|\"([^\"]*)\"")
_OPENING = re.compile(r"^(?:(?:isto |isso )?(?:é|são) )?(?:(?:uma|umas|uns|um|os|as|o|a) (?=\S))?")
_SIDES = re.compile(
    r"(?P<esquerda>\besquerd[ao]\b)|(?P<direita>\bdireit[ao]\b)"
    r"|(?P<cima>\b(?:cima|acima|sobre)\b)|(?P<baixo>\b(?:baixo|abaixo|debaixo|sob)\b)"
)


def quoted(text: str) -> str | None:
    """Read what an answer quotes, in «…», “…” or "…"; without quotes, all of it.

    Returns:
        The text, stripped; None when nothing is left.
    """
    for match in _QUOTES.finditer(text):
        inside = next(group for group in match.groups() if group is not None).strip()
        if inside:
            return inside
    return text.strip() or None


def side(text: str) -> Side | None:
    """Read a relative position: the first of left, right, above and below that the answer says."""
    match = _SIDES.search(unicodedata.normalize("NFC", text).casefold())
    if match is None:
        return None
    found: dict[str, Side] = {"esquerda": "esquerda", "direita": "direita", "cima": "cima"}
    return found.get(match.lastgroup or "", "baixo")


def normalize(text: str) -> str:
    """Bring a name to the form in which names are compared.

    NFC, casefold, no punctuation (hyphens and apostrophes inside words and separators inside
    numbers stay), single blanks, no opening ``é``, ``isto é`` or article. Accents stay: they tell
    words apart.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    kept = []
    for position, char in enumerate(folded):
        inside = 0 < position < len(folded) - 1
        before, after = (folded[position - 1], folded[position + 1]) if inside else (" ", " ")
        joins = (char in "-'’" and before.isalnum() and after.isalnum()) or (
            char in ".," and before.isdigit() and after.isdigit()
        )
        plain = unicodedata.category(char)[0] not in "PS" or joins
        kept.append(char if plain else " ")
    return _OPENING.sub("", " ".join("".join(kept).split()), count=1)


def known_names(names: Iterable[str]) -> dict[str, str]:
    """Index names by their normalized form for ``names_in``; of two equal forms the first stays."""
    index: dict[str, str] = {}
    for name in names:
        key = normalize(name)
        if key:
            index.setdefault(key, name)
    return index


def names_in(text: str, known: Mapping[str, str]) -> list[str]:
    """Find known names as whole words, in order; where two begin alike the longer one stands.

    Args:
        text: an answer.
        known: normalized form → name, from ``known_names``.

    Returns:
        Normalized forms, in the order of the answer, perhaps repeated, none over another.
    """
    found = []
    free = 0
    for start, end, key in _spans(text, known):
        if start >= free:
            found.append(key)
            free = end
    return found


def longest_name(text: str, known: Mapping[str, str]) -> str | None:
    """Read the name an answer gives: the longest known one in it, the first of equally long ones.

    Returns:
        Its normalized form, or None when no known name is there.
    """
    return max((key for _, _, key in _spans(text, known)), key=len, default=None)


def _spans(text: str, known: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Every known name: its first word, the word behind it, its form; longer first at one place."""
    words = normalize(text).split()
    widest = max((key.count(" ") + 1 for key in known), default=0)
    for start in range(len(words)):
        for end in range(min(start + widest, len(words)), start, -1):
            key = " ".join(words[start:end])
            if key in known:
                yield start, end, key


def contains_name(text: str, names: Iterable[str], all_names: Iterable[str]) -> bool:
    """Tell whether the name an answer gives is one of the right ones.

    The longest known name decides, so ``cão`` does not pass inside ``cão-guia``, nor ``maçã`` in
    ``maçã verde``.

    Args:
        text: an answer.
        names: the right names.
        all_names: every name an answer may give; the right ones need not be among them.
    """
    right = known_names(names)
    return longest_name(text, known_names(all_names) | right) in right
