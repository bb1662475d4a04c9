"""Text typed without accents: "nao sei se o onibus ja passou".

Where a text has no letter outside ASCII its words are looked up as they would be written with care.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

# Words that rules of grammar look for. What is another word without its accent («esta», «e», «por», «ia»)
# stays as it is.
_SMALL_WORDS = """
você vocês não já só também ninguém alguém até estão estávamos médico farmácia
""".split()
_LAST_STRESSED = re.compile(r"[^a-z]s?$")
_VERB_AFTER = re.compile(r"(?:ar|er|ir|or)(?:-\w+)?$")


def fold(text: str) -> str:
    """Take the accents off: «ônibus», "onibus"."""
    letters = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def spellings(forms: Iterable[Sequence[str]]) -> dict[str, str]:
    """Give what words stand for when they are typed without accents.

    Args:
        forms: Words of each form of a lexicon. Without its accent a word that ends in one is another
            word («maiô»), and so is a short one («dá»).
    """
    known = list(forms)
    other = {form[0] for form in known if len(form) == 1 and _LAST_STRESSED.search(form[0])}
    accented = {word for form in known for word in form if len(word) > 3 and not word.isascii()}
    return {fold(word): word for word in (*sorted(accented - other), *_SMALL_WORDS)}


def restored(words: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Write words as they would be with accents; «esta» is a verb before "a" and a verb ("esta a chover")."""
    written = [known.get(word, word) for word in words]
    for at, word in enumerate(words):
        after = words[at + 1 : at + 3]
        if word in ("esta", "estas") and len(after) == 2:
            lasting = after[0] == "a" and _VERB_AFTER.search(after[1])
            if lasting or after[0].endswith(("ando", "endo", "indo")):
                written[at] = "está" if word == "esta" else "estás"
    return written
