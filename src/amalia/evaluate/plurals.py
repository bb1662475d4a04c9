"""How a Portuguese name of a thing may look in the plural: «balões», «carros de bombeiros», «notas musicais».

Rules give every form that may be right and some that are not; they serve to find names, not to write them. A word in
-ão has three plurals, of which one is in use, and behind the first word of a name only a reader knows what agrees.
"""

import re
from itertools import product

# Behind one of these a name does not change: «carros de bombeiros».
_LINKS = frozenset("de da do das dos d em no na com sem para por a à ao e".split())
_RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ão", ("ões", "ães", "ãos")),
    ("al", ("ais",)),
    ("el", ("éis", "eis")),
    ("ol", ("óis", "ois")),
    ("ul", ("uis",)),
    ("il", ("is", "eis")),
    ("m", ("ns",)),
    ("r", ("res", "rs")),
    ("z", ("zes",)),
    ("n", ("nes", "ns")),
    ("ás", ("ases",)),
    ("ês", ("eses",)),
    ("és", ("eses",)),
    ("s", ("s",)),
    ("x", ("x",)),
)
_PARTS = re.compile(r"([ -])")


def plurals(name: str) -> frozenset[str]:
    """Give the plurals that a name may have.

    Args:
        name: In lower case, in the singular; one or more words, also with hyphens.

    Returns:
        Forms in lower case; a name that is a plural may be among them.
    """
    parts = _PARTS.split(name)
    words, joints = parts[::2], parts[1::2]
    changing = next((at for at, word in enumerate(words) if at and word in _LINKS), len(words))
    # «guarda-chuvas» and «t-shirts» keep their first word.
    keeps_first = "-" in joints
    choices = [
        (*_forms(word), *((word,) if at or keeps_first else ())) if at < changing else (word,)
        for at, word in enumerate(words)
    ]
    return frozenset(
        "".join(word + joint for word, joint in zip(form, (*joints, ""), strict=True))
        for form in product(*choices)
    )


def singular(name: str) -> str:
    """Take the s from a name that is itself a plural of vowels and s: «luvas» is «luva»."""
    return re.sub(r"(?<=[aeiou])s$", "", name)


def _forms(word: str) -> tuple[str, ...]:
    for ending, plural in _RULES:
        if word.endswith(ending):
            return tuple(word.removesuffix(ending) + form for form in plural)
    return (word + "s",)
