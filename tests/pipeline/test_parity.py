"""``amalia verify``: faithful sides agree, and a fault is named at the stage where it is."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import make
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from local_server import LocalServer, Manner
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast

from amalia import manifest
from amalia.device import Device, detect
from amalia.errors import ArtifactError, GenerationError, RecipeError
from amalia.inference.endpoint import EndpointSettings
from amalia.inference.local import Local
from amalia.model import export
from amalia.model.render import Renderer
from amalia.model.tile import TileGrid
from amalia.pipeline import parity, parity_ours
from amalia.pipeline.parity import Report, Sides, compared
from amalia.pipeline.parity_comparison import Comparison, Pair
from amalia.pipeline.parity_engine import connected, settings_for
from amalia.pipeline.parity_pictures import draw, odd_pictures, odd_sizes
from amalia.pipeline.parity_prompts import Prompt, prompts_for
from amalia.pipeline.parity_sides import Side, Step, Told, Words
from amalia.pipeline.parity_stages import greedy_text, parting, pixels
from amalia.pipeline.parity_transformers import transformers
from amalia.records import PLACEHOLDER

NUM_PICTURES = 5
GRIDS = {
    "tiny": make.GRID,
    "mini": TileGrid(96, 16, tuple((96 * h, 96 * w) for h, w in [(1, 1), (1, 4), (4, 1)])),
    "9B": TileGrid(384, 16, tuple((384 * h, 384 * w) for h in (1, 2, 3) for w in (1, 2, 3))),
}


# --- pictures and prompts -------------------------------------------------------------------------


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_odd_sizes_are_many_and_none_is_misread_by_transformers(grid: TileGrid) -> None:
    sizes = list(islice(odd_sizes(grid), 300))
    assert len(set(sizes)) == 300
    for height, width in sizes:
        assert min(height, width) >= 4
        assert max(height, width) <= 50 * min(height, width)
        assert height != 1 and grid.fitted(height, width)[0] not in (1, 3)
    assert list(islice(odd_sizes(grid), 300)) == sizes


def test_the_first_odd_sizes_are_the_known_hard_ones() -> None:
    side = 96
    first = set(islice(odd_sizes(GRIDS["mini"]), 20))
    assert {
        (side - 1, side),
        (side, side + 1),
        (161, 184),
        (184, 161),
        (200, 240),
        (240, 200),
    } <= first
    assert {(4, 200), (200, 4), (24, 1200), (1200, 24), (4, 4), (1501, 1999)} <= first


@given(st.integers(4, 60), st.integers(4, 60), st.integers(0, 9))
def test_a_drawn_picture_is_always_the_same_and_not_of_one_color(h: int, w: int, seed: int) -> None:
    one, same = (np.asarray(draw((h, w), seed=seed)) for _ in range(2))
    assert one.shape == (h, w, 3)
    assert np.array_equal(one, same)
    assert one.std() > 0


def test_pictures_of_a_number_begin_those_of_a_larger_one() -> None:
    few, more = odd_pictures(make.GRID, 3), odd_pictures(make.GRID, 5)
    assert [picture.tobytes() for picture in few] == [picture.tobytes() for picture in more[:3]]


def test_prompts_have_names_of_their_own_and_no_reserved_token() -> None:
    prompts = prompts_for(make.GRID, 5)
    assert len({prompt.name for prompt in prompts}) == len(prompts) == 7 + 5 + 2
    assert sum(bool(prompt.sizes_px) for prompt in prompts) == 7
    for prompt in prompts:
        record = prompt.row.record
        assert record.turns[-1].role == "user"
        assert not any(PLACEHOLDER.search(turn.text) for turn in record.turns)
        assert set(prompt.row.images) == {image.sha256 for image in record.images}
    assert {prompt.sizes_px for prompt in prompts_for(make.GRID, 0)} == {()}
    assert {prompt.sizes_px for prompt in prompts_for(None, 9)} == {()}


@pytest.fixture(scope="session")
def quiet_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, unable to say the token of pictures, which amalia's engine never does."""
    folder = tmp_path_factory.mktemp("quiet") / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "manifest.json").unlink()  # of other weights
    weights = load_file(folder / "model.safetensors")
    (name,) = (name for name in weights if name.endswith("embed_tokens.weight"))
    weights[name][Renderer.load(folder).image_id] = 0
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


