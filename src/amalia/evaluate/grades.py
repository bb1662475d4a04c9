"""What a judge's reply says: a grade, a judgement of the variety, or which of two answers is better.

A reply that does not say it clearly gives None and is counted as invalid; nothing is guessed, rounded or cut to the
scale. The tests hold the specification as tables of Portuguese replies.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from amalia.evaluate.answers import without_reasoning

Preferred = Literal["first", "second", "tie"]

_NAMES = "zero um dois três quatro cinco seis sete oito nove dez".split()
_NUMBER = rf"[-−]?\d+(?:[.,]\d+)?|\b(?:{'|'.join(_NAMES)})\b"
# «4/5», «4 em 5», «4 valores em 5»; and «3 ou 4», «3-4», which is no grade.
_VALUE = re.compile(
    rf"(?P<number>{_NUMBER})(?![\w%])(?:\s*(?:valores|pontos|estrelas|points|stars))?"
    rf"(?:\s*\(?(?:/|em|de um total de|de|num total de|out of)\s*(?P<of>{_NUMBER}))?"
    r"(?P<torn>\s*(?:ou|or|até|e|/|-|–|~)\s*\d)?"
)
_NOUN = r"(?:notas?|classificação|pontuação|avaliação|cotação|score|grade|rating)"
_WHOSE = (
    r"(?: (?:da|à|para|a|esta|desta|essa|resposta|que|dou|dei|atribuo|atribuída|proposta|única)\b)*"
)
_IS = r"\s*(?:é|seria|foi|fica em|is|[:=→]|->|–|-(?!\d))*\s*(?:(?:de|um|a|nota)\s+)?"
_QUALITY = (
    r"(?:(?:muito )?(?:má|mau|fraca?|razoável|boa|bom|excelente|suficiente|insuficiente|aceitável)\b)?"
    r"[\s,;:(\[«\"–-]*?(?=[-−]?\w)"
)
_LABEL = re.compile(rf"\b{_NOUN}\b{_WHOSE}{_IS}{_QUALITY}")
_FINAL = re.compile(
    rf"\b{_NOUN} (?:final|global|geral|total|definitiva)\b{_WHOSE}{_IS}{_QUALITY}"
    rf"|\b(?:overall|final) (?:score|grade|rating)\b{_IS}|\\boxed\{{\s*"
)
_SAID = re.compile(
    r"\b(?:dou|daria|atribuo|atribuía|atribuiria|merece|leva|fica com|fica-se por"
    r"|(?:classifico|avalio)(?: a resposta)? com)"
    r"(?:-lhe)?(?: à resposta| a resposta)?(?: (?:um|uma|o|a))?\s+(?=[\d\w-])"
)
_CLOSES = re.compile(r"\s*(?:[.,;:!)»\"]|$|\n|mas\b|porque\b|pois\b|por\b)")
_KEYS = frozenset(
    {"nota", "nota_final", "nota final", "score", "grade", "rating", "pontuação", "classificação"}
)
_MARKS = re.compile(r"[*_`#>|]+")


@dataclass(frozen=True, slots=True)
class VarietyGrade:
    """What a judge says of the variety of an answer."""

    score: int | None
    """0 all Brazilian, 5 mixed, 10 all European; None where the answer is not in Portuguese."""
    reasoning: str
    not_pt: bool
    """The answer is not in Portuguese."""
    invalid: bool
    """The answer repeats itself or makes no sense."""


def grade(text: str, low: int, high: int) -> int | None:
    """Read the grade a judge gives.

    Tried in order: a JSON object; a final grade (``Nota final: 4``); a grade (``Nota: 4``); in each the last one
    counts, since a judge may change its mind. Then a grade within a sentence (``Dou-lhe um 4.``), a fraction of the
    scale (``4/5``) and a number alone on the last line, of which there has to be one only.

    Args:
        text: The judge's reply.
        low: Lowest grade there is.
        high: Highest grade there is.

    Returns:
        The grade; None where there is none, where it is off the scale, of another scale or between two grades, and
        where two different ones are given without saying which is final.
    """
    said = without_reasoning(text)
    objects = [found for item in _objects(said) if (found := _keyed(item)) is not None]
    if objects:
        return _of_json(objects[-1], low, high)
    plain = _plain(said)
    plain = re.sub(
        rf"\(?\b(?:(?:numa |na )?escala )?(?:de |entre )?{low}\s*(?:a|e|até|-|–)\s*{high}\b\)?",
        " ",
        plain,
    )
    for pattern in (_FINAL, _LABEL):
        stated = [
            match
            for found in pattern.finditer(plain)
            if (match := _VALUE.match(plain, found.end()))
        ]
        if stated:
            return _on_scale(stated[-1], low, high)
    within = [
        match
        for found in _SAID.finditer(plain)
        if (match := _VALUE.match(plain, found.end())) and _CLOSES.match(plain, match.end())
    ]
    fractions = [match for match in _VALUE.finditer(plain) if match["of"] == str(high)]
    for matches in (within, fractions):
        if matches:
            grades = {_on_scale(match, low, high) for match in matches}
            return grades.pop() if len(grades) == 1 else None
    lines = [line.strip(" .!-–:()[]«»\"'") for line in plain.splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    alone = _VALUE.fullmatch(last)
    return _on_scale(alone, low, high) if alone else None


def variety_grade(text: str) -> VarietyGrade | None:
    """Read a judgement of the variety: JSON with ``reasoning``, ``score``, ``not_pt`` and ``invalid``.

    The last object with a score counts. An object whose quotation marks are wrong is read field by field, if it
    gives one score only. A flag that is not there is not raised.

    Returns:
        The judgement; None where there is no whole score of 0 to 10, unless the answer is said not to be Portuguese.
    """
    said = without_reasoning(text)
    for item in reversed(list(_objects(said))):
        if "score" in item or item.get("not_pt") is True:
            return _judged(item)
    scores = set(re.findall(r"[\"']?\bscore[\"']?\s*[:=]\s*[\"']?(-?\d+(?:[.,]\d+)?)", said))
    if len(scores) != 1:
        return None
    flags = {
        name: re.search(
            rf"[\"']?\b{name}[\"']?\s*[:=]\s*(?:true|verdadeiro)\b", said, re.IGNORECASE
        )
        for name in ("not_pt", "invalid")
    }
    reasoning = re.search(r"\"reasoning\"\s*:\s*\"(.*?)\"?\s*,?\s*\"score\"", said, re.DOTALL)
    return _judged(
        {
            "score": scores.pop(),
            "reasoning": reasoning[1] if reasoning else "",
            "not_pt": bool(flags["not_pt"]),
            "invalid": bool(flags["invalid"]),
        }
    )


_FIRST = r"(?:(?:resposta |opção |número |n\.º )?(?:1|um|a primeira|primeira|first))"
_SECOND = r"(?:(?:resposta |opção |número |n\.º )?(?:2|dois|a segunda|segunda|second))"
_TIE = r"(?:empat\w+|nenhuma(?: das duas)?|iguais|ambas|tie|draw)"
_EITHER = rf"(?:(?P<first>{_FIRST})|(?P<second>{_SECOND})|(?P<tie>{_TIE}))\b"
_CHOICE = re.compile(
    r"\b(?:escolha|escolho|melhor(?: resposta)?(?: é)?|vencedora?|prefiro|preferida|preferência|veredito|decisão"
    rf"|winner|best|choice)\b[\s:=\"–-]*(?:final\s*[:=]?\s*)?(?:é\s+)?(?:a (?=resposta|opção|número)|pela\s+)?{_EITHER}"
    r"(?!\s*(?:ou|or|/)\s*(?:a |resposta )?(?:1|2|primeira|segunda))"
)
_BETTER = re.compile(
    rf"(?<!não )\b{_EITHER}(?: resposta)? (?:é|está|parece|ganha|vence)(?: (?:um pouco|claramente|muito|bem|a))*"
    r"(?: (?:melhor|superior|preferível|mais completa|vencedora))?"
)
_EVEN = re.compile(
    r"\b(?:são (?:ambas )?(?:equivalentes|iguais|igualmente \w+)|igualmente boas|empatad\w+|há (?:um )?empate"
    r"|valem o mesmo|nenhuma (?:das duas )?é melhor)\b"
)
_WINS = re.compile(r"(?:melhor|superior|preferível|mais completa|vencedora|ganha|vence)$")


def preferred(text: str) -> Preferred | None:
    """Read which of two answers a judge prefers.

    Returns:
        ``first``, ``second`` or ``tie``; None where it is not said, or both are.
    """
    plain = _plain(without_reasoning(text))
    chosen: list[Preferred] = [_side(match) for match in _CHOICE.finditer(plain)]
    if chosen:
        return chosen[-1]
    better: set[Preferred] = {
        _side(match) for match in _BETTER.finditer(plain) if _WINS.search(match.group())
    }
    if _EVEN.search(plain):
        better.add("tie")
    if better:
        return better.pop() if len(better) == 1 else None
    alone = re.fullmatch(_EITHER, plain.strip(" .!:()[]«»\"'\n"))
    return _side(alone) if alone else None


def _side(match: re.Match[str]) -> Preferred:
    return "first" if match["first"] else "second" if match["second"] else "tie"


def _plain(text: str) -> str:
    lowered = unicodedata.normalize("NFC", text).casefold()
    return _MARKS.sub("", lowered).strip()


def _on_scale(match: re.Match[str], low: int, high: int) -> int | None:
    if match["torn"] or (match["of"] and _number(match["of"]) != high):
        return None
    value = _number(match["number"])
    return int(value) if value == int(value) and low <= value <= high else None


def _number(text: str) -> float:
    if text in _NAMES:
        return float(_NAMES.index(text))
    return float(text.replace("−", "-").replace(",", "."))


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Give the JSON objects of a text, in order; Python's spelling of true, false and null is understood."""
    decoder = json.JSONDecoder()
    place = text.find("{")
    while place >= 0:
        for candidate in (text[place:], re.sub(r"\bTrue\b", "true", _as_json(text[place:]))):
            try:
                found, end = decoder.raw_decode(candidate)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found
                place += end - 1
                break
        place = text.find("{", place + 1)


def _as_json(text: str) -> str:
    text = re.sub(r"\bFalse\b", "false", re.sub(r"\bNone\b", "null", text))
    return re.sub(r",(\s*})", r"\1", text)


def _keyed(item: dict[str, Any]) -> Any:
    return next((value for key, value in item.items() if key.casefold() in _KEYS), None)


def _of_json(value: Any, low: int, high: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _VALUE.fullmatch(_plain(str(value)))
    return _on_scale(match, low, high) if match else None


def _judged(item: dict[str, Any]) -> VarietyGrade | None:
    not_pt, invalid = item.get("not_pt") is True, item.get("invalid") is True
    score = _of_json(item.get("score"), 0, 10)
    if score is None and not not_pt:
        return None
    return VarietyGrade(
        None if not_pt else score, str(item.get("reasoning") or ""), not_pt, invalid
    )
