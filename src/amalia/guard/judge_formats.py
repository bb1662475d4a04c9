"""How guard models answer, and which of our categories their labels are.

``qwen3guard``: lines ``Safety: Safe|Controversial|Unsafe``, ``Categories: …`` and, for answers, ``Refusal: …``
(Qwen3Guard-Gen). ``llama_guard``: ``safe``, or ``unsafe`` and a line of S codes (Llama Guard 3 and 4).
``amaliaguard``: **a stated guess**. What the model writes is not published; it is a finetune of
Qwen3Guard-Gen-4B with the categories G1–G6 and U1–U6, so its reply is read as the lines of that model, with
codes or with names in English or Portuguese behind ``Categories``. ``safe``/``seguro`` and
``unsafe``/``inseguro`` alone on the first line are read too. A reply that fits none of this is an error and
never counts as safe.

Labels that none of our categories means are left out: self-harm in a question (who has such thoughts needs an
answer), copyright, politics, elections, specialized advice. Unsafe without any label, or with one that is not
known, is ``dangerous``.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from amalia.guard.forms import folded

Format = Literal["amaliaguard", "qwen3guard", "llama_guard"]
Level = Literal["safe", "controversial", "unsafe"]


class Reply(NamedTuple):
    """What a guard model said."""

    level: Level
    categories: tuple[str, ...]
    """Ours, without repetition, in the order of the reply; none where its labels mean nothing to us."""


class Unreadable(ValueError):
    """A reply that fits no format."""


_QWEN3GUARD = {
    "violent": "violence",
    "non-violent illegal acts": "dangerous",
    "sexual content or sexual acts": "sexual",
    "pii": "personal_data",
    "personally identifiable information": "personal_data",
    "unethical acts": "hate",
    "jailbreak": "prompt_injection",
    "suicide & self-harm": "",
    "politically sensitive topics": "",
    "copyright violation": "",
}
_LLAMA_GUARD = {
    "s1": "violence",  # violent crimes
    "s2": "dangerous",  # non-violent crimes
    "s3": "sexual",  # sex-related crimes
    "s4": "sexual",  # child sexual exploitation
    "s5": "harassment",  # defamation
    "s6": "",  # specialized advice
    "s7": "personal_data",  # privacy
    "s8": "",  # intellectual property
    "s9": "dangerous",  # indiscriminate weapons
    "s10": "hate",
    "s11": "",  # suicide and self-harm
    "s12": "sexual",  # sexual content
    "s13": "",  # elections
    "s14": "dangerous",  # code interpreter abuse
}
# Code, then names a finetune may well write instead.
_AMALIAGUARD = {
    "g1 / personal data extraction / personal data / extracao de dados pessoais / dados pessoais": "personal_data",
    "g2 / special category data / special-category data / categorias especiais de dados / dados sensiveis": (
        "special_data"
    ),
    "g3 / consent violation / consent / violacao do consentimento / violacao de consentimento / consentimento": (
        "consent"
    ),
    "g4 / obstruction of data subject rights / data subject rights / obstrucao de direitos"
    " / obstrucao dos direitos do titular / direitos dos titulares / direitos do titular": "rights",
    "g5 / cross-border transfer / cross border transfer / data transfer / transferencia transfronteirica"
    " / transferencia internacional / transferencia de dados": "transfer",
    "g6 / automated profiling / profiling / perfilagem automatizada / definicao automatizada de perfis"
    " / definicao de perfis": "profiling",
    "u1 / sexual / sexual content / sexually explicit / conteudo sexual / sexualmente explicito": "sexual",
    "u2 / hate / hate speech / odio / discurso de odio": "hate",
    "u3 / dangerous / dangerous content / perigoso / conteudo perigoso": "dangerous",
    "u4 / harassment / assedio": "harassment",
    "u5 / violence / violencia": "violence",
    "u6 / obscenity / obscenity and profanity / obscenidade / linguagem obscena": "obscenity",
}  # fmt: skip
_LABELS = {
    "qwen3guard": _QWEN3GUARD,
    "llama_guard": _LLAMA_GUARD,
    "amaliaguard": _QWEN3GUARD
    | {name: ours for names, ours in _AMALIAGUARD.items() for name in names.split(" / ")},
}
# Encouraging it is harm; having such thoughts is not.
_HARM_IN_ANSWERS = {"suicide & self-harm": "dangerous", "s11": "dangerous"}
_LEVELS: dict[str, Level] = {
    "safe": "safe",
    "seguro": "safe",
    "segura": "safe",
    "unsafe": "unsafe",
    "inseguro": "unsafe",
    "insegura": "unsafe",
    "nao seguro": "unsafe",
    "controversial": "controversial",
    "controverso": "controversial",
}
_LEVEL_LINE = re.compile(r"^(?:safety|seguranca)\s*:\s*([a-z ]+?)[.\s]*$", re.MULTILINE)
_CATEGORIES_LINE = re.compile(r"^(?:categor(?:y|ies)|categorias?)\s*:(.*)$", re.MULTILINE)
_NONE = frozenset({"", "none", "nenhuma", "nenhum", "n/a", "no"})


def read(format_: Format, text: str, *, is_answer: bool) -> Reply:
    """Read what a guard model wrote.

    Args:
        format_: How it writes.
        text: All of its reply.
        is_answer: Whether it judged an answer rather than a question.

    Raises:
        Unreadable: The reply says neither safe nor unsafe.
    """
    lines = folded(text).strip()
    # Whoever thinks aloud first has not judged until then.
    lines = lines.rpartition("</think>")[2].strip()
    first, _, rest = lines.partition("\n")
    said = _LEVEL_LINE.search(lines)
    if format_ == "llama_guard" or (said is None and format_ == "amaliaguard"):
        level, labels = _LEVELS.get(first.strip(" .")), rest
    else:
        level = _LEVELS.get(said[1].strip()) if said else None
        labels = ""
    if level is None or (format_ == "llama_guard" and level == "controversial"):
        raise Unreadable("it says neither safe nor unsafe")
    if level == "safe":
        return Reply("safe", ())
    if categories := _CATEGORIES_LINE.search(lines):
        labels = categories[1]
    return Reply(level, _categories(format_, labels, is_answer=is_answer))


def _categories(format_: Format, text: str, *, is_answer: bool) -> tuple[str, ...]:
    known = _LABELS[format_]
    if is_answer:
        known = known | {label: ours for label, ours in _HARM_IN_ANSWERS.items() if label in known}
    labels = [label.strip(" .*-\t") for label in re.split(r"[,;\n]", text)]
    labels = [label for label in labels if label not in _NONE]
    if not labels:
        return ("dangerous",)
    return tuple(dict.fromkeys(ours for label in labels if (ours := _ours(label, known))))


def _ours(label: str, known: dict[str, str]) -> str:
    """Say which category a label is; «G1: personal data» goes by its code."""
    if label in known:
        return known[label]
    code = re.match(r"([gus]\d{1,2})\b", label)
    return known.get(code[1], "dangerous") if code else "dangerous"
