"""One record shown: its pieces give back its tokens, and the page holds its tiles."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import make
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console
from transformers import PreTrainedTokenizerFast
from typer.testing import CliRunner

from amalia.cli.app import app
from amalia.errors import ArtifactError, TrainingError
from amalia.model.render import Renderer
from amalia.plan.page import page
from amalia.plan.sample import Sample, drawn, pieces_of, told
from amalia.plan.shape import Here
from amalia.train.mixture import Mixture, Weighted
from amalia.train.rows import Rows
from amalia.train.stage import Stage

Build = Callable[..., Stage]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def shown(sample: Sample, *, ids: bool = False) -> str:
    """The sample as it stands in a terminal without colors."""
    out = io.StringIO()
    console = Console(file=out, highlight=False, soft_wrap=True)
    for line in told(sample, ids=ids, in_color=False):
        console.print(line)
    return out.getvalue()


@pytest.fixture
def asked(tmp_path: Path, tiny_model: Path) -> Here:
    """One conversation about a picture, one preference, and the tiny model."""
    picture = make.picture(20, 12, noise=1)
    talk = make.conversation(("user", picture, "Que cor?"), ("assistant", "É vermelho."), id="c7")
    pair = make.preference(
        ("user", picture, "O que vês?"), chosen="Um autocarro.", rejected="Um ônibus."
    )
    return make.folders(
        modelo=tiny_model,
        conversas=make.write_artifact(tmp_path / "conversas", "conversations", [talk]),
        pares=make.write_artifact(tmp_path / "pares", "preferences", [pair]),
    )


def of(artifact: str) -> dict[str, Any]:
    return {"mixture": [{"artifact": artifact, "weight": 1}]}


def test_a_conversation_is_told_with_its_tiles_and_what_is_learnt(
    build_stage: Build, asked: Here
) -> None:
    sample = drawn(build_stage(**of("conversas")), asked, 0)
    assert shown(sample) == (
        "sample 0: c7 of conversas, 51 tokens, 12 of them learnt (23.5%)\n"
        "picture 1: 20 × 12 px → 3 tiles: 1 base + 1×2 of 16 px, 14 tokens\n"
        "\n"
        "conversation (51 tokens)\n"
        "<|im_start|>user\n"
        "<image> × 14\n"
        "Que cor?<|im_end|>\n"
        "<|im_start|>assistant\n"
        "⟦É vermelho.<|im_end|>⟧\n"
        "\n\n"
        "⟦…⟧ is learnt\n"
    )


def test_a_preference_has_its_prompt_and_both_answers(build_stage: Build, asked: Here) -> None:
    sample = drawn(build_stage(objective={"kind": "dpo"}, **of("pares")), asked, 3)
    assert [part.title for part in sample.parts] == ["prompt", "chosen", "rejected"]
    text = shown(sample)
    assert "chosen (" in text
    assert "⟦Um autocarro.<|im_end|>⟧" in text
    assert "⟦Um ônibus.<|im_end|>⟧" in text
    assert not any(piece.is_learnt for piece in sample.parts[0].pieces)


def test_text_is_learnt_whole(build_stage: Build, here: Here) -> None:
    sample = drawn(build_stage(**of("prosa")), here, 0)
    assert re.fullmatch(r"prosa\[\d\]", sample.name)
    assert sample.counts == "96 tokens, 96 of them learnt (100.0%)"


def test_a_caption_has_its_picture_as_one_tile(
    build_stage: Build, tmp_path: Path, tiny_language: Path
) -> None:
    rows = [make.preference(("user", make.picture(20, 12)), chosen="gato", rejected="cão")]
    here = make.folders(
        t=tiny_language, legendas=make.write_artifact(tmp_path / "legendas", "preferences", rows)
    )
    start = {
        "kind": "siglip",
        "tokenizer": "t",
        "tower": make.TOWER.model_dump(),
        "text": make.TEXT_TOWER.model_dump(),
    }
    stage = build_stage(
        start=start,
        objective={"kind": "contrast"},
        trainable={"vision": {"lr": 1e-3}},
        **of("legendas"),
    )
    sample = drawn(stage, here, 0)
    assert [part.title for part in sample.parts] == ["caption", "nearly right"]
    assert sample.pictures[0].told == "1 tile: 1 base of 16 px"


def test_ids_stand_behind_their_text(build_stage: Build, asked: Here, tiny_model: Path) -> None:
    text = shown(drawn(build_stage(**of("conversas")), asked, 0), ids=True)
    tokenizer = Renderer.load(tiny_model).tokenizer
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert f"<|im_end|>‹{end}›⟧" in text


def test_the_place_is_that_of_the_mixture(build_stage: Build, here: Here) -> None:
    stage = build_stage(**of("cores"))
    folder = here("cores")
    assert folder is not None
    rows = Rows(folder, "conversations")
    mixture = Mixture([Weighted(rows.name, rows.blocks, 1.0)], seed=stage.seed)
    for position in (0, 5, 30):
        record: Any = rows.record(mixture.at(position).record)
        name = drawn(stage, here, position).name
        # The one that is too long gives way to the next, which here is the first.
        assert name == ("c0" if record.id == "comprida" else record.id)


@given(TEXT)
def test_pieces_give_back_ids_and_text(tiny_tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    renderer = Renderer(tiny_tokenizer, make.GRID)
    ids = renderer.answer(text)
    pieces = pieces_of(ids, [True] * len(ids), renderer)
    assert [token for piece in pieces for token in piece.ids] == ids
    assert "".join(piece.text for piece in pieces) == tiny_tokenizer.decode(
        ids, clean_up_tokenization_spaces=False
    )


def test_what_is_missing_is_one_line(build_stage: Build, asked: Here) -> None:
    with pytest.raises(ArtifactError, match="longe is not on this machine"):
        drawn(build_stage(**of("longe")), asked, 0)
    with pytest.raises(ArtifactError, match="the tokenizer of what the stage starts from is not"):
        drawn(build_stage(start={"kind": "model", "model": "longe"}), asked, 0)
    with pytest.raises(TrainingError, match="no record of conversas fits into max_tokens 5"):
        drawn(build_stage(max_tokens=5, **of("conversas")), asked, 0)


class _Checked(HTMLParser):
    """Counts what a page holds and sees that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[str] = []
        self.learnt: list[str] = []
        self._is_learnt = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given_ = dict(attrs)
        if tag == "img":
            self.images.append(given_["src"] or "")
        elif tag not in ("meta", "link"):
            self.open.append(tag)
        self._is_learnt = tag == "span" and given_.get("class") == "learnt" and "title" in given_
        assert all("//" not in (value or "") for value in given_.values() if tag != "img")

    def handle_data(self, data: str) -> None:
        if self._is_learnt:
            self.learnt.append(data)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._is_learnt = False