# --- the whole of it ------------------------------------------------------------------------------


def named(report: Report) -> tuple[str, str, str, str]:
    """Where a report says that two sides part."""
    found = report.parts_at
    assert found is not None and found.parting is not None
    return found.stage, found.left, found.right, found.parting.where


def test_a_faithful_export_agrees_with_itself_everywhere(quiet_model: Path) -> None:
    report = parity.verify(quiet_model, num_pictures=NUM_PICTURES)
    assert report.parts_at is None
    assert report.server is None and report.sees and report.too_long == ()
    assert (report.num_prompts, report.num_pictures) == (14, 7)
    assert [(found.stage, found.about, found.left, found.right) for found in report.comparisons] == [
        ("rendered ids", "all", "trainer", "transformers"),
        ("image tokens", "pictures", "trainer", "transformers"),
        ("pixels", "pictures", "trainer", "transformers"),
        ("first token", "text", "trainer", "transformers"),
        ("first token", "pictures", "trainer", "transformers"),
        ("greedy text", "text", "transformers", "amalia"),
        ("greedy text", "pictures", "transformers", "amalia"),
    ]  # fmt: skip
    assert all(found.num_agree == found.num_prompts > 0 for found in report.comparisons)


def test_a_language_model_has_no_stages_of_pictures(tiny_language: Path) -> None:
    report = parity.verify(tiny_language, num_pictures=NUM_PICTURES)
    assert report.parts_at is None and not report.sees
    assert [found.stage for found in report.comparisons] == [
        "rendered ids",
        "first token",
        "greedy text",
    ]
    assert report.num_pictures == 0


def changed(folder: Path, target: Path, name: str, change: Callable[[Any], Any]) -> Path:
    """Copy a model with one JSON file, or the template, changed."""
    shutil.copytree(folder, target)
    (target / manifest.FILE_NAME).unlink(
        missing_ok=True
    )  # which would tell that a file is not the one that was written
    text = (target / name).read_text("utf-8")
    is_json = name.endswith(".json")
    new = json.dumps({**json.loads(text), **change(json.loads(text))}) if is_json else change(text)
    (target / name).write_text(new, "utf-8")
    return target


