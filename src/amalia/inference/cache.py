"""An engine whose answers are kept, so that a question is paid for once.

A question is known by everything that its answer depends on: the engine by its name, which stands for
its weights and settings; the roles, texts and pictures of the turns; the sampling settings, or the
answer to weigh. Ids, origins and languages of records are no part of it. Errors are never kept.

Drawn answers (a temperature above 0) need care. Without a seed another answer is wanted every time,
and none is kept. With one, the first, second, third time the same is asked in one call are three
questions. What an engine draws depends on the place in its own call, and a cache that passes on only
what it does not know moves the places: so once answers of the same engine and settings are kept, the
seed handed on is another one for every number of them. A call on an empty cache thus gives what the
engine alone gives, a call that was stopped and continued gives other draws that are just as
independent, and whatever is kept is given again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import tee
from random import Random
from typing import TypeVar

from amalia.errors import AmaliaError
from amalia.inference.base import Answer, Generate, LogProb, Sampling
from amalia.inference.cache_file import AnswerCache, Question, Rate
from amalia.records import Conversation, Image, Row

__all__ = ["AnswerCache", "Cached", "Rate"]

T = TypeVar("T")
V = TypeVar("V", Answer, LogProb)

# Answers that are known already and stand behind one that is being waited for.
_MAX_HELD = 256


class Cached:
    """An engine whose answers are kept; see ``amalia.inference.base.Generate``."""

    def __init__(
        self,
        engine: Generate,
        cache: AnswerCache,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Put a cache around an engine.

        Args:
            engine: Its name stands for its weights and settings; two that share one share answers.
            cache: Where answers are kept; several engines may share one.
            clock: Seconds, to time the engine by.
        """
        self.num_hits = 0
        """Answers that were kept already."""
        self.num_misses = 0
        """Answers the engine was asked for, those that became errors among them."""
        self._engine = engine
        self._cache = cache
        self._clock = clock

    @property
    def name(self) -> str:
        """The name of the engine."""
        return self._engine.name

    def stream(self, prompt: Row[Conversation], sampling: Sampling) -> Iterator[str]:
        """Let the engine answer; what is streamed is neither looked up nor kept."""
        return self._engine.stream(prompt, sampling)

    def answer_many(
        self, prompts: Iterable[Row[Conversation]], sampling: Sampling
    ) -> Iterator[Answer | AmaliaError]:
        """Answer prompts in their order, and ask the engine only what is not kept.

        Prompts are taken as the engine takes them, and each answer is kept as it comes.

        Raises:
            GenerationError: The engine answers nothing at all.
            ArtifactError: The file of the cache is damaged, or there is no room.
        """
        if sampling.temperature > 0 and sampling.seed is None:
            return self._engine.answer_many(prompts, sampling)
        series = _digest("series", self.name, _settings(sampling)) if sampling.temperature else None

        def questions() -> Iterator[tuple[Question, Row[Conversation]]]:
            times: Counter[bytes] = Counter()
            for row in prompts:
                key = _digest("answer", self.name, _turns(row), _settings(sampling))
                if series is not None:
                    times[key] += 1
                    key = _digest(key.hex(), times[key])
                yield Question(key, "answer", self.name, series), row

        def ask(missing: Iterator[Row[Conversation]]) -> Iterator[Answer | AmaliaError]:
            drawn = self._cache.num_drawn(series) if series is not None else 0
            own = sampling
            if drawn:
                seed = Random(f"{sampling.seed}/{drawn}").getrandbits(31)
                own = sampling.model_copy(update={"seed": seed})
            return self._engine.answer_many(missing, own)

        return self._through(questions(), ask, Answer)

    def weigh_many(
        self, prompts: Iterable[Row[Conversation]], answers: Iterable[str]
    ) -> Iterator[LogProb | AmaliaError]:
        """Weigh answers in their order, and ask the engine only what is not kept.

        Raises:
            GenerationError: The engine has no likelihoods to give.
            ArtifactError: The file of the cache is damaged, or there is no room.
        """

        def questions() -> Iterator[tuple[Question, tuple[Row[Conversation], str]]]:
            for row, answer in zip(prompts, answers, strict=True):
                key = _digest("weigh", self.name, _turns(row), answer)
                yield Question(key, "weigh", self.name), (row, answer)

        def ask(
            missing: Iterator[tuple[Row[Conversation], str]],
        ) -> Iterator[LogProb | AmaliaError]:
            first, second = tee(missing)
            return self._engine.weigh_many(
                (row for row, _ in first), (answer for _, answer in second)
            )

        return self._through(questions(), ask, LogProb)

    def _through(
        self,
        questions: Iterator[tuple[Question, T]],
        ask: Callable[[Iterator[T]], Iterator[V | AmaliaError]],
        value: type[V],
    ) -> Iterator[V | AmaliaError]:
        """Give what is kept; from the first question that is not, let the engine take them."""
        for question, item in questions:
            found = self._cache.find(question, value)
            if found is not None:
                self.num_hits += 1
                yield found
                continue
            waiting: deque[V | Question] = deque()
            missing = self._missing((question, item), questions, waiting, value)
            yield from self._asked(ask(missing), waiting)

    def _missing(
        self,
        first: tuple[Question, T],
        questions: Iterator[tuple[Question, T]],
        waiting: deque[V | Question],
        value: type[V],
    ) -> Iterator[T]:
        """Give the engine what is not kept, and line up what is behind what it was given.

        Ends when too much is lined up: the engine then answers what it has, and is asked anew.
        """
        question, item = first
        self.num_misses += 1
        waiting.append(question)
        yield item
        for question, item in questions:
            found = self._cache.find(question, value)
            if found is None:
                self.num_misses += 1
                waiting.append(question)
                yield item
                continue
            self.num_hits += 1
            waiting.append(found)
            if sum(not isinstance(one, Question) for one in waiting) >= _MAX_HELD:
                return

    def _asked(
        self, answers: Iterator[V | AmaliaError], waiting: deque[V | Question]
    ) -> Iterator[V | AmaliaError]:
        """Give the engine's answers as they come, among what is lined up before and behind them."""
        seconds = 0.0
        while True:
            began = self._clock()
            answer = next(answers, None)
            seconds += self._clock() - began
            # An engine that was looking for its next question may have passed some of these.
            yield from _known(waiting)
            if answer is None:
                assert not waiting
                return
            question = waiting.popleft()
            assert isinstance(question, Question)
            if not isinstance(answer, AmaliaError):
                self._cache.keep(question, answer, seconds=seconds)
                seconds = 0.0
            yield answer
            yield from _known(waiting)


def _known(waiting: deque[V | Question]) -> Iterator[V]:
    """Take what is known off the front of the line."""
    while waiting and not isinstance(waiting[0], Question):
        known = waiting.popleft()
        assert not isinstance(known, Question)
        yield known


def _turns(row: Row[Conversation]) -> list[object]:
    return [
        [
            turn.role,
            [
                {"sha256": part.sha256} if isinstance(part, Image) else part.text
                for part in turn.parts
            ],
        ]
        for turn in row.record.turns
    ]


def _settings(sampling: Sampling) -> dict[str, object]:
    return sampling.model_dump(mode="json")


def _digest(*parts: object) -> bytes:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()
