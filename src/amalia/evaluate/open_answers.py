"""Whether a short answer in the model's own words is right: a number by its value, yes or no, else words.

Words are right that name the right thing and no other. Containment alone would let an answer win that names all it can
think of; equality alone would lose «É a Torre de Belém, em Lisboa.» So what is denied goes first («um cão e não um
gato»), and then a few words may stand around the right ones, as long as they neither join nor deny: no «ou», «e»,
«nem», «não», and behind a comma only where or of what it is. An institution that is named for a place is another thing
(«Universidade de Lisboa» for «Lisboa»); a monastery, a museum or a station may well be the same («Mosteiro dos
Jerónimos»).

Not covered: other longer names («Castelo de Guimarães» for «Guimarães», «Belém do Pará» for «Belém»), inflected forms
(«pastéis» for «pastel»), other names of the same thing.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

from amalia.evaluate import answers, latex
from amalia.evaluate.task import UNREADABLE, Score
from amalia.records import Sample

MAX_EXTRA_WORDS = 3
"""«O monumento da imagem é a Torre de Belém.» has two beside the name; a second name has two or three."""
# Half a unit of the second decimal, as in MMMU; of small numbers, half a hundredth of them.
_TOLERANCE = 0.005
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W_]+(?:['’-][^\W_]+)*|[,;/|()\n–—]")
_SMALL = frozenset(
    (
        "o a os as um uma uns umas é são era foi isto isso este esta trata-se chama-se"
        " de do da dos das em no na nos nas ao à aos às por pelo pela para com"
    ).split()
)
_OTHERS = frozenset("ou e nem não mas nenhum nenhuma".split())
_INSTITUTIONS = frozenset(
    (
        "universidade faculdade academia politécnico câmara junta assembleia tribunal aeroporto metro metropolitano"
        " banco bolsa tratado patriarcado diocese jornal diário"
    ).split()
)
_OF = frozenset("de do da dos das".split())
_QUALIFYING = frozenset("em no na nos nas de do da dos das ao à junto perto".split())


def score(text: str, sample: Sample) -> Score:
    """Score an answer by what it states."""
    said = answers.stated(text)
    if not any(map(str.isalnum, said)) and said not in sample.targets:
        return UNREADABLE
    return Score(float(is_right(said, sample.targets)), said, readable=True)


def is_right(text: str, targets: Iterable[str]) -> bool:
    """Tell whether an answer gives one of the right ones.

    Args:
        text: What was said.
        targets: The right answers; one that is a number is compared by its value, ``sim`` and ``não`` as such.
    """
    return any(_matches(text, target) for target in targets)


def names_only(text: str, target: str) -> bool:
    """Tell whether an answer names the right thing, in few words more, and no other."""
    wanted = _content(_tokens(target))
    said = _tokens(text)
    places = [place for place, token in enumerate(said) if _counts(token)]
    words = [said[place] for place in places]
    if not wanted:
        return bool(said) and said == _tokens(target)
    for start in range(len(words) - len(wanted) + 1):
        if words[start : start + len(wanted)] != wanted:
            continue
        before, after = said[: places[start]], said[places[start + len(wanted) - 1] + 1 :]
        extra = _content(before) + _content(after)
        is_other = _names_others(before, after) or _names_institution(before)
        if len(extra) <= MAX_EXTRA_WORDS and not is_other:
            return True
    return False


def _matches(text: str, target: str) -> bool:
    if answers.normalize(text) == answers.normalize(target) != "":
        return True
    if answers.normalize(target) in ("sim", "não"):
        return answers.yes_no(text) == answers.yes_no(target)
    right = _number(target)
    if right is None:
        return names_only(text, target) or names_only(answers.affirmed(text).strip(" ,;.:"), target)
    said = latex.value(text.rstrip(". "))
    said = answers.number(text) if said is None else said
    return said is not None and abs(said - right) <= _TOLERANCE * min(1.0, abs(right))


def _number(target: str) -> float | None:
    """Give the number that a right answer is; None where it is more than that."""
    found = latex.value(target)
    if found is None and len(target.split()) == 1 and target.isalpha():
        found = answers.number(target)
    return found


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(unicodedata.normalize("NFC", text).casefold())


def _counts(token: str) -> bool:
    return token[0].isalnum() and token not in _SMALL


def _content(tokens: Sequence[str]) -> list[str]:
    return [token for token in tokens if _counts(token)]


def _names_institution(before: Sequence[str]) -> bool:
    return bool(before) and before[-1] in _OF and not _INSTITUTIONS.isdisjoint(before)


def _names_others(before: Sequence[str], after: Sequence[str]) -> bool:
    """Look for what joins, denies or lists around the right words."""
    if _OTHERS.intersection(before) or _OTHERS.intersection(after):
        return True
    if not all(token[0].isalnum() for token in before):
        return True
    return any(
        not token[0].isalnum() and token not in "()" and following not in _QUALIFYING
        for token, following in pairwise((*after, ""))
    )
