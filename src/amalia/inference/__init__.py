"""The one seam to models: what can be asked of one, and the ways to have one.

``base`` is the contract, ``local`` runs an exported folder in this process (needs torch; import it
from its module), ``scripted`` answers from a script and stands in for a model in tests and trials.
"""

from amalia.inference.base import (
    Answer,
    Generate,
    LogProb,
    Sampling,
    complete,
    complete_many,
    log_probs,
)
from amalia.inference.scripted import Scripted

__all__ = [
    "Answer",
    "Generate",
    "LogProb",
    "Sampling",
    "Scripted",
    "complete",
    "complete_many",
    "log_probs",
]
