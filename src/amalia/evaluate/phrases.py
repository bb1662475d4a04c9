"""What an answer says, apart from what stands around it: the model's reasoning, a sentence, quotation marks.

Taking something away can make a right answer wrong, so only what is surely no part of the answer goes.
"""

import re

_REASONING = (
    ("<think>", "</think>"),
    ("<reasoning>", "</reasoning>"),
    ("<|channel>thought", "<channel|>"),
)
_QUOTED = re.compile(r"«([^«»]*)»|“([^“”]*)”|\"([^\"]*)\"")
_MARKS = re.compile('[«»“”"]')
# What may stand before a quotation that is the whole answer: the end of a word and a blank, or a colon.
_BEFORE_QUOTED = re.compile(r"(?:^|[^\W\d_]\s+|:\s*)$")
_EMPHASIS = re.compile(r"(\*\*|\*|__|`)(?P<inside>[^*`\n]+)\1(?P<stop>\.?)")
_STATED = re.compile(
    r"(?:a )?(?:minha )?resposta(?: (?:final|certa|correta))?"
    r"(?: é(?: a seguinte)?:?\s+|\s*:\s*)(?P<said>[^\n]+)",
    re.IGNORECASE,
)
# What may open a short answer without changing it: «É», «Foi no», «Em», an article.
_OPENING = re.compile(
    r"^(?:(?:(?:isto|isso|est[ea])\s+)?(?:é|são|foi|foram|era|eram|será|seria|chama-se|trata-se\s+d[eao]s?)\s+)?"
    r"(?:(?:em|no|na|nos|nas)\s+)?(?:(?:os|as|o|a|umas?|uns|um)\s+)?(?=\S)",
    re.IGNORECASE,
)


def without_reasoning(text: str) -> str:
    """Take away what a reasoning model wrote before it answered.

    Blocks in ``<think>``, ``<reasoning>`` and ``<|channel>thought`` go. So does what stands before a closing tag
    alone, because some chat templates open the block in the prompt; and what stands behind an opening tag alone,
    because that reasoning was cut off before it came to an answer.
    """
    for opened, closed in _REASONING:
        block = re.compile(rf"{re.escape(opened)}.*?{re.escape(closed)}", re.DOTALL)
        text = block.sub("", text).rpartition(closed)[2].partition(opened)[0]
    return text.strip()


def stated(text: str) -> str:
    """Take away the sentence around a short answer, where it is plain what the answer is.

    - ``A resposta é X.``, ``Resposta: X``: what is stated.
    - ``O título é «X».``: what is quoted, if it is the only quotation and ends the answer.
    - ``**X**``: what is emphasized, if that is all there is.

    Anything else stays as it is, less blanks around it; a full stop behind X stays too.
    """
    said = text.strip()
    emphasized = _EMPHASIS.fullmatch(said)
    if emphasized:
        return stated(emphasized["inside"] + emphasized["stop"])
    match = _STATED.fullmatch(said)
    if match:
        return stated(match["said"])
    quotations = list(_QUOTED.finditer(said))
    if len(quotations) != 1 or len(_MARKS.findall(said)) != 2:
        return said
    (only,) = quotations
    inside = next(group for group in only.groups() if group is not None).strip()
    ends = said[only.end() :] in ("", ".")
    return inside if inside and ends and _BEFORE_QUOTED.search(said[: only.start()]) else said


def without_opening(text: str) -> str:
    """Take away how a short answer begins: «É», «Foi em», «No», an article; and the full stop behind it."""
    return _OPENING.sub("", text.strip().rstrip(".").strip(), count=1)
