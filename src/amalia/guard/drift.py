"""Sentences of an answer that drift to Brazilian Portuguese.

A sentence counts when ``amalia.variety`` calls it pt-BR and something in it can be named: at least one
Brazilian form («ônibus», «você pode», «estou fazendo»), and none of Portugal. What the model of varieties
merely leans to does not count: without a named form it takes 7 to 10 % of the sentences below for Brazilian.

Measured: no false alarm on the 252 pt-PT sentences of the examination of ``amalia.variety`` and the 210
prompts of ``evaluate/tasks/safety.tsv``, from neither of which it learnt (0 of 462; at 95 % that is less than
0.7 %), and 2 on the 6,919 from which it did. Of the 252 Brazilian counterparts in the examination 40 % are
found; the others carry no form that can be named. An answer of several sentences is noticed by one of them.

Code, quotations («…», "…", “…”, lines after >), addresses and names written with a capital are not read.

Not covered: drift that no form names; Brazilian sentences with a form of Portugal in them; quotations without
marks; answers that rightly are Brazilian because that was asked for; single words, such as labels and titles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from amalia.guard.verdict import Finding, Place
from amalia.variety import Evidence, detect_many, signs

_UNREAD = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]{1,200}`|«[^«»]{1,600}»|“[^“”]{1,600}”|\"[^\"\n]{1,600}\""
    r"|(?<!\w)'[^'\n]{1,600}'(?!\w)"
    r"|^[ \t]{0,3}>[^\n]*|https?://\S+",
    re.DOTALL | re.MULTILINE,
)
_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*")
_WORD = re.compile(r"[^\W\d_]+")
_MIN_WORDS = 3


class Drift:
    """Finds Brazilian sentences; see ``amalia.guard.verdict.Check``."""

    name = "variety@1"

    def find(self, text: str, place: Place) -> Sequence[Finding]:
        """Give the Brazilian sentences of an answer, in order; nothing for any other place."""
        if place != "answer":
            return []
        # What is not read becomes spaces, so that what is left stands where it stood.
        read = _UNREAD.sub(lambda unread: " " * len(unread[0]), text)
        # Weighing takes eight times as long as looking for signs, and most sentences have none.
        spans = [span for span in _sentences(read) if _has_signs(signs(read[slice(*span)]))]
        found = detect_many([read[start:end] for start, end in spans])
        return [
            Finding("variety_pt_br", start, end, self.name, 1.0 - variety.p_pt_pt)
            for (start, end), variety in zip(spans, found, strict=True)
            if variety.label == "pt-BR" and _has_signs(variety.evidence)
        ]


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Give where sentences stand that are long enough to say anything."""
    for match in _SENTENCE.finditer(text):
        said = match[0]
        if len(_WORD.findall(said)) >= _MIN_WORDS:
            start = match.start() + len(said) - len(said.lstrip())
            yield start, match.start() + len(said.rstrip())


def _has_signs(evidence: Sequence[Evidence]) -> bool:
    """Whether a Brazilian form can be named, and none of Portugal."""
    if any(sign.suggests == "pt-PT" for sign in evidence):
        return False
    # «Antônio» says where somebody was born, not who writes.
    return any(sign.kind != "spelling" or not sign.text[0].isupper() for sign in evidence)
