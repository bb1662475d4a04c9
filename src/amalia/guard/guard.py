"""Run the checks of a policy on a text and say what comes of it.

Texts are judged one by one, with spans; models that judge see the question and the answer. What a verdict
leads to (another answer, a reply in its place) is the business of the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amalia.errors import GenerationError
from amalia.guard.attacks import Attacks
from amalia.guard.drift import Drift
from amalia.guard.harms import Harms
from amalia.guard.identifiers import Identifiers
from amalia.guard.judges import CONTROVERSIAL_SCORE, ModelJudge
from amalia.guard.policy import SEVERITY, Action, Policy
from amalia.guard.verdict import IDENTIFIERS, Check, Exchange, Finding, Judge, Place


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy makes of one text."""

    place: Place
    action: Action
    """The severest of what is done about any finding."""
    findings: tuple[tuple[Finding, Action], ...] = ()
    """What was found and what is done about it, in order of place; what is allowed is left out."""

    @property
    def category(self) -> str:
        """The category that decided, empty when nothing was found."""
        decided = (found.category for found, action in self.findings if action == self.action)
        return next(decided, "")

    @property
    def masked(self) -> tuple[Finding, ...]:
        """What is to be taken out of the text."""
        return tuple(found for found, action in self.findings if action == "mask")

    @property
    def identifiers(self) -> tuple[Finding, ...]:
        """Every identifier found, whatever is done about it."""
        return tuple(found for found, _ in self.findings if found.category in IDENTIFIERS)


class Guard:
    """A policy and the checks it needs."""

    def __init__(
        self, policy: Policy, checks: Sequence[Check], judges: Sequence[Judge] = ()
    ) -> None:
        """Keep what a policy is carried out with; ``load`` makes it."""
        self.policy = policy
        self.checks = tuple(checks)
        self.judges = tuple(judges)

    @classmethod
    def load(cls, policy: Policy) -> Guard:
        """Make the checks that a policy needs.

        Raises:
            GenerationError: The key of a guard model is not set.
        """
        checks: list[Check] = [Attacks(), Harms(), Identifiers(), Drift()]
        if policy.classifier is not None:
            from amalia.guard.classifier import Classifier  # its weights take a moment to load

            checks.append(Classifier(threshold=policy.classifier))
        for check in checks:
            check.find("", "user")  # rules are read on first use, and nobody is to wait for that
        return cls(policy, checks, [ModelJudge(settings) for settings in policy.judges])

    @property
    def needs_whole_answers(self) -> bool:
        """Whether an answer can only be judged when all of it is there."""
        return bool(self.judges) or any(
            rule.answer == "ask_again" for rule in self.policy.rules.values()
        )

    def wants_another(self, answers: Mapping[int, str]) -> dict[int, Verdict]:
        """Give the verdicts, by choice, for which a model should answer once more."""
        verdicts = {choice: self.check(text, "answer") for choice, text in answers.items()}
        return {
            choice: verdict for choice, verdict in verdicts.items() if verdict.action == "ask_again"
        }

    def check(self, text: str, place: Place) -> Verdict:
        """Judge a text by itself."""
        return self._verdict(
            [found for check in self.checks for found in check.find(text, place)], place
        )

    async def judge(self, exchange: Exchange) -> Verdict:
        """Let every guard model judge a question, or the answer to it."""
        place: Place = "user" if exchange.answer is None else "answer"
        if not self.judges:
            return Verdict(place, "allow")
        replies: Sequence[Sequence[Finding] | BaseException] = await asyncio.gather(
            *(judge.judge(exchange) for judge in self.judges), return_exceptions=True
        )
        found: list[Finding] = []
        for reply in replies:
            if isinstance(reply, GenerationError):
                return self._unjudged(exchange, place)
            if isinstance(reply, BaseException):
                raise reply
            found += reply
        return self._verdict(found, place)

    async def close(self) -> None:
        """End connections."""
        for judge in self.judges:
            if isinstance(judge, ModelJudge):
                await judge.aclose()

    def _verdict(self, found: Sequence[Finding], place: Place) -> Verdict:
        acted = [(finding, self._action(finding, place)) for finding in found]
        kept = sorted(
            ((finding, action) for finding, action in acted if action != "allow"),
            key=lambda item: (item[0].start, item[0].end),
        )
        action: Action = max((action for _, action in kept), key=SEVERITY.index, default="allow")
        return Verdict(place, action, tuple(kept))

    def _action(self, finding: Finding, place: Place) -> Action:
        action = self.policy.action(finding.category, place)
        if finding.score == CONTROVERSIAL_SCORE and SEVERITY.index(action) > SEVERITY.index("flag"):
            return "flag"  # the model that judges was not sure, and the policy says that this is a flag
        return action

    def _unjudged(self, exchange: Exchange, place: Place) -> Verdict:
        text = exchange.question if exchange.answer is None else exchange.answer
        finding = Finding("unavailable", 0, len(text), "judge@unavailable", 0.0)
        return Verdict(place, self.policy.judge_failure, ((finding, self.policy.judge_failure),))
