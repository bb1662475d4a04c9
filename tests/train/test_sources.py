"""Artifacts as items of training: sizes without pictures, pieces of what is long, and what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import pytest

from amalia.errors import ArtifactError, RecordError
from amalia.model.render import Renderer
from amalia.records import Conversation, Image
from amalia.train.packing import Budget, Size
from amalia.train.reference import key
from amalia.train.rows import Rows
from amalia.train.skipped import Skipped
from amalia.train.sources import (
    Conversations,
    Pairs,
    Texts,
    TokenRuns,
    between_turns,
    first_that_fits,
)


@pytest.fixture(scope="module")
def renderer(tiny_model: Path) -> Renderer:
    return Renderer.load(tiny_model)


@pytest.fixture
def conversations(tmp_path: Path) -> Path:
    """Ten conversations, number 3 and 4 far too long, every second with a picture."""
    rows = [
        make.conversation(
            ("user", *([make.picture(20, 12, noise=n)] if n % 2 else []), "Que é isto?"),
            ("assistant", "É um gato. " * (40 if n in (3, 4) else 1)),
            id=f"c{n}",
        )
        for n in range(10)
    ]
    return make.write_artifact(tmp_path / "conversas", "conversations", rows)


def opened(folder: Path, renderer: Renderer, *, tokens: int = 80, tiles: int = 0) -> Any:
    skipped = Skipped()
    rows = Rows(folder, "conversations")
    source = Conversations(rows, renderer, Budget(tokens, tiles), skipped, split=False)
    return source, skipped


def test_sizes_are_those_of_the_items(conversations: Path, renderer: Renderer) -> None:
    source, _ = opened(conversations, renderer)
    for number in (0, 1, 2, 9):
        item = source.item(number, 0)
        assert source.sizes(number, 0) == [Size(len(item.ids), len(item.tiles))]
        assert item.name == f"c{number}"


def test_what_is_too_long_is_left_out_and_named(conversations: Path, renderer: Renderer) -> None:
    source, skipped = opened(conversations, renderer)
    assert [bool(source.sizes(n, 0)) for n in range(10)] == [n not in (3, 4) for n in range(10)]
    assert [first_that_fits(source, n, 0) for n in (2, 3, 4, 9)] == [2, 5, 5, 9]
    assert skipped.num_too_long == 2
    news = skipped.news()
    assert [(skip.source, skip.record) for skip in news] == [
        ("conversas", "c3"),
        ("conversas", "c4"),
    ]
    assert news[1].reason.startswith("too long: ")
    assert news[1].reason.endswith(" tokens, 0 tiles")
    assert skipped.news() == []


def test_too_many_tiles_are_too_long_as_well(conversations: Path, renderer: Renderer) -> None:
    source, skipped = opened(conversations, renderer, tiles=2)
    assert source.sizes(0, 0)
    assert source.sizes(1, 0) == []
    assert "3 tiles" in skipped.news()[0].reason


def long_conversation() -> Any:
    return make.conversation(
        ("system", "Sê breve."),
        ("user", make.picture(20, 12, noise=1), "Que é isto?"),
        ("assistant", "Um gato."),
        ("user", "De que cor?"),
        ("assistant", "Preto."),
        ("user", "Conta tudo. " * 60),
        ("assistant", "Tudo."),
        ("user", make.picture(12, 20, noise=2), "E isto?"),
        ("assistant", "Um cão."),
        ("user", "Obrigada!"),
        id="longa",
    )


def texts(conversation: Conversation) -> list[str]:
    return [turn.text for turn in conversation.turns]


def num_turns(limit: int) -> Any:
    return lambda part: len(part.turns) <= limit and all(len(t.text) < 99 for t in part.turns)


def test_long_conversations_are_split_between_turns() -> None:
    record = long_conversation().record
    parts = between_turns(record, num_turns(5))
    assert [texts(part) for part in parts] == [
        ["Sê breve.", "Que é isto?", "Um gato.", "De que cor?", "Preto."],
        ["Sê breve.", "E isto?", "Um cão."],
    ]
    # What was shown before is shown again.
    assert [[image.height_px for image in part.images] for part in parts] == [[12], [12, 20]]
    assert [part.id for part in parts] == ["longa", "longa"]
    assert len(between_turns(record, num_turns(3))) == 3
    assert between_turns(record, num_turns(2)) == []


def test_pieces_of_a_conversation_are_items_of_their_own(
    tmp_path: Path, renderer: Renderer
) -> None:
    row = long_conversation()
    folder = make.write_artifact(tmp_path / "conversas", "conversations", [row])
    skipped = Skipped()
    rows = Rows(folder, "conversations")
    source = Conversations(rows, renderer, Budget(170, 9), skipped, split=True)
    sizes = source.sizes(0, 0)
    assert len(sizes) == 2
    pieces = [source.item(0, 0, piece) for piece in (0, 1)]
    assert [Size(len(piece.ids), len(piece.tiles)) for piece in pieces] == sizes
    assert [len(piece.image_sizes) for piece in pieces] == [1, 2]
    said = renderer.tokenizer.decode(
        [t for t, on in zip(pieces[1].ids, pieces[1].supervised, strict=True) if on]
    )
    assert said == "Um cão.<|im_end|>"
    images = [p for turn in row.record.turns for p in turn.parts if isinstance(p, Image)]
    assert pieces[1].image_sizes == tuple((i.height_px, i.width_px) for i in images)
    assert skipped.num_too_long == 0


def test_long_texts_are_cut_and_short_ones_stay_alone(tmp_path: Path, tiny_language: Path) -> None:
    renderer = Renderer.load(tiny_language)
    folder = make.write_artifact(
        tmp_path / "prosa", "documents", [make.document(text, id=text[:5]) for text in make.TEXTS]
    )
    source = Texts(Rows(folder, "documents"), renderer, max_tokens=8)
    for number, text in enumerate(make.TEXTS):
        ids = renderer.text(text).ids
        pieces = [source.item(number, 0, n) for n in range(len(source.sizes(number, 0)))]
        joined = tuple(token for piece in pieces for token in piece.ids)
        assert joined in (ids, ids[:-1])
        assert all(len(piece.ids) == 8 for piece in pieces[:-1])
        assert [Size(len(piece.ids)) for piece in pieces] == source.sizes(number, 0)


def test_pairs_carry_what_the_reference_thinks_of_them(tmp_path: Path, renderer: Renderer) -> None:
    made = [make.preference(id="p0", chosen="Sim. " * 99), make.preference(id="p1")]
    folder = make.write_artifact(tmp_path / "pares", "preferences", made)
    known, skipped = {key(made[1]): (-1.5, -2.5)}, Skipped()
    pairs = Pairs(Rows(folder, "preferences"), renderer, 80, known, skipped)
    assert pairs.sizes(0, 0) == []
    assert skipped.news()[0].record == "p0"
    item = pairs.item(1, 0)
    assert item.reference == (-1.5, -2.5)
    assert pairs.sizes(1, 0) == [Size(len(item.fork), len(item.fork.prompt.tiles))]
    both = [item.fork.prompt.ids + answer for answer in item.fork.answers]
    assert both == [one.ids for one in renderer.answers(made[1])]


def test_a_conversation_without_an_answer_is_unreadable(tmp_path: Path, renderer: Renderer) -> None:
    rows = [make.conversation(("user", "Olá?"), id="c0"), make.conversation(id="c1")]
    folder = make.write_artifact(tmp_path / "conversas", "conversations", rows)
    source, skipped = opened(folder, renderer)
    assert first_that_fits(source, 0, 0) == 1
    assert skipped.num_unreadable == 1
    assert "has no assistant turn" in skipped.news()[0].reason


def test_a_broken_picture_is_found_when_it_is_looked_at(tmp_path: Path, renderer: Renderer) -> None:
    row = make.conversation(
        ("user", make.picture(20, 12, noise=1), "?"), ("assistant", "!"), id="c0"
    )
    folder = make.write_artifact(tmp_path / "conversas", "conversations", [make.broken(row)])
    source, _ = opened(folder, renderer)
    assert source.sizes(0, 0)
    with pytest.raises(RecordError, match="of conversation c0 cannot be read"):
        source.item(0, 0)


@pytest.fixture
def prose(tmp_path: Path) -> Path:
    rows = [make.document(text, id=f"d{n}") for n, text in enumerate(make.TEXTS)]
    return make.write_artifact(tmp_path / "prosa", "documents", rows)


def test_runs_are_the_documents_end_to_end(prose: Path, tiny_language: Path) -> None:
    renderer = Renderer.load(tiny_language)
    runs = TokenRuns(prose, renderer, max_tokens=16, seed=3)
    assert runs.num_tokens == sum(len(renderer.text(text).ids) for text in make.TEXTS)
    assert runs.blocks == (runs.num_tokens // 16,)
    joined = [token for n in range(runs.blocks[0]) for token in runs.item(n, 0).ids]
    found = renderer.tokenizer.decode(joined).split("</s>")
    assert set(found[:-1]) < set(make.TEXTS)
    assert all(
        len(runs.item(n, 0).ids) == 16 and all(runs.item(n, 0).supervised)
        for n in range(runs.blocks[0])
    )


def test_runs_are_joined_anew_every_epoch_and_the_same_every_time(
    prose: Path, tiny_language: Path
) -> None:
    renderer = Renderer.load(tiny_language)
    kept = TokenRuns(prose, renderer, max_tokens=16, seed=3)
    for epoch in (0, 1, 0, 5):
        fresh = TokenRuns(prose, renderer, max_tokens=16, seed=3)
        assert kept.item(2, epoch).ids == fresh.item(2, epoch).ids
    assert (
        len({tuple(kept.item(n, epoch).ids for n in range(kept.blocks[0])) for epoch in range(6)})
        > 1
    )


def test_too_little_text_for_one_run_is_refused(prose: Path, tiny_language: Path) -> None:
    with pytest.raises(ArtifactError, match="tokens, less than one run of 5000; lower max_tokens"):
        TokenRuns(prose, Renderer.load(tiny_language), max_tokens=5000, seed=0)
