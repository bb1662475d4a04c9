"""The model in this process as an engine: what comes together is computed together.

The batcher has a thread of its own; what it says reaches the event loop one call at a time. Pictures are
cut into tiles in a few threads beside it, so that the model does not wait for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from amalia.device import detect
from amalia.errors import AmaliaError, GenerationError, RequestError
from amalia.inference.batch_rows import Decoding, End, TokenLogProb
from amalia.inference.batch_rows import Piece as Said
from amalia.inference.batching import Batcher
from amalia.inference.constraint import Grammar
from amalia.inference.identity import identity
from amalia.model.render import Rendered
from amalia.serve.engine import Asked, Drawing, Feature, Piece, State, Token, TopToken, Usage
from amalia.serve.recipe import Transformers

_READERS = 2
"""Threads that render prompts."""
_FEATURES: frozenset[Feature] = frozenset(
    {
        "completions",
        "n",
        "seed",
        "penalties",
        "logprobs",
        "logit_bias",
        "json_object",
        "json_schema",
    }
)


class EmbeddedEngine:
    """A model folder that answers in this process."""

    def __init__(self, settings: Transformers, folder: Path) -> None:
        """Take a folder; ``start`` loads it.

        Raises:
            ArtifactError: It is no model.
        """
        self.name = identity(folder.resolve())
        self._settings = settings
        self._folder = folder
        self._batcher: Batcher | None = None
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="amalia-render")

    @property
    def features(self) -> frozenset[Feature]:
        """All but tools; pictures where the model sees."""
        sees: frozenset[Feature] = frozenset({"pictures"})
        return _FEATURES | sees if self._batcher is not None and self._batcher.sees else _FEATURES

    @property
    def context_tokens(self) -> int | None:
        """Tokens of a prompt and its answer together."""
        return None if self._batcher is None else self._batcher.context_tokens

    async def start(self) -> None:
        """Load the model.

        Raises:
            ArtifactError: The folder is damaged.
        """
        device = detect()
        device.claim()
        load = partial(
            Batcher.load,
            self._folder,
            device=device,
            max_batch=self._settings.max_batch,
            max_waiting=self._settings.max_waiting,
        )
        self._batcher = await asyncio.to_thread(load)

    async def close(self, drain_s: float) -> None:
        """Let what is under way finish for so long, then end everything."""
        if self._batcher is not None:
            await asyncio.to_thread(self._batcher.close, drain_s)
        self._readers.shutdown(wait=False, cancel_futures=True)

    def state(self) -> State:
        """Say whether the model is there."""
        if self._batcher is None:
            return State(False, "the model is being loaded")
        is_well = self._batcher.is_well()
        return State(is_well, self.name if is_well else "the model has been closed")

    async def answer(self, asked: Asked) -> AsyncGenerator[Piece | Usage]:
        """Answer in the company of whatever else is asked.

        Raises:
            RequestError: The dialogue holds tools, the form cannot be kept to, or too many wait.
            GenerationError: The prompt is too long, or the model failed.
        """
        assert self._batcher is not None
        loop = asyncio.get_running_loop()
        prompt = await loop.run_in_executor(self._readers, self._rendered, asked)
        # A form may take a second to prepare, and others are waiting.
        decodings = await loop.run_in_executor(self._readers, self._decodings, asked.drawing)
        said: asyncio.Queue[tuple[int, Said | End | AmaliaError]] = asyncio.Queue()

        def emit(choice: int, item: Said | End | AmaliaError) -> None:
            loop.call_soon_threadsafe(said.put_nowait, (choice, item))

        ticket = self._batcher.submit(prompt, decodings, emit)
        num_tokens = num_ended = 0
        try:
            while num_ended < len(decodings):
                choice, item = await said.get()
                if isinstance(item, AmaliaError):
                    raise item
                if isinstance(item, End):
                    num_tokens += item.num_tokens
                    num_ended += 1
                    yield Piece(choice, finish_reason=item.finish_reason)
                else:
                    yield Piece(choice, text=item.text, tokens=tuple(map(_token, item.tokens)))
        finally:
            ticket.cancel()
        yield Usage(len(prompt.ids), num_tokens)

    def _rendered(self, asked: Asked) -> Rendered:
        assert self._batcher is not None
        if isinstance(asked.prompt, str):
            return self._batcher.prepare_text(asked.prompt, asked.id)
        return self._batcher.prepare(asked.prompt.conversation(asked.id, asked.language))

    def _decodings(self, drawing: Drawing) -> list[Decoding]:
        grammar = self._grammar(drawing)
        return [
            Decoding(
                max_new_tokens=drawing.max_new_tokens,
                temperature=drawing.temperature,
                top_p=drawing.top_p,
                seed=drawing.seed,
                stop=drawing.stop,
                presence_penalty=drawing.presence_penalty,
                frequency_penalty=drawing.frequency_penalty,
                logit_bias=_biases(drawing),
                num_top_log_probs=drawing.num_top_log_probs,
                grammar=None if grammar is None else grammar.copy(),
            )
            for _ in range(drawing.num_choices)
        ]

    def _grammar(self, drawing: Drawing) -> Grammar | None:
        if drawing.schema is None:
            return None
        assert self._batcher is not None
        schema = drawing.schema.schema
        try:
            return self._batcher.grammar(None if schema is None else dict(schema))
        except GenerationError as error:
            raise RequestError(
                str(error), code="invalid_schema", param="response_format.json_schema.schema"
            ) from error


def _biases(drawing: Drawing) -> dict[int, float]:
    wrong = sorted(name for name in drawing.logit_bias if not name.isdecimal())
    if wrong:
        raise RequestError(
            f"logit_bias names {wrong[0]!r}; expected numbers of tokens", param="logit_bias"
        )
    return {int(name): bias for name, bias in drawing.logit_bias.items()}


def _token(given: TokenLogProb) -> Token:
    top = tuple(TopToken(*other) for other in given.top)
    return Token(given.text, given.log_prob, given.data, top)
