"""An answer on its way out: held back to the end of a sentence, judged, masked or ended, and restored.

Nothing that was not judged is given, the log-probabilities of its tokens included. Reasoning is judged like
the answer, sentence by sentence; tool calls wait for the end of the answer and are judged whole.

Not covered: what only shows across sentences (the input is judged whole); the names of tools.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from amalia.guard.guard import Guard, Verdict
from amalia.guard.sentences import Sentences
from amalia.identifiers import Restoring, Vault, redact
from amalia.serve.engine import Piece, Token
from amalia.serve.joining import indexed, joined, rewritten


class Outflow:
    """One choice of an answer."""

    def __init__(self, choice: int, guard: Guard, vault: Vault) -> None:
        """Watch a choice.

        Args:
            choice: Its number.
            guard: What judges.
            vault: Gives back what was taken out of the question.
        """
        self.is_blocked = False
        """Whether the answer was ended; what else the engine says of this choice is not for anyone."""
        self._choice = choice
        self._guard = guard
        self._vault = vault
        self._content = _Channel(guard, vault)
        self._others: dict[str, _Channel] = {}
        """Reasoning and other texts beside the answer, by their names."""
        self._held: dict[str, Any] = {}
        """Tool calls so far."""
        self._calls: list[Verdict] = []
        self._tokens = _Tokens()

    @property
    def judged(self) -> str:
        """The answer so far as the log may keep it: identifiers taken out, tags not restored."""
        return self._content.judged

    @property
    def verdicts(self) -> list[tuple[Verdict, Mapping[str, str]]]:
        """What was found, with spans in the text that is given, and in what beside the answer's text."""
        found: list[tuple[Verdict, Mapping[str, str]]] = []
        for name, channel in self._others.items():
            found += [(verdict, {"part": name}) for verdict in channel.verdicts]
        found += [(verdict, {}) for verdict in self._content.verdicts]
        return found + [(verdict, {"part": "tool_calls"}) for verdict in self._calls]

    def push(self, piece: Piece) -> Iterator[Piece]:
        """Take a piece of the engine's and give what may go out; ends with the last piece."""
        if self.is_blocked:
            return
        is_last = piece.finish_reason is not None
        self._tokens.take(piece)
        for name, value in piece.delta.items():
            if isinstance(value, str):
                self._others.setdefault(name, _Channel(self._guard, self._vault))
            else:
                self._held[name] = joined(self._held.get(name), value)
        for name, channel in self._others.items():
            said = piece.delta.get(name, "")
            # What was thought comes before what is said, so the first word of an answer ends it.
            text = channel.push(str(said), is_last=is_last or bool(piece.text))
            if text:
                yield Piece(self._choice, delta={name: text})
            if channel.blocked is not None:
                yield self._ended(channel.blocked)
                return
        text = self._content.push(piece.text, is_last=is_last)
        if text:
            yield Piece(self._choice, text=text, tokens=self._tokens.given(self._content))
        if self._content.blocked is not None:
            yield self._ended(self._content.blocked)
        elif is_last:
            yield from self._finished(piece)

    def _finished(self, piece: Piece) -> Iterator[Piece]:
        if self._held:
            calls = {
                name: rewritten(value, self._judged_call) for name, value in self._held.items()
            }
            blocked = next((found for found in self._calls if found.action == "block"), None)
            if blocked is not None:
                yield self._ended(blocked)
                return
            if isinstance(calls.get("tool_calls"), list):
                calls["tool_calls"] = indexed(calls["tool_calls"])
            yield Piece(self._choice, delta=calls)
        tokens = self._tokens.rest(self._content)
        yield Piece(self._choice, tokens=tokens, finish_reason=piece.finish_reason)

    def _judged_call(self, text: str) -> str:
        verdict = _as_told(self._guard.check(text, "answer"))
        if verdict.findings:
            self._calls.append(verdict)
        return self._vault.restore(redact(text, verdict.masked) if verdict.masked else text)

    def _ended(self, verdict: Verdict) -> Piece:
        self.is_blocked = True
        reply = self._guard.policy.reply(verdict.category)
        # What was said before stands above the reply; a reply alone stands alone.
        text = f"\n\n{reply}" if self._content.num_given else reply
        return Piece(self._choice, text=text, finish_reason="content_filter")


