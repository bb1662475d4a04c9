"""Rendering equals transformers' own processor, and supervises the assistant's words and nothing else."""

from __future__ import annotations

import copy
import io
from itertools import groupby
from pathlib import Path
from typing import Any

import make
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from tokenizers import Tokenizer, models
from transformers import AutoProcessor, PreTrainedTokenizerFast

from amalia.errors import ArtifactError, RecordError
from amalia.model.render import Rendered, Renderer, chat_template, collate
from amalia.records import PLACEHOLDER, Conversation, Row, Text

PIECES = (
    "«", "»", "«Pão»", "🍞", "👩‍👩‍👧", "\n", "\n\n", "\r\n", " ", "  ", "\t", "ção", "1990", "<", "|>", "à",
    "O gato",
)  # fmt: skip
texts = st.lists(
    st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    max_size=6,
).map("".join)
# Thinner pictures confuse the reference; see ``test_tile``.
pictures = st.builds(make.picture, st.integers(8, 60), st.integers(8, 60), noise=st.integers(0, 9))
Turns = list[tuple[Any, ...]]


@st.composite
def conversations(draw: st.DrawFn) -> Row[Conversation]:
    turns: Turns = []
    if draw(st.booleans()):
        turns.append(("system", *draw(st.lists(texts, max_size=2))))
    for _ in range(draw(st.integers(1, 3))):
        turns.append(("user", *draw(st.lists(texts | pictures, max_size=4))))
        turns.append(("assistant", *draw(st.lists(texts, max_size=2))))
    joined = ("".join(part for part in parts if isinstance(part, str)) for _, *parts in turns)
    if any(PLACEHOLDER.search(text) for text in joined):
        turns = [("user", "Olá."), ("assistant", "Olá!")]
    return make.conversation(*turns)


def messages(row: Row[Conversation]) -> list[dict[str, Any]]:
    """Say the same as OpenAI-like messages with opened pictures."""
    return [
        {
            "role": turn.role,
            "content": [
                {"type": "text", "text": part.text}
                if isinstance(part, Text)
                else {
                    "type": "image",
                    "image": PillowImage.open(io.BytesIO(row.images[part.sha256])),
                }
                for part in turn.parts
            ],
        }
        for turn in row.record.turns
    ]


def supervised_texts(words: PreTrainedTokenizerFast, rendered: Rendered) -> list[str]:
    """Decode each run of supervised positions."""
    marked = groupby(zip(rendered.ids, rendered.supervised, strict=True), key=lambda pair: pair[1])
    return [words.decode([token for token, _ in run]) for learned, run in marked if learned]


@pytest.fixture(scope="module")
def processor(tiny_model: Path) -> Any:
    return AutoProcessor.from_pretrained(tiny_model, use_fast=False)


@pytest.fixture(scope="module")
def renderer(tiny_model: Path) -> Renderer:
    return Renderer.load(tiny_model)


@settings(max_examples=150)
@given(row=conversations())
def test_rendering_is_that_of_the_processor_and_supervises_the_assistant_alone(
    processor: Any, renderer: Renderer, row: Row[Conversation]
) -> None:
    rendered = renderer.conversation(row)
    reference = processor.apply_chat_template(messages(row), tokenize=True, return_dict=True)

    assert [*rendered.ids] == reference["input_ids"][0]
    answers = [turn.text + "<|im_end|>" for turn in row.record.turns if turn.role == "assistant"]
    assert supervised_texts(renderer.tokenizer, rendered) == answers

    images = row.record.images
    counts = [make.GRID.num_tokens(image.height_px, image.width_px) for image in images]
    assert rendered.ids.count(renderer.image_id) == sum(counts)
    assert [*rendered.image_sizes] == [tuple(size) for size in reference.get("image_sizes", [])]
    if images:
        tiles = [make.GRID.num_tiles(image.height_px, image.width_px) for image in images]
        # The processor pads every picture to the number of tiles of the largest.
        padded = zip(reference["pixel_values"], tiles, strict=True)
        pixels = np.concatenate([picture[:number] for picture, number in padded])
        batch = collate([rendered], pad_id=renderer.pad_id)
        assert batch.pixel_values_N3PP is not None
        np.testing.assert_allclose(
            batch.pixel_values_N3PP.numpy(), pixels, rtol=0, atol=1.01 / 127.5
        )


