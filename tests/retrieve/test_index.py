"""An index is made whole, of what can be read, and searched the same way every time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amalia import manifest as manifests
from amalia.errors import ArtifactError, RecordError
from amalia.manifest import Manifest
from amalia.retrieve.encoder import Encoded, Text, Vectors
from amalia.retrieve.index import build
from amalia.retrieve.search import Search, _fused
from amalia.retrieve.settings import IndexSettings, RetrieveSettings
from amalia.store import check, read_rows


class Letters:
    """An encoder that counts letters: enough to tell texts apart, and the same everywhere."""

    name = "letters"
    dimensions = 26

    def encode(self, texts: Sequence[str], kind: Text) -> Vectors:
        return self.encode_counted(texts, kind).vectors

    def encode_counted(self, texts: Sequence[str], kind: Text) -> Encoded:
        del kind
        if any("demasiado" in text for text in texts):
            raise RecordError("too long", reason="too_long")
        counts = [[text.lower().count(chr(97 + n)) + 0.01 for n in range(26)] for text in texts]
        found = np.array(counts, np.float32).reshape(-1, 26)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        return Encoded(found, tuple(len(text) for text in texts))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "guias"
    (made / "sub").mkdir(parents=True)
    (made / "museu.md").write_text("# Museu\n\nAs exposições abrem às dez.\n", "utf-8")
    (made / "sub" / "piscina.txt").write_text("Para nadar é preciso touca.", "utf-8")
    return made


def made(source: Path, out: Path, **more: Any) -> Manifest:
    given = {"licence": "CC-BY-4.0", "language": "pt-PT", "encoder": Letters()} | more
    return build(source, out, settings=given.pop("settings", IndexSettings()), **given)


def asked(index: Path, question: str, **more: Any) -> list[str]:
    search = Search.open(index, RetrieveSettings(index=str(index), **more), Letters())
    found = [passage.id for passage in search.passages(question)]
    search.close()
    return found


def test_a_folder_becomes_an_artifact(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "index"
    manifest = made(folder, out)
    assert manifest.counts.records == 2
    assert manifest.counts.licenses == {"CC-BY-4.0": 2}
    assert manifest.figures["passages"] == 2
    assert manifest.figures["encoder"] == "letters"
    assert check(out) == []
    assert [row.record.id for row in read_rows(out)] == ["museu.md", "sub/piscina.txt"]
    (found,) = Search.open(out, RetrieveSettings(index="", by="words")).passages("exposição")
    assert found.id == "museu.md#1"
    assert (found.title, found.url, found.licence) == ("Museu", "museu.md", "CC-BY-4.0")
    text = (folder / "museu.md").read_text("utf-8")
    assert text[found.start : found.end] == found.text
    assert found.sha256 == hashlib.sha256(found.text.encode()).hexdigest()
    assert not list(tmp_path.glob("*.partial"))


def test_what_is_odd_is_counted(folder: Path, tmp_path: Path) -> None:
    (folder / "vazio.txt").write_text(" \n")
    (folder / "latino.txt").write_bytes("são".encode("latin-1"))
    (folder / "zero.txt").write_bytes(b"a\0b")
    (folder / "folha.pdf").write_bytes(b"%PDF")
    (folder / "igual.txt").write_text("Para nadar é preciso touca.", "utf-8")
    (folder / ".escondido.txt").write_text("segredo")
    (folder / "fora.txt").symlink_to("/etc/hostname")
    (folder / "longo.txt").write_text("isto é demasiado longo", "utf-8")
    manifest = made(folder, tmp_path / "index")
    assert manifest.counts.dropped == {
        "duplicate_text": 1, "empty": 1, "link_out_of_folder": 1, "not_text": 1, "not_utf8": 1, "other_format": 1,
    }  # fmt: skip
    assert manifest.figures["passages_without_vector"] == 1
    assert asked(tmp_path / "index", "longo", by="words") == ["longo.txt#1"]


def test_the_same_is_not_made_twice(folder: Path, tmp_path: Path) -> None:
    first = made(folder, tmp_path / "index")
    assert made(folder, tmp_path / "index") == first
    (folder / "museu.md").write_text("# Museu\n\nFechado.\n", "utf-8")
    with pytest.raises(ArtifactError, match="another recipe"):
        made(folder, tmp_path / "index")


def test_an_index_is_a_source_of_documents(folder: Path, tmp_path: Path) -> None:
    made(folder, tmp_path / "one")
    again = made(tmp_path / "one", tmp_path / "two", licence=None, language=None)
    assert again.counts.records == 2
    assert again.inputs[0].fingerprint == manifests.read(tmp_path / "one").fingerprint
    with pytest.raises(RecordError, match="leave them out"):
        made(tmp_path / "one", tmp_path / "three")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"licence": None}, "--license CC-BY-4.0"),
        ({"language": None}, "--language pt-PT"),
        ({"language": "português"}, "is not a tag"),
    ],
)
def test_licence_and_language_are_never_guessed(
    folder: Path, tmp_path: Path, more: dict[str, Any], told: str
) -> None:
    with pytest.raises(RecordError, match=told):
        made(folder, tmp_path / "index", **more)


def test_errors_are_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "nada").mkdir()
    for source, out, told in (
        (tmp_path / "falta", tmp_path / "index", "there is no folder"),
        (folder, folder / "index", "lies in"),
        (tmp_path / "nada", tmp_path / "index", "holds nothing to index"),
    ):
        with pytest.raises(ArtifactError, match=told) as caught:
            made(source, out)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "index.partial").exists()


def test_words_alone_need_no_encoder(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "index"
    made(folder, out, settings=IndexSettings(encoder=None), encoder=None)
    assert not (out / "vectors.npy").exists()
    search = Search.open(out, RetrieveSettings(index="", by="words"))
    assert [one.document_id for one in search.passages('touca" OR museu*')] == [
        "museu.md",
        "sub/piscina.txt",
    ]
    assert search.passages("  ") == search.passages("de a o") == []


def test_another_encoder_is_refused(folder: Path, tmp_path: Path) -> None:
    made(folder, tmp_path / "index")
    other = Letters()
    other.name = "numbers"
    with pytest.raises(ArtifactError, match="made with the encoder letters"):
        Search.open(tmp_path / "index", RetrieveSettings(index=""), other)
    with pytest.raises(ArtifactError, match="does not exist"):
        Search.open(tmp_path / "falta", RetrieveSettings(index=""), other)


def test_the_same_question_gives_the_same(tmp_path: Path) -> None:
    source = tmp_path / "muitos"
    source.mkdir()
    for number in range(30):
        (source / f"{number:02}.txt").write_text(f"Museu {number}", "utf-8")
    made(source, tmp_path / "index")
    for by in ("words", "meaning", "hybrid"):
        found = asked(tmp_path / "index", "museu", by=by, num_passages=5, num_candidates=7)
        assert found == [f"{number:02}.txt#1" for number in range(5)]
    assert asked(tmp_path / "index", "zz", by="hybrid", min_similarity=0.9) == []
    assert len(asked(tmp_path / "index", "museu " * 9000)) == 4
    assert len(asked(tmp_path / "index", "demasiado")) == 4


def test_ranks_are_fused() -> None:
    assert [row for row, _ in _fused([[5, 1, 2], [1, 5, 3]])] == [1, 5, 2, 3]
    assert _fused([[7], []]) == [(7, 1 / 61)]


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="min_similarity"):
        RetrieveSettings(index="", by="words", min_similarity=0.5)
    with pytest.raises(ValueError, match="num_candidates"):
        RetrieveSettings(index="", num_passages=5, num_candidates=4)
    with pytest.raises(ValueError, match="overlap_chars"):
        IndexSettings(max_chars=100, overlap_chars=100)
