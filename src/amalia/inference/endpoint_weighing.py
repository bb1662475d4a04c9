"""Asking a server how likely answers are: which way works with it, and the answers to one prompt in a row.

Bodies are written and read in ``endpoint_likelihood``, where the ways and their limits are told. The
first prompt that is weighed decides on the way, and on whether the end of turn can be weighed with the
answers; all that follows is weighed alike, because likelihoods of two kinds cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from amalia.errors import AmaliaError, GenerationError
from amalia.inference.base import LogProb
from amalia.inference.endpoint_likelihood import (
    NO_CLOSING,
    Closing,
    Token,
    answer_log_prob,
    closing,
    every_token_body,
    first_token_body,
    is_letter,
    letter_log_prob,
    plain_body,
    read_first_tokens,
    read_tokens,
)
from amalia.inference.endpoint_wire import FATAL, Json, only_choice, who
from amalia.records import Conversation, Row

if TYPE_CHECKING:
    # httpx takes longer to import than everything else here together.
    from amalia.inference.endpoint_transport import Session

T = TypeVar("T")
V = TypeVar("V")
Way = Literal["prompt_logprobs", "top_logprobs"]
Weighed = list[LogProb | AmaliaError]

_WAYS: tuple[Way, ...] = ("prompt_logprobs", "top_logprobs")
# Answers to one prompt that are weighed one after the other by one thread.
_MAX_ASKED = 64
# After these another way to weigh may work with the same server.
_OTHER_WAY = frozenset({"refused_by_server", "no_likelihoods", "template_differs"})


class Asked(NamedTuple):
    """A prompt and the answers that are asked about in a row."""

    row: Row[Conversation]
    answers: list[str]


@dataclass(frozen=True, slots=True)
class Likelihoods:
    """How one server is asked for likelihoods; ``probe`` finds out how it answers."""

    model: str
    """What the server calls the model."""
    name: str
    """What reports call it."""
    extra: Json
    """Further fields of a question."""
    way: Way | None
    """The way that works, once it is known or when it is chosen."""
    closed: Closing | None = None
    """What the server writes after an answer, once it is known; of ``prompt_logprobs`` only."""

    @property
    def is_known(self) -> bool:
        """Whether prompts may be weighed, several at a time; else they are probed one by one."""
        return self.way == "top_logprobs" or (self.way is not None and self.closed is not None)

    def probe(self, session: Session, asked: Asked) -> tuple[Likelihoods, Weighed]:
        """Weigh answers in the first way that works.

        Returns:
            How to go on, and what was found; a prompt that is itself at fault decides nothing.

        Raises:
            GenerationError: The server has no likelihoods, is gone, refuses the key or has no such model.
        """
        complaints = []
        refused: Weighed = []
        for way in _WAYS if self.way is None else (self.way,):
            try:
                with_way, found = self._tried(session, way, asked)
            except GenerationError as error:
                if error.reason != "no_likelihoods":
                    raise
                complaints.append(str(error))
                continue
            reasons = {item.reason for item in found if isinstance(item, AmaliaError)}
            if any(isinstance(item, LogProb) for item in found) or "not_one_token" in reasons:
                return with_way, found
            if not reasons <= _OTHER_WAY:
                return self, found  # the fault of this prompt, perhaps; the next one will show
            complaints.append(str(found[0]))
            if reasons == {"refused_by_server"}:
                refused = found
        if refused and self._is_refused(session, asked):
            return self, refused
        raise GenerationError(
            f"{self.name} gives no log-probabilities ({' / '.join(complaints)}); expected them; use a "
            "server that does (vLLM) or a generate task",
            reason="no_likelihoods",
        )

    def weigh(self, session: Session, asked: Asked) -> Weighed:
        """Weigh the answers to a prompt in the way that is known.

        Raises:
            GenerationError: The server has no likelihoods, is gone, refuses the key or has no such model.
        """
        if self.way == "top_logprobs":
            return self._by_first_token(session, asked)
        prompt = self._prompt(session, asked)
        if isinstance(prompt, AmaliaError):
            return [prompt] * len(asked.answers)
        closed = self.closed or NO_CLOSING

        def weigh(answer: str) -> LogProb:
            def read(body: Json) -> LogProb:
                return answer_log_prob(prompt, read_tokens(body), answer, closed)

            return self._every_token(
                session, asked, answer, read=read, is_ended=closed.num_counted > 0
            )

        return [or_error(weigh, answer) for answer in asked.answers]

    def _tried(self, session: Session, way: Way, asked: Asked) -> tuple[Likelihoods, Weighed]:
        known = replace(self, way=way)
        if way == "top_logprobs":
            return known, known.weigh(session, asked)
        errors: Weighed = []
        for answer in asked.answers:
            closed = or_error(partial(known._closing, session, asked), answer)
            if not isinstance(closed, AmaliaError):
                known = replace(known, closed=closed)
                return known, known.weigh(session, asked)
            errors.append(closed)
        return known, errors

    def _closing(self, session: Session, asked: Asked, answer: str) -> Closing:
        """Find out what the server writes after an answer."""
        ask = partial(self._every_token, session, asked, read=read_tokens)
        begun = ask(answer, is_ended=False)
        ended = or_error(partial(ask, is_ended=True), answer)
        if isinstance(ended, list):
            return closing(begun, ended)
        if ended.reason == "refused_by_server":
            return NO_CLOSING  # it lets an answer be continued and none be complete
        raise ended

    def _prompt(self, session: Session, asked: Asked) -> list[Token | None] | AmaliaError:
        def ask(row: Row[Conversation]) -> list[Token | None]:
            body = every_token_body(self.model, row, None, extra=self.extra)
            return session.ask(body, read_tokens, who=who(asked.row))

        return or_error(ask, asked.row)

    def _every_token(
        self,
        session: Session,
        asked: Asked,
        answer: str,
        *,
        read: Callable[[Json], T],
        is_ended: bool,
    ) -> T:
        if not answer.strip():
            raise GenerationError(
                f"{who(asked.row)}: the answer to weigh is {answer!r}; expected a text that is not blank; "
                "leave it out",
                reason="empty_answer",
            )
        body = every_token_body(self.model, asked.row, answer, is_ended=is_ended, extra=self.extra)
        return session.ask(body, read, who=who(asked.row))

    def _by_first_token(self, session: Session, asked: Asked) -> Weighed:
        def ask(row: Row[Conversation]) -> list[Token]:
            body = first_token_body(self.model, row, extra=self.extra)
            return session.ask(body, read_first_tokens, who=who(asked.row))

        tokens = or_error(ask, asked.row)
        if isinstance(tokens, AmaliaError):
            return [tokens] * len(asked.answers)

        def weigh(answer: str) -> LogProb:
            if not is_letter(answer):
                raise GenerationError(
                    f"{who(asked.row)}: {self.name} tells only how likely first tokens are, and the answer is "
                    f"{answer[:40]!r}; expected one letter or digit; use a server that gives "
                    "prompt_logprobs (vLLM) or a generate task",
                    reason="not_one_token",
                )
            return letter_log_prob(tokens, answer)

        return [or_error(weigh, answer) for answer in asked.answers]

    def _is_refused(self, session: Session, asked: Asked) -> bool:
        """Whether the server refuses the prompt also when nothing is asked about likelihoods."""
        body = plain_body(self.model, asked.row, extra=self.extra)
        plain = or_error(lambda _: session.ask(body, only_choice, who=who(asked.row)), None)
        return isinstance(plain, AmaliaError)


def or_error(work: Callable[[T], V], item: T) -> V | AmaliaError:
    """Do work on an item; an error that is this item's alone is given in place of the result."""
    try:
        return work(item)
    except AmaliaError as error:
        if error.reason in FATAL:
            raise
        return error


def by_prompt(pairs: Iterable[tuple[Row[Conversation], str]]) -> Iterator[Asked]:
    """Put together neighbours that have the same prompt."""
    asked: Asked | None = None
    for row, answer in pairs:
        if asked and asked.row.record.turns == row.record.turns and len(asked.answers) < _MAX_ASKED:
            asked.answers.append(answer)
            continue
        if asked:
            yield asked
        asked = Asked(row, [answer])
    if asked:
        yield asked
