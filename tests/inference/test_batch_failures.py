"""The batcher when something fails, somebody leaves, too many come, or it closes: nobody else is harmed."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

# Beside this file, which is imported alone.
sys.path.insert(0, str(Path(__file__).parent))

from batch_hearing import DEVICE, ask_of

from amalia.errors import GenerationError
from amalia.inference.batch_rows import Decoding
from amalia.inference.batching import Batcher
from amalia.inference.constraint import Grammar


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


def test_a_prompt_that_cannot_be_read_harms_nobody(batcher, prompts, alone) -> None:
    # Its picture is gone, so its tokens for pictures are too many.
    broken = replace(prompts[2], tiles=prompts[2].tiles[:3], image_sizes=prompts[2].image_sizes[:1])
    with batcher._changed:  # so that all are read at once
        heard = [
            ask_of(batcher, prompt, Decoding(24)) for prompt in (prompts[1], broken, prompts[3])
        ]
    assert isinstance(heard[1].wait().ends[0], GenerationError)
    assert [heard[0].wait().text(), heard[2].wait().text()] == [alone[1], alone[3]]


def test_who_cannot_be_told_harms_nobody(batcher, prompts, alone) -> None:
    def gone(*_: object) -> None:
        raise RuntimeError("Event loop is closed")

    batcher.submit(prompts[0], [Decoding(200)], gone)
    assert ask_of(batcher, prompts[1], Decoding(24)).wait().text() == alone[1]
    assert batcher.is_well()
    assert not batcher._state.rows or all(not one.is_cancelled for one, _ in batcher._state.rows)


def test_a_form_that_fails_ends_its_own_answer(batcher, prompts, alone) -> None:
    class Failing(Grammar):
        def __init__(self) -> None:
            self.num_taken = 0

        def copy(self) -> Grammar:
            return self

        def allowed(self) -> Any:
            if self.num_taken == 2:
                raise GenerationError("too complex", reason="schema")
            return np.ones(batcher._vocabulary.num_tokens, bool)

        def take(self, _: int) -> bool:
            self.num_taken += 1
            return False

    heard = ask_of(batcher, prompts[0], Decoding(24, grammar=Failing()), Decoding(24)).wait()
    assert isinstance(heard.ends[0], GenerationError)
    assert heard.text(1) == alone[0]


def test_weights_that_give_no_number_are_told(seeing_model, prompts) -> None:
    damaged = Batcher.load(seeing_model, device=DEVICE)
    with torch.no_grad():
        damaged._model.lm_head.weight.fill_(float("nan"))
    try:
        for temperature in (0.0, 1.0):
            found = ask_of(damaged, prompts[0], Decoding(4, temperature=temperature)).wait().ends[0]
            assert isinstance(found, GenerationError)
            assert "not finite" in str(found)
        assert damaged.is_well()
    finally:
        damaged.close()


def test_when_the_thread_ends_everybody_hears_of_it(seeing_model, prompts, monkeypatch) -> None:
    dying = Batcher.load(seeing_model, device=DEVICE)

    def die() -> None:
        raise SystemExit

    monkeypatch.setattr(dying, "_turn", die)
    assert isinstance(ask_of(dying, prompts[0], Decoding(4)).wait().ends[0], GenerationError)
    dying._worker.join(10)
    assert not dying.is_well()
    with pytest.raises(GenerationError, match="being closed"):
        ask_of(dying, prompts[0], Decoding(4))


def test_more_choices_than_places_are_answered_in_parts(batcher, prompts, alone) -> None:
    heard = ask_of(batcher, prompts[0], *[Decoding(12)] * 10)
    after = ask_of(batcher, prompts[1], Decoding(12))
    for choice in range(10):
        assert alone[0].startswith(heard.wait().text(choice))
    assert alone[1].startswith(after.wait().text())
    assert len(batcher._state.rows) <= 4


def test_those_who_left_do_not_wait(seeing_model, prompts) -> None:
    small = Batcher.load(seeing_model, device=DEVICE, max_batch=1, max_waiting=1)
    try:
        first = ask_of(small, prompts[0], Decoding(300))
        first.items.put(first.items.get(timeout=30))
        for _ in range(3):
            gone = ask_of(small, prompts[0], Decoding(2))
            assert gone.ticket is not None
            gone.ticket.cancel()
        waiting = ask_of(small, prompts[0], Decoding(2))
        assert first.ticket is not None
        first.ticket.cancel()
        assert waiting.wait().end().num_tokens == 2
    finally:
        small.close()


def test_where_nobody_may_wait_the_free_places_are_still_given(seeing_model, prompts) -> None:
    small = Batcher.load(seeing_model, device=DEVICE, max_batch=1, max_waiting=0)
    try:
        for _ in range(2):
            heard = ask_of(small, prompts[0], Decoding(300))
            heard.items.put(heard.items.get(timeout=30))
            with pytest.raises(GenerationError, match="0 requests are waiting"):
                ask_of(small, prompts[0], Decoding(1))
            assert heard.ticket is not None
            heard.ticket.cancel()
            while small._num_taken:
                time.sleep(0.001)
    finally:
        small.close()


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
