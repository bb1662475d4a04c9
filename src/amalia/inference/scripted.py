"""A double that answers from a script, shipped so that tests and dry runs need no model.

It counts tokens as a person would, by words, and heeds ``max_new_tokens`` and ``stop`` as a
model does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from amalia.errors import AmaliaError, GenerationError
from amalia.inference.base import Answer, LogProb, Sampling, cut
from amalia.records import Conversation, Row

Script = Callable[[Row[Conversation]], str] | Mapping[str, str] | Sequence[str]
Likelihood = Callable[[Row[Conversation], str], float]


@dataclass(frozen=True, slots=True)
class Call:
    """One question the double was asked."""

    kind: Literal["stream", "complete", "log_prob"]
    prompt: Row[Conversation]
    sampling: Sampling | None
    """``None`` for ``log_prob``."""
    answer: str
    """What it gave, or, for ``log_prob``, what it was asked about."""


class Scripted:
    """Answers from a function, a mapping by the text of the last turn, or a sequence in turn."""

    def __init__(
        self, script: Script, *, likelihood: Likelihood | None = None, name: str = "scripted"
    ) -> None:
        """Keep the script.

        Args:
            script: A function of the prompt; a mapping from the text of the last turn to answers;
                or answers to give one after the other.
            likelihood: Prompt and answer → total in nats; without it every word costs one nat.
            name: What reports call it.
        """
        # A text is a sequence of letters to the type checker; each would be an answer.
        assert not isinstance(script, str)
        self.name = name
        self.calls: list[Call] = []
        self._script = script
        self._likelihood = likelihood
        self._num_given = 0

    def stream(self, prompt: Row[Conversation], sampling: Sampling) -> Iterator[str]:
        """Give the scripted answer word by word."""
        answer = self._answer("stream", prompt, sampling)
        yield from _words(answer.text)

    def answer_many(
        self, prompts: Iterable[Row[Conversation]], sampling: Sampling
    ) -> Iterator[Answer | AmaliaError]:
        """Give the scripted answers in order; an error that the script raises stands for its answer."""
        for prompt in prompts:
            try:
                yield self._answer("complete", prompt, sampling)
            except AmaliaError as error:
                yield error

    def weigh_many(
        self, prompts: Iterable[Row[Conversation]], answers: Iterable[str]
    ) -> Iterator[LogProb | AmaliaError]:
        """Give the scripted likelihoods."""
        for prompt, answer in zip(prompts, answers, strict=True):
            self.calls.append(Call("log_prob", prompt, None, answer))
            num_tokens = len(_words(answer)) + 1
            try:
                total = self._likelihood(prompt, answer) if self._likelihood else -float(num_tokens)
            except AmaliaError as error:
                yield error
                continue
            yield LogProb(total, num_tokens)

    def _answer(
        self, kind: Literal["stream", "complete"], prompt: Row[Conversation], sampling: Sampling
    ) -> Answer:
        full, is_stopped = cut(self._lookup(prompt), sampling.stop)
        words = _words(full)
        said = words[: sampling.max_new_tokens]
        is_whole = is_stopped or len(words) <= sampling.max_new_tokens
        answer = Answer("".join(said), "stop" if is_whole else "length", len(said))
        self.calls.append(Call(kind, prompt, sampling, answer.text))
        return answer

    def _lookup(self, prompt: Row[Conversation]) -> str:
        question = prompt.record.turns[-1].text
        if callable(self._script):
            return self._script(prompt)
        if isinstance(self._script, Mapping):
            if question not in self._script:
                raise GenerationError(
                    f"the script has no answer to {question!r}; it knows {sorted(self._script)}; "
                    "add one"
                )
            return self._script[question]
        if self._num_given >= len(self._script):
            raise GenerationError(
                f"the script is used up: it has {len(self._script)} answers and {question!r} "
                "asks for one more; add one"
            )
        self._num_given += 1
        return self._script[self._num_given - 1]


def _words(text: str) -> list[str]:
    """Words with the white space before them; joined they are the text."""
    return re.findall(r"\s*\S+\s*\Z|\s*\S+|\s+\Z", text)