class _Channel:
    """One text of an answer that comes in pieces."""

    def __init__(self, guard: Guard, vault: Vault) -> None:
        self.blocked: Verdict | None = None
        self.verdicts: list[Verdict] = []
        self.judged = ""
        self.num_judged = 0
        """Characters of what the engine said that were judged and may go out."""
        self.masked: list[tuple[int, int]] = []
        """Sentences out of which something was taken, in characters of what the engine said."""
        self.num_given = 0
        """Characters that went out."""
        self._guard = guard
        self._vault = vault
        self._sentences = Sentences(max_chars=guard.policy.max_held_chars)
        self._restoring = Restoring(vault)
        self._num_shown = 0
        """Characters that went out or are about to."""

    def push(self, text: str, *, is_last: bool) -> str:
        """Take more of the text and give what may go out."""
        sentences = self._sentences.push(text)
        if is_last:
            sentences = [*sentences, self._sentences.finish()]
        given = ""
        for sentence in filter(None, sentences):
            said = self._judge(sentence)
            if said is None:
                is_last = True
                break
            given += self._restoring.push(said)
        if is_last:
            given += self._restoring.finish()
        self.num_given += len(given)
        return given

    def _judge(self, sentence: str) -> str | None:
        """Give what may go out of a sentence, or None when the answer ends here."""
        verdict = _as_told(self._guard.check(sentence, "answer"))
        masked = verdict.masked
        if verdict.findings:
            self.verdicts.append(self._placed(verdict, sentence))
        self.judged += redact(sentence, verdict.identifiers)
        if verdict.action == "block":
            self.blocked = verdict
            return None
        said = redact(sentence, masked) if masked else sentence
        if masked:
            self.masked.append((self.num_judged, self.num_judged + len(sentence)))
        self.num_judged += len(sentence)
        self._num_shown += len(self._vault.restore(said))
        return said

    def _placed(self, verdict: Verdict, sentence: str) -> Verdict:
        """Count spans in the whole text as it is given, tags restored and what is masked taken out."""

        def place(at: int) -> int:
            return self._num_shown + len(self._vault.restore(redact(sentence[:at], verdict.masked)))

        return replace(
            verdict,
            findings=tuple(
                (replace(found, start=place(found.start), end=place(found.end)), action)
                for found, action in verdict.findings
            ),
        )


class _Place(NamedTuple):
    start: int
    end: int
    token: Token


class _Tokens:
    """Tokens that wait until the text they stand in may go out."""

    def __init__(self) -> None:
        self._waiting: list[_Place] = []
        self._num_chars = 0
        """Of the text that came."""
        self._told = 0
        """Of the texts of tokens that came."""

    def take(self, piece: Piece) -> None:
        """Take the tokens of a piece.

        Tokens and text may come apart: half a letter has a token and no text yet. Each place is therefore
        as wide as either way of counting makes it, and what is unsure waits or goes.
        """
        here = self._num_chars
        for token in piece.tokens:
            start = min(self._told, here)
            self._told += len(token.text)
            here += len(token.text)
            self._waiting.append(_Place(start, max(self._told, here, start + 1), token))
        self._num_chars += len(piece.text)

    def given(self, channel: _Channel) -> tuple[Token, ...]:
        """Give those whose text has gone out; those of a text that was masked never go."""
        given, waiting = list[Token](), list[_Place]()
        for place in self._waiting:
            if any(place.start < end and start < place.end for start, end in channel.masked):
                continue
            if place.end <= channel.num_judged:
                given.append(place.token)
            else:
                waiting.append(place)
        self._waiting = waiting
        return tuple(given)

    def rest(self, channel: _Channel) -> tuple[Token, ...]:
        """Give what waits when all of the text has gone out."""
        given = self.given(channel)
        rest = tuple(place.token for place in self._waiting)
        self._waiting = []
        return given + rest


def _as_told(verdict: Verdict) -> Verdict:
    """Give a verdict on what goes out: nobody is asked again for it, so it is flagged."""
    if all(action != "ask_again" for _, action in verdict.findings):
        return verdict
    findings = tuple(
        (found, "flag" if action == "ask_again" else action) for found, action in verdict.findings
    )
    action = "flag" if verdict.action == "ask_again" else verdict.action
    return replace(verdict, action=action, findings=findings)
