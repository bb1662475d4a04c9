"""Run an exported model folder in this process, with transformers.

Prompts are padded on the left, sorted by length within a window of batches, and answered in the
order they were given. Sampling draws one number a token from a generator of each prompt's own, so
an answer depends neither on the batch it fell into nor on torch's global random state. Likelihoods
compute a prompt once for all answers weighed after it (``likelihood``); on a CPU in float32, because a
few hundredths of a nat decide a preference.

Not covered: beam search, several GPUs, quantized weights.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from amalia.device import Device, detect
from amalia.errors import AmaliaError, GenerationError, MissingExtra
from amalia.inference.base import Answer, LogProb, Sampling, cut, cut_stream
from amalia.inference.identity import identity
from amalia.records import Conversation, Row

try:
    import torch
    from transformers import (
        GenerationConfig,
        LogitsProcessorList,
        StoppingCriteriaList,
        TextIteratorStreamer,
    )
except ModuleNotFoundError as error:
    raise MissingExtra("Running a model in this process", "train") from error

from amalia.inference.decoding import Drawing, Ends, seeded
from amalia.inference.likelihood import Weighed, totals_nats
from amalia.inference.loading import context_tokens, end_ids, load
from amalia.model.render import Rendered, Renderer, collate

# Enough to sort by length, few enough to keep the tiles of large pictures in memory.
_BATCHES_IN_WINDOW = 4
T = TypeVar("T")


class Local:
    """A model in this process that answers; see ``amalia.inference.base.Generate``."""

    def __init__(
        self,
        model: Any,  # transformers' model classes leave generate and forward untyped
        renderer: Renderer,
        *,
        device: Device,
        batch_size: int = 32,
        name: str = "local",
    ) -> None:
        """Wrap a model that is in evaluation mode and already where it computes.

        Args:
            model: ``LlavaNextForConditionalGeneration`` or ``LlamaForCausalLM``.
            renderer: Of the same model.
            device: Where the model is.
            batch_size: Conversations in one forward pass.
            name: What reports call it.
        """
        self.name = name
        self.device = device
        self._model = model
        self._renderer = renderer
        self._batch_size = batch_size
        self._context_tokens = context_tokens(model.config)
        self._end_ids = end_ids(model, renderer)

    @classmethod
    def load(cls, folder: Path, *, device: Device | None = None, batch_size: int = 32) -> Local:
        """Load an exported folder.

        Args:
            folder: What ``amalia.model.export`` wrote, or a published model of the same kind.
            device: Where to compute; by default ``amalia.device.detect`` decides.
            batch_size: Conversations in one forward pass.

        Raises:
            ArtifactError: No such folder, not a model of a known kind, or damaged weights.
        """
        device = device or detect()
        model, renderer = load(folder, device)
        return cls(
            model, renderer, device=device, batch_size=batch_size, name=identity(folder.resolve())
        )

    def stream(self, prompt: Row[Conversation], sampling: Sampling) -> Iterator[str]:
        """Give the answer piece by piece; the prompt is checked before this returns.

        Leaving the iterator early stops the model after its current token.

        Raises:
            GenerationError: The prompt is longer than the model reads, or the model failed.
            RecordError: The prompt cannot be rendered.
        """
        return self._pieces(self._prompt(prompt), sampling)

    def answer_many(
        self, prompts: Iterable[Row[Conversation]], sampling: Sampling
    ) -> Iterator[Answer | AmaliaError]:
        """Answer prompts in batches, in their order.

        Prompts are taken as they are needed, one window of batches at a time. One that cannot be rendered
        or is longer than the model reads has its error in its place.
        """
        first = 0
        for window in self._windows(prompts):
            found: dict[int, Answer | AmaliaError] = {}
            rendered = _usable([_attempt(self._prompt, row) for row in window], found)
            for places in self._batches(rendered):
                randoms = [seeded(sampling.seed, first + place) for place in places]
                batch = [rendered[place] for place in places]
                found.update(zip(places, self._generate(batch, sampling, randoms), strict=True))
            yield from (found[place] for place in range(len(window)))
            first += len(window)

    def weigh_many(
        self, prompts: Iterable[Row[Conversation]], answers: Iterable[str]
    ) -> Iterator[LogProb | AmaliaError]:
        """Say how likely each answer, its end of turn included, is after its prompt.

        Raises:
            GenerationError: The weights give likelihoods that are not finite.
        """
        for window in self._windows(zip(prompts, answers, strict=True)):
            found: dict[int, LogProb | AmaliaError] = {}
            waiting: dict[int, Rendered] = {}
            places_of: dict[int, dict[int, tuple[int, ...]]] = {}
            for place, (row, answer) in enumerate(window):
                if not place or row is not window[place - 1][0]:
                    first, prompt = place, _attempt(self._prompt, row)
                if isinstance(prompt, AmaliaError):
                    found[place] = prompt
                    continue
                ids = _attempt(self._answer_ids, prompt, answer, row.record.id)
                if isinstance(ids, AmaliaError):
                    found[place] = ids
                    continue
                waiting[first] = prompt
                places_of.setdefault(first, {})[place] = ids
            for firsts in self._filled(waiting, {n: len(own) for n, own in places_of.items()}):
                questions = [Weighed(waiting[n], tuple(places_of[n].values())) for n in firsts]
                places = [place for n in firsts for place in places_of[n]]
                found.update(zip(places, self._score(questions), strict=True))
            yield from (found[place] for place in range(len(window)))

    def _windows(self, items: Iterable[T]) -> Iterator[list[T]]:
        waiting = iter(items)
        while window := list(islice(waiting, self._batch_size * _BATCHES_IN_WINDOW)):
            yield window

    def _prompt(self, row: Row[Conversation]) -> Rendered:
        rendered = self._renderer.prompt(row)
        # One token must be left for the answer.
        self._check_length(len(rendered.ids) + 1, row.record.id)
        return rendered

    def _answer_ids(self, prompt: Rendered, answer: str, record_id: str) -> tuple[int, ...]:
        ids = tuple(self._renderer.answer(answer))
        self._check_length(len(prompt.ids) + len(ids), record_id)
        return ids

    def _check_length(self, num_tokens: int, record_id: str) -> None:
        if num_tokens > self._context_tokens:
            raise GenerationError(
                f"conversation {record_id} needs {num_tokens} tokens but the model reads at most "
                f"{self._context_tokens}; use fewer turns, fewer pictures or smaller ones",
                reason="prompt_too_long",
            )

    def _batches(self, rendered: Mapping[int, Rendered]) -> Iterator[list[int]]:
        """Give places in batches of similar length; longest first, to run out of memory early."""
        order = sorted(rendered, key=lambda place: -len(rendered[place].ids))
        for start in range(0, len(order), self._batch_size):
            yield order[start : start + self._batch_size]

    def _filled(
        self, rendered: Mapping[int, Rendered], answers: Mapping[int, int]
    ) -> Iterator[list[int]]:
        """Give places in batches of at most so many answers, those of one place together; longest first."""
        batch: list[int] = []
        num_answers = 0
        for place in sorted(rendered, key=lambda place: -len(rendered[place].ids)):
            if batch and num_answers + answers[place] > self._batch_size:
                yield batch
                batch, num_answers = [], 0
            batch.append(place)
            num_answers += answers[place]
        if batch:
            yield batch

    def _generate(
        self,
        rendered: Sequence[Rendered],
        sampling: Sampling,
        randoms: Sequence[Random],
        *,
        streamer: TextIteratorStreamer | None = None,
        cancelled: threading.Event | None = None,
    ) -> list[Answer]:
        batch = collate(rendered, pad_id=self._renderer.pad_id, side="left").to(self.device.kind)
        prompt_tokens = batch.input_ids_BT.shape[1]
        limits = [
            min(sampling.max_new_tokens, self._context_tokens - len(item.ids)) for item in rendered
        ]
        tokenizer = self._renderer.tokenizer
        ends = Ends(tokenizer, prompt_tokens, limits, sampling.stop, cancelled or threading.Event())
        drawing = [Drawing(randoms, sampling)] if sampling.temperature > 0 else []
        # With one row on a CPU, converting the weights costs more than it saves (64 tokens of a
        # nine-million-parameter model: 0.86 s against 0.37 s on two cores).
        is_lone = len(rendered) == 1 and self.device.kind == "cpu"
        with torch.inference_mode(), nullcontext() if is_lone else self.device.autocast():
            ids_BT = self._model.generate(
                **batch.model_inputs(),
                generation_config=self._settings(max(limits)),
                use_model_defaults=False,
                logits_processor=LogitsProcessorList(drawing),
                stopping_criteria=StoppingCriteriaList([ends]),
                streamer=streamer,
            )
        new = ids_BT[:, prompt_tokens:].tolist()
        lengths = ends.lengths
        return [
            self._answer(ids[:length], sampling, len(item.ids))
            for ids, length, item in zip(new, lengths, rendered, strict=True)
        ]

    def _settings(self, max_new_tokens: int) -> Any:
        make: Any = GenerationConfig  # untyped in transformers
        return make(
            max_new_tokens=max_new_tokens,
            do_sample=False,
            use_cache=True,
            eos_token_id=sorted(self._end_ids),
            pad_token_id=self._renderer.pad_id,
            suppress_tokens=None if (image := self._renderer.image_id) is None else [image],
        )

    def _answer(self, ids: list[int], sampling: Sampling, num_prompt_tokens: int) -> Answer:
        end = next((place for place, id_ in enumerate(ids) if id_ in self._end_ids), None)
        said = ids[:end]
        full = self._renderer.tokenizer.decode(
            said, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        text, is_stopped = cut(full, sampling.stop)
        is_ended = is_stopped or end is not None
        return Answer(text, "stop" if is_ended else "length", len(said), num_prompt_tokens)

    def _pieces(self, rendered: Rendered, sampling: Sampling) -> Iterator[str]:
        tokenizer: Any = (
            self._renderer.tokenizer
        )  # the streamer asks for AutoTokenizer, which no object is
        streamer = TextIteratorStreamer(
            tokenizer,
            skip_prompt=True,
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )
        cancelled = threading.Event()
        failures: list[Exception] = []

        def work() -> None:
            try:
                self._generate(
                    [rendered],
                    sampling,
                    [seeded(sampling.seed, 0)],
                    streamer=streamer,
                    cancelled=cancelled,
                )
            except Exception as error:  # raised again below: an error that stays here is lost
                failures.append(error)
                streamer.on_finalized_text("", stream_end=True)

        worker = threading.Thread(target=work, name="amalia-generate", daemon=True)
        worker.start()
        try:
            yield from cut_stream(filter(None, streamer), sampling.stop)
        finally:
            cancelled.set()
            worker.join()
        if failures:
            detail = " ".join(str(failures[0]).split())
            raise GenerationError(
                f"{self.name} failed while answering ({type(failures[0]).__name__}: {detail}); "
                "ask again, or with a shorter prompt if memory ran out"
            ) from failures[0]

    def _score(self, questions: Sequence[Weighed]) -> list[LogProb]:
        totals = totals_nats(
            self._model, questions, pad_id=self._renderer.pad_id, device=self.device.kind
        )
        if not all(math.isfinite(total) for total in totals):
            raise GenerationError(
                f"{self.name} gives likelihoods that are not finite; its weights are damaged"
            )
        counts = [len(ids) for item in questions for ids in item.answers]
        return [LogProb(total, count) for total, count in zip(totals, counts, strict=True)]


def _attempt(render: Callable[..., T], *given: Any) -> T | AmaliaError:
    try:
        return render(*given)
    except AmaliaError as error:
        return error


def _usable(
    rendered: Sequence[Rendered | AmaliaError], found: dict[int, Any]
) -> dict[int, Rendered]:
    """Give what could be rendered, by place; the errors of the rest go where the answers will."""
    usable = {}
    for place, item in enumerate(rendered):
        if isinstance(item, AmaliaError):
            found[place] = item
        else:
            usable[place] = item
    return usable
