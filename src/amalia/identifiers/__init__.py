"""Numbers and addresses that stand for a person: found with their check digits, taken out, put back.

``docs/safety.md`` lists what is found and what is not; guards and the corpus both stand on this.
"""

from amalia.identifiers.digit_runs import Hit
from amalia.identifiers.finder import find
from amalia.identifiers.masking import Restoring, Span, Vault, redact

__all__ = ["Hit", "Restoring", "Span", "Vault", "find", "redact"]
