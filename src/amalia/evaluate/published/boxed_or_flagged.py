r"""MATH-Vision's published scoring: what is boxed, else what a phrase announces, compared as text and as arithmetic.

Of the Portuguese phrases only those with a capital and in this very spelling are known; the variants meant for other
capitals are spelled «A respostA é» there and never found. Equal means equal to two decimals.
"""

import re

from amalia.evaluate.published.latex_arithmetic import Number, value
from amalia.evaluate.task import Score
from amalia.records import Sample

_LETTERS = "ABCDE"
_ENGLISH = ("final answer is", "answer is", "correct answer is", "answer should be")
_PORTUGUESE = ("Resposta:", "A resposta é", "A resposta correta é", "A resposta deve ser")
_PHRASES = (
    *(phrase for end in _ENGLISH for phrase in (f"the {end}", f"The {end}")),
    *_PORTUGUESE,
)
_BOX = "oxed{"
# Cut away or rewritten in this order; what one leaves another may then find.
_REWRITTEN = (
    (" ", ""),
    ("\\,", ""),
    ("∞", "\\infty"),
    ("+\\infty", "\\infty"),
    ("\\\\", "\\"),
    ("\n", ""),
    ("\\text", ""),
    ("\\mbox", ""),
    ("bmatrix", "pmatrix"),
    ("\\left", ""),
    ("\\right", ""),
    ("^{\\circ}", ""),
    ("^\\circ", ""),
    ("{m}^3", ""),
    ("m^3", ""),
    ("{units}", ""),
    ("units", ""),
    ("{km}", ""),
    ("km", ""),
    ("\\!", ""),
    ("\\\\", "\\"),
    ("tfrac", "frac"),
    ("dfrac", "frac"),
    ("\\left", ""),
    ("\\right", ""),
    ("^{\\circ}", ""),
    ("^\\circ", ""),
    ("\\$", ""),
    ("$", ""),
    ("\\%", ""),
    ("{.", "{0."),
)


def score(text: str, sample: Sample) -> Score:
    """Score the result that is read against the known one; of a choice, against its letter and its text."""
    said, rule = read(text)
    known = [sample.target, *(sample.accepted[:1] if sample.choices else ())]
    is_right = any(_equal(target, said) for target in known)
    return Score(float(is_right), said, readable=bool(said), note=rule)


def read(text: str) -> tuple[str, str]:
    """Read a result.

    Returns:
        It, in small letters and without what only changes its look, and the rule.
    """
    said, rule = text.strip(), "the whole answer is read"
    for letter in _LETTERS:
        openings = (f"{letter}\n", f"({letter})\n", f"({letter}) {letter}\n")
        if said.endswith((f" {letter}.", f" ({letter}).")) or said.startswith(openings):
            said, rule = letter, "a letter begins or ends the answer"
    tail = said.rpartition("is ")[2].rstrip(".")
    if _is_float(tail):
        said, rule = tail, "a number ends the answer"
    if _BOX not in said:
        for phrase in _PHRASES:
            if phrase in said:
                said = said.rpartition(phrase)[2].strip().split("\n")[0].split(". ")[0]
                rule = f"what stands behind «{phrase}» is read"
        said = said.strip()
    else:
        rule = "what the last box holds is read"
        if said.count(_BOX) > 1:
            said = "\\boxed{" + said.rpartition(_BOX)[2]
    said = _plain(said)
    for letter in _LETTERS.lower():
        said = said.replace(f"({letter})", letter)
    for letter in _LETTERS.lower():
        said = said.replace(f"{{{letter}}}", letter)
    return said.rstrip(".").lstrip(":").strip(), rule


def _plain(text: str) -> str:
    text = text.lower().replace("{}", "")
    box = re.search(r"oxed\{(.*)\}", text, flags=re.DOTALL)
    text = box[1] if box else text
    closing, opening = text.find("}"), text.find("{")
    if closing != -1 and (opening == -1 or closing < opening):
        text = text[:closing]
    text = text.rpartition("=")[2].rpartition("\\approx")[2]
    for old, new in _REWRITTEN:
        text = text.replace(old, new)
    if text.startswith("."):
        text = "0" + text
    if "sqrt" in text:
        text = _braced_fractions(_braced_roots(text))
    if text == "0.5":
        return "\\frac{1}{2}"
    return _slashed(text)


def _braced_roots(text: str) -> str:
    first, *rest = text.split("\\sqrt")
    braced = (part if part[:1] in ("", "{") else f"{{{part[0]}}}{part[1:]}" for part in rest)
    return first + "".join("\\sqrt" + part for part in braced)


def _braced_fractions(text: str) -> str:
    first, *rest = text.split("\\frac")
    made = first
    for part in rest:
        if part.startswith("{"):
            made += "\\frac" + part
        elif len(part) < 2:
            return text
        else:
            below = part[1] if part[1] == "{" else f"{{{part[1]}}}"
            made += f"\\frac{{{part[0]}}}{below}{part[2:]}"
    return made


def _slashed(text: str) -> str:
    """Write a fraction of two whole numbers with a slash as LaTeX."""
    parts = text.split("/")
    if len(parts) != 2:
        return text
    try:
        above, below = (int(part) for part in parts)
    except ValueError:
        return text
    return f"\\frac{{{above}}}{{{below}}}" if text == f"{above}/{below}" else text


def _equal(target: str, said: str) -> bool:
    target, said = target.lower(), said.lower()
    if not target.replace(" ", "") or not said.replace(" ", ""):
        return False
    if target.strip() == said.strip() or _computed(target) == _computed(said):
        return True
    values = [_rounded(value(text)) for text in (target, said)]
    return None not in values and values[0] == values[1]


def _computed(text: str) -> str:
    """Compute the members of a tuple or list in brackets, each on its own."""
    members = text[1:-1].split(",")
    if (text[0], text[-1]) not in (("(", ")"), ("[", "]")) or len(members) < 2:
        return text
    found = []
    for member in members:
        if "infty" in member or member in ("a", "-a"):
            found.append(member)
            continue
        number = _rounded(value(member))
        if number is None:
            return text
        found.append(str(number))
    return f"{text[0]}{','.join(found)}{text[-1]}"


def _rounded(number: Number | None) -> Number | None:
    try:
        return None if number is None else round(number, 2)
    except OverflowError:
        return None


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
