"""A tiny real model that answers many at a time: the same answers in whatever company, and nobody harmed."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch

from amalia.device import Device
from amalia.errors import AmaliaError, GenerationError
from amalia.inference import Sampling, complete
from amalia.inference.batch_rows import Decoding, End, Piece
from amalia.inference.batching import Batcher, Ticket
from amalia.inference.loading import load
from amalia.inference.local import Local
from amalia.model.render import Rendered, collate

# float32, so that equal computations in other batches give equal answers.
DEVICE = Device("cpu", "float32", "tests compare numbers", "test", 1, 0)
QUESTIONS = [
    ("Olá", ()),
    ("Que cor é esta?", ("red",)),
    ("Quais são as cores das duas imagens?", ("green", "blue")),
    ("?", ("yellow",)),
    ("Explica o que é um comboio, em poucas palavras e com um exemplo.", ()),
]


class Heard:
    """What came of one request."""

    def __init__(self, num_choices: int = 1) -> None:
        self.items: queue.Queue[tuple[int, Any]] = queue.Queue()
        self.pieces: list[list[Piece]] = [[] for _ in range(num_choices)]
        self.ends: dict[int, End | AmaliaError] = {}
        self.num_choices = num_choices
        self.ticket: Ticket | None = None

    def __call__(self, choice: int, item: Piece | End | AmaliaError) -> None:
        self.items.put((choice, item))

    def wait(self) -> Heard:
        while len(self.ends) < self.num_choices:
            choice, item = self.items.get(timeout=30)
            if isinstance(item, Piece):
                self.pieces[choice].append(item)
            else:
                self.ends[choice] = item
        return self

    def text(self, choice: int = 0) -> str:
        return "".join(piece.text for piece in self.pieces[choice])

    def end(self, choice: int = 0) -> End:
        found = self.ends[choice]
        assert isinstance(found, End), found
        return found


def ask_of(batcher: Batcher, prompt: Rendered, *decodings: Decoding) -> Heard:
    heard = Heard(len(decodings))
    heard.ticket = batcher.submit(prompt, decodings, heard)
    return heard


@pytest.fixture(scope="module")
def batcher(seeing_model: Path) -> Iterator[Batcher]:
    made = Batcher.load(seeing_model, device=DEVICE, max_batch=4, max_waiting=16)
    yield made
    made.close()


@pytest.fixture(scope="module")
def prompts(batcher, ask) -> list[Rendered]:
    return [
        batcher.prepare(ask(text, *colors, id=str(place)))
        for place, (text, colors) in enumerate(QUESTIONS)
    ]


@pytest.fixture(scope="module")
def alone(seeing_model, ask) -> list[str]:
    """What each question is answered by itself, by the engine of evaluations."""
    local = Local.load(seeing_model, device=DEVICE, batch_size=1)
    sampling = Sampling(max_new_tokens=24)
    return [complete(local, ask(text, *colors), sampling).text for text, colors in QUESTIONS]


def test_many_at_a_time_are_answered_as_each_alone(batcher, prompts, alone) -> None:
    heard = [ask_of(batcher, prompt, Decoding(24)) for prompt in prompts]
    assert [one.wait().text() for one in heard] == alone


def test_those_that_join_and_leave_in_the_middle_change_nothing(batcher, prompts, alone) -> None:
    first = ask_of(batcher, prompts[2], Decoding(24))
    heard = []
    for place, prompt in enumerate(prompts):
        first.items.put(first.items.get(timeout=30))  # another token of the first is out
        heard.append(ask_of(batcher, prompt, Decoding(24 if place % 2 else 3)))
    assert first.wait().text() == alone[2]
    for place, one in enumerate(heard):
        one.wait()
        assert one.text() == alone[place] if place % 2 else alone[place].startswith(one.text())


def test_several_choices_share_a_prompt(batcher, prompts, alone) -> None:
    drawn = [Decoding(16, temperature=1.5, seed=seed) for seed in (1, 2, 1)]
    heard = ask_of(batcher, prompts[1], Decoding(24), *drawn).wait()
    assert heard.text(0) == alone[1]
    again = ask_of(batcher, prompts[1], Decoding(2), *drawn).wait()
    assert [again.text(choice) for choice in (1, 2, 3)] == [heard.text(n) for n in (1, 2, 3)]
    # The same seed at another place draws something else, or five choices would be one five times.
    assert heard.text(1) != heard.text(3)


def test_a_seed_gives_the_same_answer_alone_and_in_company(batcher, prompts) -> None:
    decoding = Decoding(16, temperature=1.5, top_p=0.9, seed=7)
    lone = ask_of(batcher, prompts[0], decoding).wait().text()
    crowd = [ask_of(batcher, prompt, Decoding(24)) for prompt in prompts[1:3]]
    assert ask_of(batcher, prompts[0], decoding).wait().text() == lone
    for one in crowd:
        one.wait()


def test_an_answer_ends_before_its_stop_string(batcher, prompts, alone) -> None:
    stop = alone[0][5:8]
    heard = ask_of(batcher, prompts[0], Decoding(24, stop=(stop,))).wait()
    assert heard.text() == alone[0][: alone[0].index(stop)]
    assert heard.end().finish_reason == "stop"


def test_length_and_counts(batcher, prompts) -> None:
    heard = ask_of(batcher, prompts[0], Decoding(5)).wait()
    assert heard.end() == End("length", 5)


def test_log_probabilities_are_those_of_a_plain_forward_pass(
    batcher, prompts, seeing_model
) -> None:
    heard = ask_of(batcher, prompts[1], Decoding(4, num_top_log_probs=3)).wait()
    tokens = [token for piece in heard.pieces[0] for token in piece.tokens]
    assert len(tokens) == 4
    assert b"".join(token.data for token in tokens).decode("utf-8", "replace") == heard.text()
    model, renderer = load(seeing_model, DEVICE)
    batch = collate([prompts[1]], pad_id=renderer.pad_id)
    with torch.inference_mode():
        scores = model(**batch.model_inputs()).logits[0, -1].clone()
        scores[renderer.image_id] = -torch.inf
    expected = scores.log_softmax(-1)
    values = expected.topk(3).values.tolist()
    assert [top.log_prob for top in tokens[0].top] == pytest.approx(values, abs=1e-4)
    assert tokens[0].log_prob == pytest.approx(values[0], abs=1e-4)


def test_penalties_and_biases_by_hand() -> None:
    from amalia.inference.batch_rows import Row

    row = Row.__new__(Row)
    row._ids = [3, 3, 5]
    row._decoding = Decoding(1, presence_penalty=0.5, frequency_penalty=0.25, logit_bias={1: 2.0})
    changed = row._changed(torch.zeros(6))
    assert changed.tolist() == [0, 2.0, 0, -1.0, 0, -0.75]


def test_a_request_that_is_cancelled_makes_room(batcher, prompts) -> None:
    crowd = [ask_of(batcher, prompts[0], Decoding(400)) for _ in range(4)]
    late = ask_of(batcher, prompts[1], Decoding(4))
    for one in crowd:
        assert one.ticket is not None
        one.ticket.cancel()
    assert late.wait().end().num_tokens == 4


def test_when_too_many_wait_the_next_is_refused(seeing_model, prompts) -> None:
    small = Batcher.load(seeing_model, device=DEVICE, max_batch=1, max_waiting=1)
    try:
        first = ask_of(small, prompts[0], Decoding(200))
        first.items.put(first.items.get(timeout=30))
        waiting = ask_of(small, prompts[0], Decoding(2))
        with pytest.raises(GenerationError, match="1 requests are waiting") as caught:
            ask_of(small, prompts[0], Decoding(2))
        assert caught.value.reason == "queue_full"
        assert first.ticket is not None
        first.ticket.cancel()
        assert waiting.wait().end().num_tokens == 2
    finally:
        small.close()


def test_a_failure_ends_those_it_hits_and_nobody_else(
    batcher, prompts, alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = threading.Event()
    real = batcher._state._model

    class Failing:
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            if broken.is_set():
                raise RuntimeError("out of memory")
            return real(*args, **kwargs)

    monkeypatch.setattr(batcher._state, "_model", Failing())
    broken.set()
    failed = ask_of(batcher, prompts[0], Decoding(24)).wait().ends[0]
    assert isinstance(failed, GenerationError)
    broken.clear()
    assert ask_of(batcher, prompts[0], Decoding(24)).wait().text() == alone[0]


def test_closing_lets_answers_finish_or_ends_them(seeing_model, prompts) -> None:
    patient = Batcher.load(seeing_model, device=DEVICE)
    heard = ask_of(patient, prompts[0], Decoding(24))
    patient.close(drain_s=30)
    assert heard.wait().end().num_tokens == 24
    with pytest.raises(GenerationError, match="being closed"):
        ask_of(patient, prompts[0], Decoding(1))
    hasty = Batcher.load(seeing_model, device=DEVICE)
    heard = ask_of(hasty, prompts[0], Decoding(400))
    heard.items.put(heard.items.get(timeout=30))
    hasty.close()
    assert isinstance(heard.wait().ends[0], GenerationError)


def test_prompts_beyond_the_context_are_refused(batcher, ask) -> None:
    with pytest.raises(GenerationError, match="reads at most 512") as caught:
        batcher.prepare(ask("palavra " * 600))
    assert caught.value.reason == "prompt_too_long"
    with pytest.raises(GenerationError, match="empty"):
        batcher.prepare_text("")


NUMBER = {"type": "integer", "minimum": 1, "maximum": 9}
SCHEMAS = [
    {
        "type": "object",
        "properties": {"cor": {"enum": ["azul", "não"]}},
        "required": ["cor"],
        "additionalProperties": False,
    },
    {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3},
    {
        "type": "object",
        "properties": {"a": NUMBER, "b": {"type": "null"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
def test_answers_fit_their_schema(batcher, prompts, schema: dict[str, Any]) -> None:
    grammar = batcher.grammar(schema)
    drawn = [Decoding(64, temperature=1.0, seed=seed, grammar=grammar.copy()) for seed in range(3)]
    heard = ask_of(batcher, prompts[0], *drawn).wait()
    for choice in range(3):
        assert heard.end(choice).finish_reason == "stop"
        jsonschema.validate(json.loads(heard.text(choice)), schema)


@pytest.mark.parametrize(
    "schema",
    [{"not": {"type": "string"}}, {"type": "strange"}, {"type": "string", "pattern": "(?=a)b"}],
)
def test_a_schema_that_cannot_be_kept_to_is_refused_at_once(batcher, schema) -> None:
    with pytest.raises(GenerationError, match="cannot be kept to") as caught:
        batcher.grammar(schema)
    assert caught.value.reason == "schema"


def test_a_model_that_only_reads_answers_too(reading_model, ask) -> None:
    batcher = Batcher.load(reading_model, device=DEVICE)
    try:
        assert not batcher.sees
        heard = ask_of(batcher, batcher.prepare(ask("Olá")), Decoding(8)).wait()
        local = Local.load(reading_model, device=DEVICE)
        assert heard.text() == complete(local, ask("Olá"), Sampling(max_new_tokens=8)).text
        plain = ask_of(batcher, batcher.prepare_text("O autocarro"), Decoding(8)).wait()
        assert plain.end().num_tokens <= 8
    finally:
        batcher.close()


def test_an_idle_batcher_does_nothing(batcher) -> None:
    before = time.thread_time()
    time.sleep(0.05)
    assert time.thread_time() - before < 0.05
    assert batcher.is_well()