@given(row=conversations())
def test_a_prompt_is_the_conversation_with_the_header_of_an_answer(
    processor: Any, renderer: Renderer, row: Row[Conversation]
) -> None:
    rendered = renderer.prompt(row)
    reference = processor.apply_chat_template(
        messages(row), tokenize=True, return_dict=True, add_generation_prompt=True
    )
    assert [*rendered.ids] == reference["input_ids"][0]
    assert not any(rendered.supervised)


@given(prompt=conversations(), chosen=texts, rejected=texts)
def test_a_prompt_with_an_answer_is_the_conversation_that_has_it(
    renderer: Renderer, prompt: Row[Conversation], chosen: str, rejected: str
) -> None:
    if PLACEHOLDER.search(chosen) or PLACEHOLDER.search(rejected):
        return
    pair = make.preference(("user", "Olá."), chosen=chosen, rejected=rejected)
    for rendered, answer in zip(renderer.answers(pair), (chosen, rejected), strict=True):
        whole = renderer.conversation(make.conversation(("user", "Olá."), ("assistant", answer)))
        # All but the line break behind the last turn.
        assert rendered.ids == whole.ids[:-1]
        assert rendered.supervised == whole.supervised[:-1]
    continued = renderer.continued(renderer.prompt(prompt), chosen)
    assert supervised_texts(renderer.tokenizer, continued) == [chosen + "<|im_end|>"]


def test_the_text_of_a_conversation_is_exactly_this(renderer: Renderer) -> None:
    red = make.picture(16, 16)
    row = make.conversation(
        ("system", "Sê breve."),
        ("user", red, "Que animal é este?"),
        ("assistant", "É um gato 🐈."),
        ("user", "E «isto»", red),
        ("assistant", "O mesmo."),
    )
    image = "<image>" * 10 + "\n"
    rendered = renderer.conversation(row)
    assert renderer.tokenizer.decode([*rendered.ids]) == (
        "<|im_start|>system\nSê breve.<|im_end|>\n"
        f"<|im_start|>user\n{image}Que animal é este?<|im_end|>\n"
        "<|im_start|>assistant\nÉ um gato 🐈.<|im_end|>\n"
        f"<|im_start|>user\nE «isto»{image}<|im_end|>\n"
        "<|im_start|>assistant\nO mesmo.<|im_end|>\n"
    )
    assert supervised_texts(renderer.tokenizer, rendered) == [
        "É um gato 🐈.<|im_end|>",
        "O mesmo.<|im_end|>",
    ]
    assert rendered.tiles.shape == (4, 3, 16, 16)
    assert rendered.image_sizes == ((16, 16), (16, 16))


def test_the_template_takes_plain_strings_and_openai_parts(processor: Any) -> None:
    said = processor.apply_chat_template(
        [
            {"role": "system", "content": "Sê breve."},
            {"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "Olá."}]},
        ],
        add_generation_prompt=True,
    )
    assert said == (
        "<|im_start|>system\nSê breve.<|im_end|>\n"
        "<|im_start|>user\n<image>\nOlá.<|im_end|>\n<|im_start|>assistant\n"
    )
    assert processor.chat_template == chat_template()


def test_nothing_to_learn_is_refused(renderer: Renderer) -> None:
    with pytest.raises(RecordError, match="conversation c1 has no assistant turn") as caught:
        renderer.conversation(make.conversation(("user", "Olá.")))
    assert caught.value.reason == "no_assistant_turn"


def test_a_picture_that_is_not_there_is_named(renderer: Renderer) -> None:
    red = make.picture()
    record = make.conversation(("user", red), ("assistant", "Vermelho.")).record
    digest = make.image(red).sha256[:12]
    with pytest.raises(
        RecordError, match=f"c1 names picture {digest} but the row does not"
    ) as caught:
        renderer.conversation(Row(record, {}))
    assert caught.value.reason == "picture_missing"


def test_a_model_of_text_refuses_pictures_and_reads_the_rest(
    tiny_language: Path, renderer: Renderer
) -> None:
    blind = Renderer.load(tiny_language)
    row = make.conversation(("user", "Olá."), ("assistant", "Olá!"))
    assert blind.conversation(row).ids == renderer.conversation(row).ids
    with pytest.raises(RecordError, match="this model reads text only") as caught:
        blind.conversation(make.conversation(("user", make.picture()), ("assistant", "?")))
    assert caught.value.reason == "picture_for_text_model"


def test_plain_text_is_learned_whole_and_closed(renderer: Renderer) -> None:
    rendered = renderer.text("Olá, mundo.")
    assert renderer.tokenizer.decode([*rendered.ids]) == "Olá, mundo.</s>"
    assert all(rendered.supervised)


def test_what_is_not_a_model_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"is not an exported model: it has no tokenizer\.json"):
        Renderer.load(tmp_path)


