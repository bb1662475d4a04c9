"""Packed sequences give the losses and gradients of their documents apart, on every backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from amalia.model import attention, export
from amalia.model.attention import Backend, documents_of
from amalia.model.packed import pack
from amalia.model.render import Rendered, Renderer
from amalia.train.objectives import next_token

BACKENDS: tuple[Backend, ...] = ("documents", "block", "varlen")


def rows(folder: Path) -> list[Rendered]:
    """Five conversations of unequal length, two with pictures, one longer than a group takes."""
    renderer = Renderer.load(folder)
    made = [
        make.conversation(("user", "Olá."), ("assistant", "Olá! Bom dia."), id="a"),
        make.conversation(
            ("user", make.picture(30, 12, "red"), "De que cor é?"), ("assistant", "É vermelho.")
        ),
        make.conversation(("user", "Conta."), ("assistant", "Um, dois, três. " * 40), id="c"),
        make.conversation(
            ("user", make.picture(10, 40, "blue"), "E esta?"),
            ("assistant", "É azul."),
            ("user", "De certeza?"),
            ("assistant", "Sim, é azul."),
            id="d",
        ),
        make.conversation(("user", "Onde fica Lisboa?"), ("assistant", "Em Portugal."), id="e"),
    ]
    return [renderer.conversation(row) for row in made]


def varlen_by_hand(query: Any, key: Any, value: Any, starts: Any, *_: Any, **given: Any) -> Any:
    """What ``torch.nn.attention.varlen`` computes on a GPU, document by document."""
    assert given["window_size"] == (-1, 0)
    assert query.dtype == key.dtype == value.dtype  # a GPU has a kernel for nothing else
    each = []
    for start, end in zip(starts.tolist(), starts.tolist()[1:], strict=False):
        parts = [part[start:end].transpose(0, 1)[None] for part in (query, key, value)]
        seen = F.scaled_dot_product_attention(
            *parts, is_causal=True, scale=given["scale"], enable_gqa=given["enable_gqa"]
        )
        each.append(seen[0].transpose(0, 1))
    return torch.cat(each)


def computed(
    folder: Path, batches: list[list[Rendered]], backend: Backend, length: int = 0
) -> tuple[float, dict[str, torch.Tensor]]:
    """Mean loss and gradients of some packs."""
    model = export.load(folder)
    attention.attend(model, "eager", backend)
    total, count = torch.zeros(()), 0
    for batch in batches:
        result = next_token(model, pack(batch, pad_id=0, length=length))
        total, count = total + result.total, count + result.count
    (total / count).backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return float(total.detach()) / count, gradients


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("length", [0, 1500])
def test_packed_losses_and_gradients_are_those_of_the_documents_apart(
    tiny_model: Path, backend: Backend, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", varlen_by_hand)
    documents = rows(tiny_model)
    apart, wanted = computed(tiny_model, [[one] for one in documents], "block")
    together, found = computed(tiny_model, [documents], backend, length)
    assert together == pytest.approx(apart, rel=1e-5)
    assert set(found) == set(wanted)
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=2e-3, atol=2e-5)


def test_under_autocast_variable_length_attention_gets_one_dtype(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", varlen_by_hand)
    documents = rows(tiny_model)
    wanted, _ = computed(tiny_model, [documents], "varlen")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, _ = computed(tiny_model, [documents], "varlen")
    assert found == pytest.approx(wanted, rel=1e-2)


# The compiler looks at every input so; it is torch's own doing.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_compiled_blocks_are_compiled_once_for_all_packs_of_a_length(tiny_model: Path) -> None:
    model: Any = export.load(tiny_model)
    attention.attend(model, "eager", "block")
    for block in model.model.language_model.layers:
        block.compile(backend="eager")
    documents = [[one] for one in rows(tiny_model) if not one.image_sizes]
    torch.compiler.reset()
    counts = []
    for batch in (*documents, [one for each in documents for one in each]):
        next_token(model, pack(batch, pad_id=0, length=1500)).total.backward()
        counts.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert counts[0] > 0
    assert counts == counts[:1] * len(counts)


def test_one_document_packed_is_what_the_model_gives_unpacked(tiny_model: Path) -> None:
    (item,) = rows(tiny_model)[1:2]
    model: Any = export.load(tiny_model).eval()
    packed = pack([item], pad_id=0)
    inputs = packed.model_inputs()
    plain = model(**{name: value for name, value in inputs.items() if name != "documents"})
    attention.attend(model, "eager", "documents")
    torch.testing.assert_close(model(**inputs).logits, plain.logits, rtol=1e-4, atol=1e-5)


def test_a_document_does_not_see_the_others(tiny_model: Path) -> None:
    items = rows(tiny_model)
    model: Any = export.load(tiny_model).eval()
    attention.attend(model, "eager", "documents")
    whole = pack(items, pad_id=0)
    changed = Rendered(items[0].ids[::-1], items[0].supervised, items[0].tiles, ())
    other = pack([changed, *items[1:]], pad_id=0)
    states = [model.model(**one.model_inputs()).last_hidden_state[0] for one in (whole, other)]
    differ = (states[0] - states[1]).abs().amax(-1) > 0
    # Sorted by length, the first conversation of four lies second to last.
    lengths = sorted((len(item.ids) for item in items), reverse=True)
    start = sum(lengths[: lengths.index(len(items[0].ids))])
    assert differ.nonzero().flatten().tolist() == [*range(start, start + len(items[0].ids))]


def test_supervised_tokens_keep_their_predictor_and_their_owner(tiny_model: Path) -> None:
    items = rows(tiny_model)
    packed = pack(items, pad_id=0, multiple=16)
    ids = packed.input_ids_1T[0]
    assert len(ids) % 16 == 0
    for number, item in enumerate(items):
        own = packed.owners_S == number
        learned = [token for token, on in zip(item.ids, item.supervised, strict=True) if on]
        assert packed.targets_S[own].tolist() == learned
        before = [item.ids[n - 1] for n, on in enumerate(item.supervised) if on]
        assert ids[packed.predictors_S[own]].tolist() == before
    assert packed.position_ids_1T[0, packed.documents.starts_D1[:-1].long()].tolist() == [0] * 5


def test_the_first_token_of_a_text_has_nothing_to_be_predicted_from(tiny_language: Path) -> None:
    texts = [Renderer.load(tiny_language).text(text) for text in ("Bom dia.", "Boa noite a todos.")]
    packed = pack(texts, pad_id=0)
    assert len(packed.targets_S) == sum(len(text.ids) - 1 for text in texts)


@settings(max_examples=60)
@given(lengths=st.lists(st.integers(1, 700), min_size=1, max_size=30))
def test_groups_hold_every_short_document_once_and_pad_little(lengths: list[int]) -> None:
    lengths.sort(reverse=True)
    documents = documents_of(lengths)
    assert documents.lengths[: documents.num_alone] == tuple(
        length for length in lengths if length > attention.GROUPED_TOKENS
    )
    short = sum(length for length in lengths if length <= attention.GROUPED_TOKENS)
    start = sum(lengths) - short
    assert documents.taken_GL[documents.real_T].tolist() == list(range(start, start + short))
    padded = sum(group.size * group.length for group in documents.groups)
    assert len(documents.taken_GL) == padded <= short * 1.3 + 32 * len(lengths)


def test_documents_are_described_from_the_longest_to_the_shortest() -> None:
    with pytest.raises(ValueError, match="expected the longest first"):
        documents_of([3, 5])
