"""Operations of a training step: as counted by hand, and as torch counts them."""

from __future__ import annotations

from typing import Any

import make
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    BertConfig,
    LlamaConfig,
    LlavaNextConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
)

from amalia.model import attention, build
from amalia.model.flops import (
    Products,
    Work,
    forward_products,
    step_flops,
    trained_shares,
)
from amalia.model.render import Renderer
from amalia.train.micro_batch import Named, contrast_batch, next_token_batch

LANGUAGE = LlamaConfig(
    hidden_size=8,
    intermediate_size=16,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=50,
)
VISION = {
    "hidden_size": 6,
    "intermediate_size": 10,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 8,
    "patch_size": 4,
    "vision_use_head": False,
}
JOINED = LlavaNextConfig(
    vision_config={"model_type": "siglip_vision_model", **VISION}, text_config=LANGUAGE.to_dict()
)
PARTS = ("vision", "connector", "language")


def test_a_language_model_is_counted_as_by_hand() -> None:
    # Documents of 3 and 5 tokens, 2 of them predicted.
    found = forward_products(LANGUAGE, Work(tokens=8, squares=9 + 25, tiles=0, predicted=2))
    # A layer: 8 × 8 to queries and back, 8 × 4 to keys and values, three of 8 × 16.
    a_token = 2 * (2 * 64 + 2 * 32 + 3 * 128)
    # Scores and sums are 2 · 8 · n² each for a document, half of it masked.
    assert found["language"] == Products(weights=3 * a_token * 8, activations=3 * 2 * 8 * 34)
    assert found["head"] == Products(first=2 * 8 * 50 * 2)


def test_a_tower_and_a_connector_are_counted_as_by_hand() -> None:
    found = forward_products(JOINED, Work(tokens=8, squares=34, tiles=5, predicted=2))
    patches = 4
    a_patch = 2 * (4 * 36 + 2 * 60)
    assert found["vision"] == Products(
        first=5 * patches * 2 * 3 * 16 * 6,
        weights=5 * patches * 2 * a_patch,
        activations=5 * 2 * 4 * 6 * patches**2,
    )
    assert found["connector"] == Products(
        first=5 * patches * 2 * 6 * 8, weights=5 * patches * 2 * 64
    )
    assert (
        found["language"]
        == forward_products(LANGUAGE, Work(8, 34, tiles=0, predicted=2))["language"]
    )


def test_what_is_frozen_costs_what_flows_through_it() -> None:
    work = Work(tokens=8, squares=34, tiles=5, predicted=2)
    parts = forward_products(JOINED, work)
    vision, connector, language = (parts[name] for name in PARTS)
    head = parts["head"].first

    found = step_flops(JOINED, work, {"connector": 1.0})
    assert found["vision"] == vision.forward
    assert found["connector"] == 2 * connector.first + 3 * connector.weights
    assert found["language"] == 2 * language.weights + 3 * language.activations
    assert found["head"] == 2 * head

    found = step_flops(JOINED, work, {"language": 1.0})
    assert found["vision"] == vision.forward
    assert found["connector"] == connector.forward
    assert found["language"] == 3 * language.forward
    assert found["head"] == 3 * head

    found = step_flops(JOINED, work, {"vision": 1.0})
    # Nobody asks for the gradient of pixels.
    assert found["vision"] == 2 * vision.first + 3 * (vision.weights + vision.activations)
    assert found["connector"] == 2 * connector.forward

    assert step_flops(JOINED, work, {}) == {name: part.forward for name, part in parts.items()}


def test_text_alone_needs_no_gradient_for_a_connector() -> None:
    work = Work(tokens=8, squares=34, tiles=0, predicted=2)
    forward = {name: part.forward for name, part in forward_products(JOINED, work).items()}
    assert step_flops(JOINED, work, {"connector": 1.0}) == forward
    assert forward["vision"] == forward["connector"] == 0


def test_an_adapter_spares_most_gradients_of_weights() -> None:
    work = Work(tokens=8, squares=34, tiles=0, predicted=2)
    language = forward_products(LANGUAGE, work)["language"]
    found = step_flops(LANGUAGE, work, {"language": 0.01})["language"]
    assert found == pytest.approx(2.01 * language.weights + 3 * language.activations)


