"""Where a stage begins: parts that other programs made."""

from __future__ import annotations

import shutil
from pathlib import Path

import make
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from amalia.errors import ArtifactError
from amalia.model import build, export
from amalia.train.stage import Stage
from amalia.train.start import begin


@pytest.mark.parametrize(
    ("said", "is_exact"),
    [({}, False), ({"pictures": "quick"}, False), ({"pictures": "exact"}, True)],
)
def test_a_stage_says_how_its_pictures_become_tiles(
    tiny_model: Path, said: dict[str, str], is_exact: bool
) -> None:
    stage = Stage.model_validate(
        {
            "name": "teste",
            "start": {"kind": "model", "model": "model"},
            "objective": {"kind": "next_token"},
            "trainable": {"language": {"lr": 1e-3}},
            "mixture": [{"artifact": "conversas", "weight": 1}],
            "steps": 1,
            "batch": 1,
            "max_tokens": 64,
            **said,
        }
    )
    renderer = begin(stage, lambda _: tiny_model).renderer
    assert renderer.is_exact is is_exact
    assert renderer.grid is not None


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A language model whose tokenizer knows turns, but no pictures."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    special = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(make.TEXTS, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="<|im_end|>",
        pad_token="</s>",
    )
    folder = tmp_path / "estrangeiro"
    folder.mkdir()
    torch.manual_seed(4)
    export.export(
        build.language_model(make.LANGUAGE, tokenizer), folder, tokenizer=tokenizer, grid=None
    )
    return folder


def joined(tower: Path, language: Path) -> Stage:
    return Stage.model_validate(
        {
            "name": "junto",
            "start": {
                "kind": "llava_next",
                "tower": str(tower),
                "language": str(language),
                "pinpoints_px": make.GRID.pinpoints_px,
            },
            "objective": {"kind": "next_token"},
            "trainable": {"connector": {"lr": 1e-3}},
            "mixture": [{"artifact": "nada", "weight": 1}],
            "steps": 1,
            "batch": 1,
            "max_tokens": 64,
        }
    )


def test_a_language_model_without_a_picture_token_gets_one_with_a_row(
    foreign: Path, tiny_tower: Path
) -> None:
    begun = begin(joined(tiny_tower, foreign), Path)
    old = export.load_language(foreign)
    image = begun.renderer.image_id
    assert image == old.config.vocab_size == 320
    assert begun.model.config.image_token_id == image
    rows = begun.model.get_input_embeddings().weight
    assert rows.shape[0] == 384, "whole multiples of 64"
    torch.testing.assert_close(rows[:320], old.get_input_embeddings().weight)
    asked = make.conversation(("user", make.picture(), "Que é?"), ("assistant", "É azul."))
    rendered = begun.renderer.conversation(asked)
    assert rendered.ids.count(image) == make.GRID.num_tokens(12, 20)


def test_a_text_model_needs_no_picture_token(foreign: Path) -> None:
    tree = joined(foreign, foreign).model_dump() | {
        "start": {"kind": "model", "model": str(foreign)}
    }
    renderer = begin(Stage.model_validate(tree), Path).renderer
    assert renderer.image_id is None
    assert renderer.conversation(make.conversation()).ids


def test_the_tower_of_a_siglip_pair_is_taken_without_its_head(
    tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    torch.manual_seed(5)
    pair = build.siglip_pair(make.TOWER, make.TEXT_TOWER, tiny_tokenizer)
    pair.save_pretrained(tmp_path)
    tower = export.load_tower(tmp_path)
    assert not hasattr(tower.vision_model, "head")
    found = tower.state_dict()
    wanted = build.tower_of(pair).state_dict()
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)


def test_a_model_folder_without_weights_is_one_line(tmp_path: Path, tiny_language: Path) -> None:
    folder = tmp_path / "sem-pesos"
    shutil.copytree(tiny_language, folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ArtifactError, match="holds no weights"):
        export.load(folder)
