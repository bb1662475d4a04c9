"""Asking a server over HTTP until it answers: connections, tries, pauses, threads.

Asked again: statuses that pass (408, 409, 425, 429 and 500 upwards), time running out, connections that
break, and answers that are no JSON. The pauses double, with chance in them so that requests that
failed together do not come back together, and ``Retry-After`` is heeded up to a limit. Everything
else is final, and so is a stream of which a piece has been passed on.

Proxies that environment variables name are not used: a recipe says everything. Certificates are
checked against those of the operating system.
"""

from __future__ import annotations

import email.utils
import socket
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self, TypeVar

import httpx

from amalia.errors import GenerationError
from amalia.inference.endpoint_wire import Json, Unusable, events, failure, parsed, piece, quoted

T = TypeVar("T")
V = TypeVar("V")

# A machine that is there accepts a connection at once, whatever it then takes to answer.
_MAX_CONNECT_S = 10.0
_FIRST_PAUSE_S = 1.0
_MAX_PAUSE_S = 30.0
_MAX_ASKED_PAUSE_S = 120.0
_WAYS_OUT = {
    "timeout": "raise timeout_s, or lower concurrency",
    "prompt_too_long": "use fewer turns, fewer or smaller pictures, or a lower max_new_tokens",
    "picture_unreadable": "mend the picture, or leave the prompt out",
    "picture_for_text_model": "serve a model that sees, or leave the prompt out",
    "refused_by_server": "leave the prompt out, or correct the fields under extra",
    "key_refused": "put a valid key into the environment variable that key_env names",
    "not_found": "load the model, or correct the address, which for most servers ends in /v1",
    "no_server": "start the server and run again, or correct its address",
    "tool_call": "serve the model without tools",
    "no_likelihoods": "use a server that gives log-probabilities (vLLM) or a generate task",
    "template_differs": "use a template that opens an answer as it writes one, or a generate task",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is and how it is spoken to."""

    url: str
    """Without a slash at its end."""
    key: str | None = field(repr=False)
    timeout_s: float
    retries: int
    tls: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait before asking again; tests bring a clock and a sleep of their own."""

    sleep: Callable[[float], object] | None = None
    """By default a sleep that ends at once when nobody waits for the answer any more."""
    now: Callable[[], float] = time.time
    random: Random = field(default_factory=Random)

    def length_s(self, num_tries: int, asked_s: float) -> float:
        """Say how long to wait after a number of tries, at least 1, when the server asks for so long."""
        doubled = min(_MAX_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (num_tries - 1))
        return max(doubled * self.random.uniform(0.5, 1.0), min(asked_s, _MAX_ASKED_PAUSE_S))

    def asked_s(self, header: str | None) -> float:
        """Read ``Retry-After``, seconds or a date; 0 for none and for what is neither."""
        if header is None:
            return 0.0
        with suppress(ValueError):
            return max(0.0, float(header))
        with suppress(ValueError):
            return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - self.now())
        return 0.0