def test_the_page_holds_every_tile_and_what_is_learnt(build_stage: Build, asked: Here) -> None:
    sample = drawn(build_stage(**of("conversas")), asked, 0)
    checked = _Checked()
    checked.feed(page(sample, ids=False))
    assert checked.open == []
    assert "".join(checked.learnt) == "É vermelho.<|im_end|>"
    tiles = sample.pictures[0].tiles
    assert len(checked.images) == len(tiles) == 3
    for address, tile in zip(checked.images, tiles, strict=True):
        data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
        with Image.open(io.BytesIO(data)) as picture:
            assert np.array_equal(np.asarray(picture).transpose(2, 0, 1), tile)


def test_text_of_a_record_is_no_markup_of_the_page(
    build_stage: Build, tmp_path: Path, tiny_model: Path
) -> None:
    row = make.conversation(("user", "<script>x</script>"), ("assistant", "a & b"), id="<b>")
    here = make.folders(
        modelo=tiny_model, mal=make.write_artifact(tmp_path / "mal", "conversations", [row])
    )
    text = page(drawn(build_stage(**of("mal")), here, 0), ids=True)
    assert "<script" not in text
    assert "<b>" not in text


def test_the_command_shows_and_writes(
    tmp_path: Path, asked: Here, build_stage: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stage = build_stage(
        start={"kind": "model", "model": str(asked("modelo"))},
        mixture=[{"artifact": "conversas", "weight": 1}],
    )
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(stage.model_dump(mode="json")), "utf-8")
    words = ["inspect", "r.yaml", "--out", "x", "--sample", "2", "--html", "s.html"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("sample 2: c7 of conversas, 51 tokens")
    assert "data:image/png" in (tmp_path / "s.html").read_text("utf-8")
