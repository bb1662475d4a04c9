"""How much a key may ask for in a minute: requests, tokens and pictures, each from a bucket of its own.

A bucket holds what is allowed in a minute and fills up evenly, so that a client may send a minute's worth at
once and then as fast as it fills. Tokens are taken when they are known: an estimate may be taken first and
is set right afterwards, which can leave a debt that has to fill up before the next request. Times come from
a clock that never jumps.

What is kept is a few numbers for each caller that asked lately. One server counts for itself; two behind one
address allow twice as much. Used from one event loop, without locks.

Not covered: clients without a key, which have no name to count under.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from amalia.errors import RequestError
from amalia.serve.keys import Caller

MAX_CALLERS = 10_000
"""Callers remembered; one that asked longest ago is forgotten first, which fills its buckets."""

_MINUTE_S = 60.0
_ROUNDING = 1e-6
_KINDS = ("requests", "tokens", "images")
_TOLD = ("requests", "tokens")
"""What OpenAI's headers tell of."""
HEADERS = tuple(
    f"x-ratelimit-{what}-{kind}" for kind in _TOLD for what in ("limit", "remaining", "reset")
)
"""Names of what ``Rates.headers`` gives."""


@dataclass(slots=True)
class _Bucket:
    limit: int
    left: float
    at_s: float

    def fill(self, now_s: float) -> None:
        self.left = min(self.limit, self.left + self.limit * (now_s - self.at_s) / _MINUTE_S)
        self.at_s = now_s

    def wait_s(self, amount: float) -> float:
        """How long until the bucket holds an amount."""
        short = amount - self.left
        return short * _MINUTE_S / self.limit if short > _ROUNDING else 0.0

    @property
    def whole(self) -> int:
        """How much can be taken at once."""
        return max(0, int(self.left + _ROUNDING))


class Rates:
    """Counts what callers ask for; one for a server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Remember nobody yet.

        Args:
            clock: Seconds that never jump.
        """
        self._clock = clock
        self._callers: OrderedDict[str, dict[str, _Bucket]] = OrderedDict()

    def admit(self, caller: Caller, *, requests: int = 0, tokens: int = 0, images: int = 0) -> None:
        """Take from a caller's buckets, from all of them or from none.

        Args:
            caller: Who asks.
            requests: How many.
            tokens: As far as is known now; a caller in debt is refused with 0 as well.
            images: How many.

        Raises:
            RequestError: It is more than is left (429, with when to ask again), or more than is ever
                allowed at once (413).
        """
        wanted = {"requests": requests, "tokens": tokens, "images": images}
        buckets = self._buckets(caller)
        wait_s, short = 0.0, ""
        for kind, bucket in buckets.items():
            if wanted[kind] > bucket.limit:
                raise RequestError(
                    f"the request takes {wanted[kind]} {kind}; expected at most {bucket.limit}, which is what "
                    "this key may take in a minute; ask for less",
                    status=413,
                    code="rate_limit_exceeded",
                )
            kind_s = bucket.wait_s(wanted[kind])
            if kind_s > wait_s:
                wait_s, short = kind_s, kind
        if short:
            raise RequestError(
                f"this key may take {buckets[short].limit} {short} a minute and has "
                f"{buckets[short].whole} left; ask again in {wait_s:.1f} s",
                status=429,
                code="rate_limit_exceeded",
                retry_after_s=wait_s,
            )
        for kind, bucket in buckets.items():
            bucket.left -= wanted[kind]

    def settle(self, caller: Caller, *, tokens: int, estimate: int = 0) -> None:
        """Take the tokens that a request has used.

        Args:
            caller: Who asked.
            tokens: How many they were.
            estimate: How many were taken when it was admitted.
        """
        bucket = self._buckets(caller).get("tokens")
        if bucket is not None:
            bucket.left = min(bucket.limit, bucket.left - tokens + estimate)

    def headers(self, caller: Caller) -> dict[str, str]:
        """Give what OpenAI's headers tell: the limit, what is left, and when all is there again."""
        buckets = self._buckets(caller)
        found = {}
        for kind in _TOLD:
            if kind in buckets:
                bucket = buckets[kind]
                found[f"x-ratelimit-limit-{kind}"] = str(bucket.limit)
                found[f"x-ratelimit-remaining-{kind}"] = str(bucket.whole)
                found[f"x-ratelimit-reset-{kind}"] = duration(bucket.wait_s(bucket.limit))
        return found

    def _buckets(self, caller: Caller) -> dict[str, _Bucket]:
        """Give a caller's buckets, filled up to now; only of what is limited."""
        now_s = self._clock()
        limits = {kind: getattr(caller.limits, f"{kind}_per_minute") for kind in _KINDS}
        wanted = {kind: limit for kind, limit in limits.items() if limit is not None}
        if not wanted:
            return {}
        known = self._callers.setdefault(caller.id, {})
        self._callers.move_to_end(caller.id)
        buckets = {}
        for kind, limit in wanted.items():
            bucket = known.get(kind)
            if bucket is None or bucket.limit != limit:  # new, or changed in the file of keys
                bucket = _Bucket(limit, limit, now_s)
            bucket.fill(now_s)
            buckets[kind] = bucket
        self._callers[caller.id] = buckets
        while len(self._callers) > MAX_CALLERS:
            self._callers.popitem(last=False)
        return buckets


def duration(seconds: float) -> str:
    """Write a time as OpenAI's headers do: ``20ms``, ``1.5s``, ``6m0s``."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{int(minutes)}m{rest:.3g}s" if minutes else f"{rest:.4g}s"
