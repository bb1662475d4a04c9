"""Who may ask, and how much: keys and their limits, or anybody on a loopback address."""

from __future__ import annotations

from pathlib import Path

from amalia.serve.engine import Usage
from amalia.serve.keys import Caller, Keys
from amalia.serve.rates import Rates

_ANYBODY = Caller("")


class Access:
    """Lets requests in."""

    def __init__(self, keys: Keys | None, rates: Rates) -> None:
        """Keep the keys; None lets anybody in, which is for loopback addresses."""
        self._keys = keys
        self._rates = rates

    @classmethod
    def load(cls, keys: Path | None) -> Access:
        """Read a file of keys.

        Raises:
            ArtifactError: There is none, or it is damaged.
        """
        return cls(None if keys is None else Keys.load(keys), Rates())

    @property
    def needs_key(self) -> bool:
        """Whether requests must carry a key."""
        return self._keys is not None

    def authenticate(self, header: str | None) -> Caller:
        """Know who asks.

        Raises:
            RequestError: The key is missing, unknown or has expired (401).
        """
        return _ANYBODY if self._keys is None else self._keys.authenticate(header)

    def admit_request(self, caller: Caller) -> None:
        """Count a request.

        Raises:
            RequestError: Too many in a minute (429).
        """
        self._rates.admit(caller, requests=1)

    def admit_content(self, caller: Caller, *, num_pictures: int) -> None:
        """Count the pictures of a request, and see whether tokens are left.

        Raises:
            RequestError: Too many in a minute (429).
        """
        self._rates.admit(caller, images=num_pictures)

    def headers(self, caller: Caller) -> dict[str, str]:
        """Give what an answer tells of the limits of who asked."""
        return self._rates.headers(caller)

    def settle(self, caller: Caller, usage: Usage) -> None:
        """Count the tokens that a request has used."""
        self._rates.settle(caller, tokens=usage.num_prompt_tokens + usage.num_answer_tokens)
