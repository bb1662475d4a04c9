"""Is this European or Brazilian Portuguese, and why?

    >>> from amalia.variety import detect
    >>> detect("O autocarro está a chegar.").label
    'pt-PT'

Needs NumPy and nothing else. What is measured, on what, and what it cannot know stands in
``docs/variety.md``.
"""

from amalia.variety.detector import Label, Variety, detect, detect_many, signs
from amalia.variety.evidence import Evidence
from amalia.variety.model import p_many
from amalia.variety.rewriting import Rewritten, rewrite

__all__ = [
    "Evidence",
    "Label",
    "Rewritten",
    "Variety",
    "detect",
    "detect_many",
    "p_many",
    "rewrite",
    "signs",
]