class Session:
    """Connections to one server, used by several threads; a context manager."""

    def __init__(self, address: Address, pauses: Pauses) -> None:
        """Prepare; a connection is made by the first question."""
        self._address = address
        self._pauses = pauses
        self._cancelled = threading.Event()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {address.key}"} if address.key else None,
            timeout=httpx.Timeout(
                address.timeout_s, connect=min(address.timeout_s, _MAX_CONNECT_S), pool=None
            ),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
            verify=address.tls,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        """Give the session itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        self._client.close()

    def models(self) -> Json:
        """Ask which models there are; a server that is not there is not waited for.

        Raises:
            GenerationError: No usable answer.
        """
        request = self._request("GET", "/models")
        who = "connecting"
        return self._persist(lambda: parsed(self._send(request)), who, final={"no_server"})

    def ask(self, body: Json, read: Callable[[Json], T], *, who: str) -> T:
        """Ask for a chat completion and read what comes.

        Args:
            body: The question.
            read: Turns an answer into a value, or raises ``Unusable``.
            who: On whose behalf, for messages.

        Raises:
            GenerationError: No usable answer; ``reason`` says why.
        """
        request = self._request("POST", "/chat/completions", body)
        return self._persist(lambda: read(parsed(self._send(request))), who)

    def pieces(self, body: Json, *, who: str) -> Iterator[str]:
        """Ask for a chat completion and give its text as it comes.

        Raises:
            GenerationError: No usable answer, also in the middle of one.
        """
        request = self._request("POST", "/chat/completions", {**body, "stream": True})
        response = self._persist(lambda: self._open(request), who)
        try:
            texts = (piece(event) for event in events(response.iter_bytes()))
            while (text := self._once(lambda: next(texts, None), who)) is not None:
                if text:
                    yield text
        finally:
            response.close()

    def in_order(
        self, work: Callable[[T], V], items: Iterable[T], *, concurrency: int
    ) -> Iterator[V]:
        """Do work on items in threads and give the results in the order of the items.

        Items are taken as there is room, at most two for each thread beyond what has been given. However
        this ends, no thread is left behind: connections are cut and pauses end.
        """
        pool = ThreadPoolExecutor(concurrency, thread_name_prefix="amalia-endpoint")
        waiting: deque[Future[V]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                while waiting and (len(waiting) >= 2 * concurrency or waiting[0].done()):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            self._cancel()
            pool.shutdown(cancel_futures=True)

    def _cancel(self) -> None:
        """Make every question that is under way fail soon."""
        with self._lock:
            self._cancelled.set()
            for connected in self._sockets:
                _cut_off(connected)

    def _trace(self, event: str, about: Mapping[str, Any]) -> None:
        """Remember sockets, because closing one from another thread does not wake who reads from it."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            connected = about["return_value"].get_extra_info("socket")
            with self._lock:
                self._sockets.add(connected)
                if self._cancelled.is_set():
                    _cut_off(connected)

    def _request(self, method: str, path: str, body: Json | None = None) -> httpx.Request:
        return self._client.build_request(
            method, self._address.url + path, json=body, extensions={"trace": self._trace}
        )

    def _send(self, request: httpx.Request) -> str:
        response = self._client.send(request)
        self._check(response)
        return response.text

    def _open(self, request: httpx.Request) -> httpx.Response:
        response = self._client.send(request, stream=True)
        try:
            if response.status_code != 200:
                response.read()
            self._check(response)
        except BaseException:
            response.close()
            raise
        return response

    def _check(self, response: httpx.Response) -> None:
        if response.status_code != 200:
            wait_s = self._pauses.asked_s(response.headers.get("Retry-After"))
            raise failure(response.status_code, response.text, wait_s=wait_s)

    def _persist(
        self, attempt: Callable[[], T], who: str, *, final: Iterable[str] = frozenset()
    ) -> T:
        """Attempt something until it succeeds, fails for good, or has been tried often enough."""
        for num_tries in range(1, self._address.retries + 2):
            try:
                return _attempted(attempt)
            except Unusable as unusable:
                is_last = num_tries > self._address.retries or unusable.reason in final
                if not is_last and unusable.is_passing:
                    self._pause(self._pauses.length_s(num_tries, unusable.wait_s))
                    if not self._cancelled.is_set():
                        continue
                raise self._error(unusable, who, num_tries) from unusable
        raise AssertionError

    def _pause(self, seconds: float) -> None:
        if self._pauses.sleep is None:
            self._cancelled.wait(seconds)
        else:
            self._pauses.sleep(seconds)

    def _once(self, attempt: Callable[[], T], who: str) -> T:
        try:
            return _attempted(attempt)
        except Unusable as unusable:
            raise self._error(unusable, who, 1) from unusable

    def _error(self, unusable: Unusable, who: str, num_tries: int) -> GenerationError:
        detail = unusable.detail
        if self._address.key:
            detail = detail.replace(self._address.key, "…")
        tries = "1 try" if num_tries == 1 else f"{num_tries} tries"
        way_out = _WAYS_OUT.get(unusable.reason, "see the log of the server, then run again")
        return GenerationError(
            f"{who}: {self._address.url} {detail} ({tries}); expected an answer; {way_out}",
            reason=unusable.reason,
        )


def _attempted(attempt: Callable[[], T]) -> T:
    """Attempt something; whatever happens to the connection becomes ``Unusable``."""
    try:
        return attempt()
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Unusable("no_server", _told("cannot be reached", error), is_passing=True) from error
    except httpx.TimeoutException as error:
        raise Unusable("timeout", _told("took too long", error), is_passing=True) from error
    except httpx.DecodingError as error:
        raise Unusable("malformed", _told("sent garbage", error), is_passing=True) from error
    except httpx.RequestError as error:
        raise Unusable("no_connection", _told("broke off", error), is_passing=True) from error


def _told(what: str, error: Exception) -> str:
    return f"{what}: {type(error).__name__} {quoted(str(error))}"


def _cut_off(connected: socket.socket) -> None:
    # Not the method of the object: that of a TLS socket pulls the ground from under a reader.
    with suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