def test_a_foreign_tokenizer_is_refused() -> None:
    foreign = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<unk>": 0, "a": 1}, unk_token="<unk>")),
        unk_token="<unk>",
        pad_token="a",
    )
    with pytest.raises(ArtifactError, match="the tokenizer has no <image> token"):
        Renderer(foreign, make.GRID)
    with pytest.raises(ArtifactError, match=r"the tokenizer has no <\|im_end\|> token"):
        Renderer(foreign, None)


def test_a_batch_is_padded_masked_and_scaled(renderer: Renderer) -> None:
    white = make.picture(16, 16, "white")
    rows = [
        make.conversation(("user", "Olá."), ("assistant", "Olá!")),
        make.conversation(("user", white, "Que cor é esta?"), ("assistant", "É branco.")),
    ]
    short, long = (renderer.conversation(row) for row in rows)
    gap = len(long.ids) - len(short.ids)
    right = collate([short, long], pad_id=renderer.pad_id)
    left = collate([short, long], pad_id=renderer.pad_id, side="left")
    assert right.input_ids_BT[0].tolist() == [*short.ids, *[renderer.pad_id] * gap]
    assert left.input_ids_BT[0].tolist() == [*[renderer.pad_id] * gap, *short.ids]
    assert right.attention_mask_BT.sum(1).tolist() == [len(short.ids), len(long.ids)]
    longer = collate([short], pad_id=renderer.pad_id, multiple=16)
    assert longer.input_ids_BT.shape[1] % 16 == 0
    assert longer.input_ids_BT[0, : len(short.ids)].tolist() == list(short.ids)
    assert int(longer.attention_mask_BT.sum()) == len(short.ids)
    assert left.attention_mask_BT[0].tolist() == [0] * gap + [1] * len(short.ids)
    assert right.supervised_BT[0].tolist() == [*short.supervised, *[False] * gap]
    assert left.supervised_BT[0].tolist() == [*[False] * gap, *short.supervised]
    assert right.pixel_values_N3PP is not None
    assert right.image_sizes_I2 is not None
    assert right.pixel_values_N3PP.dtype == torch.float32
    assert right.pixel_values_N3PP.unique().tolist() == [1.0]
    assert right.image_sizes_I2.tolist() == [[16, 16]]
    assert set(right.model_inputs()) == {
        "input_ids",
        "attention_mask",
        "pixel_values",
        "image_sizes",
    }
    assert set(collate([short], pad_id=2).to("cpu").model_inputs()) == {
        "input_ids",
        "attention_mask",
    }


@given(st.text(max_size=60))
def test_ids_are_those_of_the_tokenizer_itself(
    tiny_tokenizer: PreTrainedTokenizerFast, text: str
) -> None:
    renderer = Renderer(tiny_tokenizer, None)
    wanted = tiny_tokenizer.encode(text, add_special_tokens=False)
    assert renderer.answer(text)[:-1] == wanted


def test_a_tokenizer_that_was_told_to_cut_cuts_nothing_here(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer)  # what it is told it remembers
    renderer = Renderer(tokenizer, None)
    whole = renderer.answer("Quantas maçãs há na imagem?")
    tokenizer("a", truncation=True, padding="max_length", max_length=3)
    assert renderer.answer("Quantas maçãs há na imagem?") == whole
    assert len(whole) > 3