FAULTS = {
    "a template with one blank more": (
        "chat_template.jinja", lambda text: text.replace("'<|im_end|>\\n'", "'<|im_end|> \\n'"),
        "rendered ids",
    ),
    "a patch size that is not the tower's": (
        "processor_config.json", lambda _: {"patch_size": 4}, "image tokens",
    ),
    "another mean": (
        "preprocessor_config.json", lambda _: {"image_mean": [0.48, 0.46, 0.41]}, "pixels",
    ),
    "another filter": ("preprocessor_config.json", lambda _: {"resample": 2}, "pixels"),
    "a grid that the model does not have": (
        "preprocessor_config.json", lambda _: {"image_grid_pinpoints": [[16, 48], [48, 16]]},
        "first token",
    ),
    "a penalty that nobody asked for": (
        "generation_config.json", lambda _: {"repetition_penalty": 5.0}, "greedy text",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_folder_is_named_where_it_is(
    quiet_model: Path, tmp_path: Path, fault: str
) -> None:
    name, change, stage = FAULTS[fault]
    report = parity.verify(changed(quiet_model, tmp_path / "model", name, change), num_pictures=3)
    assert named(report)[0] == stage


def test_other_weights_in_the_trainer_are_named(
    quiet_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = export.load(quiet_model)
    with torch.no_grad():
        model.lm_head.weight[7] += 0.5
    monkeypatch.setattr(parity_ours.export, "load", lambda _: model)
    stage, left, right, where = named(parity.verify(quiet_model, num_pictures=0))
    assert (stage, left, right) == ("first token", "trainer", "transformers")
    assert "nats" in where


def test_what_is_no_model_is_refused(tmp_path: Path, tiny_tower: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no config\.json"):
        parity.verify(tmp_path, num_pictures=1)
    with pytest.raises(ArtifactError, match=r"does not answer"):
        parity.verify(tiny_tower, num_pictures=1)


# --- a server -------------------------------------------------------------------------------------


class Asked:
    """The tiny model with what our own sides say of it, computed once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.device: Device = replace(detect(), dtype="float32")
        self.renderer = Renderer.load(folder)
        self.prompts = prompts_for(self.renderer.grid, NUM_PICTURES)
        self.words = Words(
            self.renderer.tokenizer, self.renderer.image_id, frozenset([self.renderer.end_id])
        )
        self.local = Local.load(folder, device=self.device)
        given: Any = (folder, self.prompts)
        self.sides = Sides(
            parity_ours.trainer(*given, self.renderer, self.device),
            transformers(*given, words=self.words, device=self.device, sees=True),
            parity_ours.engine(*given, self.device),
        )

    def against(
        self, manner: Manner | None = None, *, local: Local | None = None, **more: Any
    ) -> list[Comparison]:
        """Compare with a server of some manner; give what concerns it."""
        renderer = more.get("renderer", self.renderer)
        answers = local or Local(self.local._model, renderer, device=self.device)
        with (
            LocalServer(answers, renderer, manner) as served,
            connected(settings_for(served.url)) as server,
        ):
            side = server.side(self.prompts, self.words)
        sides = replace(self.sides, server=side)
        found = compared(sides, self.prompts, self.words, sees=True)
        return [item for item in found if item.right == "engine"]


@pytest.fixture(scope="module")
def asked(quiet_model: Path) -> Asked:
    return Asked(quiet_model)


def first_parting(found: list[Comparison]) -> tuple[str, str]:
    parted = next(item for item in found if item.parting)
    assert parted.parting is not None
    return parted.stage, parted.parting.where


def test_a_faithful_server_agrees(asked: Asked) -> None:
    found = asked.against()
    assert [item.parting for item in found] == [None] * 7
    assert [(item.stage, item.num_prompts, item.num_agree) for item in found] == [
        ("rendered ids", 14, 14),
        ("image tokens", 7, 7),
        ("pixels", 0, 0),
        ("first token", 7, 7),
        ("first token", 7, 7),
        ("greedy text", 7, 7),
        ("greedy text", 7, 7),
    ]
    assert found[2].note == "a server does not tell what it looks at"


def test_a_server_that_tells_tokens_by_their_text_is_compared_all_the_same(asked: Asked) -> None:
    found = asked.against(Manner(tells="texts"))
    assert [(item.stage, item.num_prompts, item.num_agree) for item in found] == [
        ("rendered ids", 7, 7),
        ("image tokens", 7, 7),
        ("pixels", 0, 0),
        ("first token", 7, 7),
        ("first token", 7, 7),
        ("greedy text", 7, 7),
        ("greedy text", 7, 7),
    ]
    assert found[0].note == "by their number, text prompts only"


@pytest.mark.parametrize(
    ("tells", "untold"),
    [("counts", ["pixels", "first token"]),
     ("answers", ["rendered ids", "image tokens", "pixels", "first token"])],
)  # fmt: skip
def test_what_a_server_does_not_tell_is_no_fault(
    asked: Asked, tells: Any, untold: list[str]
) -> None:
    found = asked.against(Manner(tells=tells))
    assert not any(item.parting for item in found)
    silent = {item.stage: item.note for item in found if not item.num_prompts}
    assert list(silent) == untold
    assert "server" in " ".join(silent.values())


def test_faults_of_a_server_are_named_where_they_are(asked: Asked) -> None:
    blank = asked.words.tokenizer.encode(" ", add_special_tokens=False)
    stage, where = first_parting(asked.against(Manner(ids=lambda ids: ids[:-1] + blank + ids[-1:])))
    first = asked.renderer.prompt(asked.prompts[0].row)
    assert (stage, where.split(" is ")[0]) == ("rendered ids", f"token {len(first.ids) - 1}")

    image = asked.renderer.image_id

    def one_less(ids: list[int]) -> list[int]:
        if image not in ids:
            return ids
        place = ids.index(image)
        return ids[:place] + ids[place + 1 :]

    found = first_parting(asked.against(Manner(ids=one_less)))
    assert found == ("image tokens", "picture 1 takes 10 and 9 tokens")


def test_a_server_with_other_weights_is_named(asked: Asked) -> None:
    model: Any = export.load(asked.folder).eval()
    with torch.no_grad():
        model.lm_head.weight += torch.randn_like(model.lm_head.weight) * 0.01
    found = asked.against(local=Local(model, asked.renderer, device=asked.device))
    stage, where = first_parting(found)
    assert stage == "first token"
    assert where.startswith("token ") and where.endswith(" nats")


def test_a_server_that_says_something_else_is_named(asked: Asked) -> None:
    stage, where = first_parting(asked.against(Manner(text=lambda text: text[:3] + "?" + text[3:])))
    assert stage == "greedy text"
    assert "of the answer" in where


def test_a_prompt_that_a_server_refuses_is_a_fault_and_no_end(asked: Asked) -> None:
    found = asked.against(Manner(refuses=frozenset({"maçã à direita"})))
    stage, where = first_parting(found)
    assert stage == "first token"
    assert where.startswith("engine failed: conversation picture 3") and "400" in where
    assert [item.num_agree for item in found if item.about == "pictures"][-1] == 6


def test_prompts_longer_than_a_server_reads_are_left_out_and_named(asked: Asked) -> None:
    manner = Manner(card={"max_model_len": 80})
    with LocalServer(asked.local, asked.renderer, manner) as served:
        report = parity.verify(asked.folder, num_pictures=1, against=settings_for(served.url))
    assert report.server == f"amalia-vl at {served.url}/v1"
    assert "text, system turn" in report.too_long
    assert report.num_prompts + len(report.too_long) == 9
    assert report.parts_at is None


def enter(settings: EndpointSettings) -> None:
    with connected(settings):
        raise AssertionError


def test_a_server_that_is_not_there_or_not_clear_ends_it(asked: Asked) -> None:
    with LocalServer(asked.local, asked.renderer) as served:
        url = served.url
        with pytest.raises(
            GenerationError, match=r"has no model 'outro'; expected one of amalia-vl"
        ):
            enter(settings_for(url, model="outro"))
        with pytest.raises(GenerationError, match="AMALIA_NO_SUCH_KEY is not set"):
            enter(settings_for(url, key_env="AMALIA_NO_SUCH_KEY"))
    with pytest.raises(GenerationError, match="cannot be reached"):
        enter(settings_for(url))


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://a:b@host/v1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(RecipeError, match=r"--against got .* expected http://HOST:PORT/v1"):
        settings_for(url)


@pytest.mark.parametrize(
    ("given_url", "used"),
    [("http://h:1", "http://h:1/v1"), ("http://h:1/", "http://h:1/v1"), ("http://h/api/v3", "http://h/api/v3")],
)  # fmt: skip
def test_an_address_without_a_path_is_that_of_v1(given_url: str, used: str) -> None:
    assert settings_for(given_url).url == used


# --- verdicts -------------------------------------------------------------------------------------


@pytest.fixture
def words(tiny_tokenizer: PreTrainedTokenizerFast) -> Words:
    end: Any = tiny_tokenizer.convert_tokens_to_ids("<|im_end|>")
    return Words(tiny_tokenizer, None, frozenset([end]))


def said(words: Words, text: str, gaps: dict[int, tuple[int, float]], *, ends: bool = True) -> Told:
    """A greedy answer; at some places another token is so many nats less likely."""
    ids = words.tokenizer.encode(text, add_special_tokens=False) + sorted(words.end_ids) * ends
    steps = [
        Step(
            token,
            {token: -0.5} | ({gaps[place][0]: -0.5 - gaps[place][1]} if place in gaps else {}),
        )
        for place, token in enumerate(ids)
    ]
    return Told(text=text, steps=tuple(steps))


def one_of(words: Words, text: str) -> int:
    (token,) = words.tokenizer.encode(text, add_special_tokens=False)
    return int(token)


def compare_texts(words: Words, one: Told, text: str) -> Comparison:
    prompt = Prompt("pergunta", make.conversation(("user", "Olá?")))
    sides = Side("transformers", (one,)), Side("engine", (Told(text=text),))
    return greedy_text(Pair(*sides, [prompt]), words, "text")


@pytest.mark.parametrize(
    ("gap", "is_tie"), [(0.0, True), (9e-4, True), (2e-3, False), (1.5, False)]
)
def test_two_tokens_as_likely_as_each_other_are_a_tie(
    words: Words, gap: float, is_tie: bool
) -> None:
    one = said(words, "abc", {1: (one_of(words, "x"), gap)})
    found = compare_texts(words, one, "axyz")
    assert (found.num_agree, found.num_ties, found.parting is None) == (0, int(is_tie), is_tie)
    place = found.tie or found.parting
    assert place is not None
    assert (
        place.where
        == f"token 1 of the answer, {one_of(words, 'b')} 'b': 'abc' and 'axyz', {gap:.6f} nats apart"
    )


def test_a_text_that_no_likely_token_leads_to_is_no_tie(words: Words) -> None:
    found = compare_texts(words, said(words, "abc", {1: (one_of(words, "x"), 0.0)}), "aé")
    assert found.parting is not None
    assert found.parting.where.endswith("of which one is not among the likeliest")


def test_where_an_answer_ends_can_be_a_tie_too(words: Words) -> None:
    end = min(words.end_ids)
    assert parting(said(words, "abc", {2: (end, 1e-4)}), "ab", words) == (2, pytest.approx(1e-4))
    longer = said(words, "ab", {2: (one_of(words, "c"), 2e-4)})
    assert parting(longer, "abc", words) == (2, pytest.approx(2e-4))
    assert parting(said(words, "ab", {}, ends=False), "abc", words) == (2, None)


def test_half_a_character_at_the_end_of_an_answer_is_left_out(words: Words) -> None:
    ids = words.tokenizer.encode("é🐈", add_special_tokens=False)
    assert words.text(ids) == "é🐈"
    assert words.text(ids[:-1]) == "é"


def test_a_pixel_that_is_another_is_named() -> None:
    mine = np.zeros((2, 3, 4, 4), np.float32)
    theirs = mine.copy()
    theirs[1, 2, 3, 0] = 5 / 127.5
    row = make.conversation(("user", make.picture(), "Que cor?"))
    prompt = Prompt("picture 1", row)
    sides = (
        Side("trainer", (Told(pixels=(mine,)),)),
        Side("transformers", (Told(pixels=(theirs,)),)),
    )
    found = pixels(Pair(*sides, [prompt]))
    assert found.worst == pytest.approx(5)
    assert found.parting is not None
    assert found.parting.where == "picture 1, tile 1, B of row 3, column 0 is 127.5 and 132.5"
    near = Side("transformers", (Told(pixels=(mine + np.float32(1 / 127.5),)),))
    assert pixels(Pair(sides[0], near, [prompt])).parting is None


def test_likelihoods_that_are_no_number_part(asked: Asked) -> None:
    found = asked.against(Manner(nats=lambda nats: nats.index_fill(0, nats.argmax(), math.nan)))
    assert first_parting(found)[0] == "first token"