@given(
    tokens=st.integers(1, 1000),
    tiles=st.integers(0, 9),
    trained=st.sets(st.sampled_from(PARTS), min_size=1),
)
def test_a_step_takes_one_to_three_times_its_forward_pass(
    tokens: int, tiles: int, trained: set[str]
) -> None:
    work = Work(tokens, tokens**2, tiles, tokens)
    forward = forward_products(JOINED, work)
    step = step_flops(JOINED, work, dict.fromkeys(trained, 1.0))
    assert set(step) == set(forward)
    for name, operations in step.items():
        assert forward[name].forward <= operations <= 3 * forward[name].forward


def test_a_model_of_another_kind_is_not_guessed() -> None:
    with pytest.raises(TypeError, match="operations of a bert are not known"):
        forward_products(BertConfig(), Work(1, 1, 0, 1))


def freeze_all_but(model: PreTrainedModel, parts: tuple[str, ...]) -> None:
    for part in build.parts(model).values():
        for value in part.parameters.values():
            value.requires_grad_(part.name in parts)


def plain_attention(model: Any) -> None:
    """Torch does not count its fused attention on a CPU."""
    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            module.config._attn_implementation = "eager"


@pytest.mark.parametrize(
    "trained", [PARTS, ("connector",), ("vision",), ("language",), ("connector", "language")]
)
@pytest.mark.parametrize("has_picture", [True, False])
def test_torch_counts_the_same_operations(
    tiny_tokenizer: PreTrainedTokenizerFast, trained: tuple[str, ...], has_picture: bool
) -> None:
    pair = build.siglip_pair(make.TOWER, make.TEXT_TOWER, tiny_tokenizer)
    language = build.language_model(make.LANGUAGE, tiny_tokenizer)
    model = build.llava_next(build.tower_of(pair), language, tiny_tokenizer, make.GRID)
    attention.attend(model, "eager", "documents")
    freeze_all_but(model, trained)
    renderer = Renderer(tiny_tokenizer, make.GRID)
    seen = [make.picture()] if has_picture else []
    row = make.conversation(("user", *seen, "Que cor?"), ("assistant", "É vermelho."))
    item = renderer.conversation(row)
    items = [Named(item, "cores")] * 8
    batch = next_token_batch(items, pad_id=renderer.pad_id, device="cpu")
    with FlopCounterMode(display=False) as counter:
        total = batch.compute(model).total
        if total.requires_grad:
            total.backward()
    # Torch also counts padding, here to 16 tokens and 64 predictions, and the masked half of attention.
    length = len(item.ids) + -len(item.ids) % 16
    tokens = 8 * len(item.ids) + -8 * len(item.ids) % 16
    predicted = 8 * sum(item.supervised)
    predicted += -predicted % 64
    work = Work(tokens, 2 * 8 * length**2, 8 * len(item.tiles), predicted)
    counted = sum(step_flops(model.config, work, trained_shares(model)).values())
    # What is left are the angles of rotary positions, a product of 8 × 1 by 1 × tokens.
    assert counter.get_total_flops() - counted == 2 * 8 * tokens


def test_torch_counts_the_same_operations_of_a_pair(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    pair = build.siglip_pair(make.TOWER, make.TEXT_TOWER, tiny_tokenizer)
    plain_attention(pair)
    rows = [
        make.preference(
            ("user", make.picture(color=color)), chosen=color, rejected="blue", id=color
        )
        for color in ("red", "green", "white", "black")
    ]
    batch = contrast_batch(
        [Named(row, "cores") for row in rows],
        tiny_tokenizer,
        image_px=make.TOWER.image_px,
        max_tokens=12,
        device="cpu",
    )
    with FlopCounterMode(display=False) as counter:
        batch.compute(pair).total.backward()
    captions = 2 * len(rows)
    work = Work(captions * 12, captions * 12**2, tiles=len(rows), predicted=0)
    assert isinstance(pair.config, SiglipConfig)
    counted = sum(step_flops(pair.config, work, trained_shares(pair)).values())
    # The last layer of captions, one matrix a caption, and the similarities are left out.
    assert counter.get_total_flops() == pytest.approx(counted, rel=0.02)
