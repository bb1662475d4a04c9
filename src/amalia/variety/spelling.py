"""Spellings that follow a rule: «económico» and «econômico», «acção», «falámos», «freqüente».

Spellings that follow none are in the lexicon. The agreement of 1990 left some consonants to
pronunciation («receção» in Portugal, «recepção» in Brazil and, before, in both); a form that one of
the two ever shared with the other is no sign.
"""

from __future__ import annotations

import re

from amalia.variety.findings import Finding

# A stressed e or o before m or n is open in Portugal and closed in Brazil.
_CLOSED = re.compile(r"[êô](?=[mn][aeiouáéíóúãõ])")
_OPEN = re.compile(r"[éó](?=[mn][aeiouáéíóúãõ])")
# Closed, or open, on both sides of the sea.
_ALIKE = frozenset("fêmea fêmeas estômago estômagos dêmos estêmos sêmea sêmeas".split())
# The first person plural of the past, which Brazil writes like the present.
_WE_DID = re.compile(r"\w{2,}ámos")
_OLD_CONSONANTS = re.compile(
    r"(?:des|re|in|inter|retro|co|foto|radio|sub|hiper|super|bi|pré|pro)?-?(?:"
    r"acç(?:ão|ões)\w*|accion\w+|act(?:o|os|or|ores|riz|rizes|ual|uais|uar|ualiz\w*|ualidade\w*|ualmente"
    r"|iv[aoe]\w*|ividade\w*|uaç\w+|ua|uam|uou)|(?:ob|pro|tra|in)ject\w+|(?:ob|pro|in)jecç\w+"
    r"|(?:se|co|e)lecç\w+|(?:se|co|e)leccion\w+|(?:se|co)lect\w+|(?:di|co)rrecç\w+|dir?ecç\w+|direct\w+|correct\w+"
    r"|incorrect\w+|protec(?:ç|t)\w+|exact\w+|electr\w+|eléctr\w+|arquitect\w+|factur\w+|tecto|tectos|trajecto\w*"
    r"|afect\w+|efect\w+|nocturn\w+|óptim\w+|optim\w+|adop(?:ç|t)\w+|bapti[sz]\w+|excep(?:ção|ções|to|tua\w*|cion\w+)"
    r"|egipto|dialecto\w*|recto\w*|recta\w*|vector\w*|vectori\w+|lectiv\w+|táctic\w+|didáctic\w+|redacç\w+|fracç\w+|tracç\w+"
    r"|inspecç\w+|inspector\w*|leccion\w+|insecto\w*|espectácul\w+|extract\w+|abstract\w+|contract\w+|fact?ura\w*)"
)
_BRAZIL_BEFORE_2009 = re.compile(r"\w*[gq]ü[eêéií]\w*|\w+éi(?:a|as|co|cos|ca|cas)|\w*[vjrd]ôos?")
_TREMA = str.maketrans("üô", "uo")


def finding(word: str, at: int) -> Finding | None:
    """Say what the spelling of a word (in small letters) tells, if it follows a rule.

    Args:
        word: The word, with its hyphens.
        at: Its place among the tokens.
    """
    if word.isascii():
        if ("ct" in word or "pt" in word or "cc" in word) and _OLD_CONSONANTS.fullmatch(word):
            return Finding(at, at + 1, "old-spelling", "pt-PT")
        return None
    if word in _ALIKE:
        return None
    if _CLOSED.search(word):
        opened = _CLOSED.sub(lambda m: "é" if m[0] == "ê" else "ó", word)
        return Finding(at, at + 1, "spelling", "pt-BR", opened, safe=True)
    if _OPEN.search(word) or _WE_DID.fullmatch(word):
        return Finding(at, at + 1, "spelling", "pt-PT")
    if _BRAZIL_BEFORE_2009.fullmatch(word):
        today = word.translate(_TREMA).replace("éi", "ei")
        return Finding(at, at + 1, "old-spelling", "pt-BR", today, safe=True)
    if _OLD_CONSONANTS.fullmatch(word):
        return Finding(at, at + 1, "old-spelling", "pt-PT")
    return None
