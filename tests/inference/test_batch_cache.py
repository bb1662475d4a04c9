"""Keys and values in places of their own: the same numbers as transformers' cache, and nothing left behind."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache

from amalia.device import Device
from amalia.inference.batch_cache import Slots, Source, attend_grouped, closed_up
from amalia.inference.decoding import drawn
from amalia.inference.loading import load

DEVICE = Device("cpu", "float32", "tests compare numbers", "test", 1, 0)


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_the_last_ones_fill_the_holes(given_rows: tuple[int, set[int]]) -> None:
    num_rows, leaving = given_rows
    order = closed_up(num_rows, sorted(leaving))
    assert sorted(order) == sorted(set(range(num_rows)) - leaving)
    moved = [row for place, row in enumerate(order) if place != row]
    assert all(row >= len(order) for row in moved)  # so nothing that stays is written over


def read_of(model, prompts: list[list[int]]) -> tuple[DynamicCache, list[Source]]:
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in prompts])
    cache = DynamicCache()
    model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(-1) - 1).clamp_min(0),
        past_key_values=cache,
        use_cache=True,
    )
    return cache, [Source(row, width - len(prompt)) for row, prompt in enumerate(prompts)]


@torch.inference_mode()
def test_rows_that_come_and_go_give_the_scores_of_a_plain_pass(reading_model: Path) -> None:
    model, renderer = load(reading_model, DEVICE)
    plain, _ = load(reading_model, DEVICE)
    attend_grouped(model)
    assert plain.config._attn_implementation == "sdpa"
    random = Random(0)
    slots, texts = Slots(), []
    for turn in range(60):
        if len(texts) < 5 and random.random() < 0.5:
            lengths = [random.choice([1, 2, 7, 30]) for _ in range(random.randint(1, 2))]
            new = [[random.randrange(6, 300) for _ in range(length)] for length in lengths]
            read, sources = read_of(model, new)
            slots.add(read, [*sources, sources[0]])
            texts += [*map(list, new), list(new[0])]
        leaving = [n for n, text in enumerate(texts) if len(text) > 55 or random.random() < 0.1]
        if leaving:
            order = closed_up(len(texts), leaving)
            texts = [texts[row] for row in order]
            if not order:
                slots = Slots()
                continue
            slots.keep(order)
        if not texts:
            continue
        ids = [random.randrange(6, 300) for _ in texts]
        scores = model(
            input_ids=torch.tensor(ids)[:, None],
            attention_mask=slots.next_step(),
            position_ids=slots.lengths_B[:, None],
            past_key_values=slots,
            use_cache=True,
        ).logits[:, -1]
        slots.told()
        for row, (text, id_) in enumerate(zip(texts, ids, strict=True)):
            text.append(id_)
            if turn % 4 == 0:
                expected = plain(input_ids=torch.tensor([text])).logits[0, -1]
                assert torch.allclose(scores[row], expected, atol=1e-4)
        assert slots.lengths_B.tolist() == [len(text) for text in texts]
        check_wiped(slots)
    assert renderer.grid is None


def check_wiped(slots: Slots) -> None:
    """Nothing stands where no row is, nor behind the end of one."""
    lengths = slots.lengths_B.tolist()
    for states in (*slots._keys, *slots._values):
        assert not states[len(lengths) :].any()
        for row, length in enumerate(lengths):
            assert not states[row, :, length:].any()
            assert states[row, :, :length].any()


def test_a_long_row_that_leaves_gives_its_room_back() -> None:
    slots = Slots()
    for length in (5, 2000):
        read = DynamicCache()
        read.update(torch.ones(1, 2, length, 4), torch.ones(1, 2, length, 4), 0)
        slots.add(read, [Source(0, 0)])
    assert slots._keys[0].shape[2] > 2000
    slots.keep([0])
    slots.next_step()
    assert slots._keys[0].shape[2] < 200
    assert slots._keys[0][0, :, :5].eq(1).all()
    check_wiped(slots)


def test_rows_of_one_prompt_do_not_share_it() -> None:
    slots = Slots()
    read = DynamicCache()
    read.update(torch.ones(1, 2, 3, 4), torch.ones(1, 2, 3, 4), 0)
    slots.add(read, [Source(0, 0), Source(0, 1)])
    slots._keys[0][0] = 7
    assert slots.lengths_B.tolist() == [3, 2]
    assert slots._keys[0][1, :, :2].eq(1).all()


def test_a_draw_among_few_is_the_draw_among_all() -> None:
    random = Random(1)
    torch.manual_seed(1)
    for spread in (0.2, 3.0, 12.0):  # from hardly any difference to nearly certain
        scores = torch.randn(40, 1000) * spread
        uniform = [random.random() for _ in range(40)]
        temperatures = torch.tensor([random.choice([0.3, 1.0, 2.0]) for _ in range(40)])
        top_p = torch.tensor([random.choice([0.05, 0.5, 0.9, 1.0]) for _ in range(40)])
        found = drawn(scores, uniform, temperatures_B=temperatures, top_p_B=top_p).tolist()
        for row, id_ in enumerate(found):
            shares, order = (
                (scores[row].double() / temperatures[row]).softmax(-1).sort(descending=True)
            )
            sums = shares.cumsum(-1)
            kept = int((sums - shares < float(top_p[row])).sum())
            place = order.tolist().index(id_)
            wanted = uniform[row] * float(sums[kept - 1])
            assert place < kept + 1
            before = float(sums[place - 1]) if place else 0.0
            assert before - 1e-4 <= wanted <= float(sums[place]) + 1e-4


@pytest.mark.parametrize("temperature", [1e-45, 1e-60])
def test_a_temperature_next_to_nothing_takes_the_likeliest(temperature: float) -> None:
    scores = torch.tensor([[0.0, 3.0, 2.9]])
    hot, top_p = torch.tensor([temperature]), torch.tensor([1.0])
    assert drawn(scores, [0.999], temperatures_B=hot, top_p_B=top_p).tolist() == [1]
