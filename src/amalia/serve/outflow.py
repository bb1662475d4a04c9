"""An answer on its way out: held back to the end of a sentence, judged, masked or ended, and restored.

Nothing that was not judged is given. A sentence is judged by itself, so what only shows across sentences is
not seen; the input is judged whole. Tool calls and reasoning pass as the engine gives them, unjudged.
"""

from __future__ import annotations

from collections.abc import Iterator

from amalia.guard.guard import Guard, Verdict
from amalia.guard.masking import Restoring, Vault, redact
from amalia.guard.sentences import Sentences
from amalia.serve.engine import Piece, Token


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
        self.verdicts: list[tuple[Verdict, int]] = []
        """What was found, and where in the answer the judged text begins."""
        self.judged = ""
        """The answer so far as the log may keep it: identifiers taken out, tags not restored."""
        self._choice = choice
        self._guard = guard
        self._sentences = Sentences(max_chars=guard.policy.max_held_chars)
        self._restoring = Restoring(vault)
        self._tokens: list[Token] = []
        self._num_chars = 0

    def push(self, piece: Piece) -> Iterator[Piece]:
        """Take a piece of the engine's and give what may go out; ends with the last piece."""
        if self.is_blocked:
            return
        self._tokens += piece.tokens
        if piece.delta:
            yield Piece(self._choice, delta=piece.delta)
        sentences = self._sentences.push(piece.text)
        if piece.finish_reason is not None:
            sentences = [*sentences, self._sentences.finish()]
        text = ""
        for sentence in filter(None, sentences):
            said = self._judge(sentence)
            if said is None:
                if text:
                    yield from self._given(text)
                yield self._ended()
                return
            text += said
        if text:
            yield from self._given(text)
        if piece.finish_reason is not None:
            rest = self._restoring.finish()
            yield Piece(
                self._choice, text=rest, tokens=self._taken(), finish_reason=piece.finish_reason
            )

    def _judge(self, sentence: str) -> str | None:
        """Give what may go out of a sentence, or None when the answer ends here."""
        verdict = self._guard.check(sentence, "answer")
        if verdict.findings:
            self.verdicts.append((verdict, self._num_chars))
        self._num_chars += len(sentence)
        self.judged += redact(sentence, verdict.identifiers)
        if verdict.action == "block":
            return None
        if not verdict.masked:
            return sentence
        self._tokens.clear()  # they would tell what was taken out
        return redact(sentence, verdict.masked)

    def _given(self, text: str) -> Iterator[Piece]:
        restored = self._restoring.push(text)
        if restored:
            yield Piece(self._choice, text=restored, tokens=self._taken())

    def _taken(self) -> tuple[Token, ...]:
        tokens = tuple(self._tokens)
        self._tokens.clear()
        return tokens

    def _ended(self) -> Piece:
        self.is_blocked = True
        reply = self._guard.policy.reply(self.verdicts[-1][0].category)
        before = self._restoring.finish()
        # What was said before stands above the reply; a reply alone stands alone.
        is_first = len(self.verdicts) and self.verdicts[-1][1] == 0
        text = reply if is_first else f"{before}\n\n{reply}"
        return Piece(self._choice, text=text, finish_reason="content_filter")
