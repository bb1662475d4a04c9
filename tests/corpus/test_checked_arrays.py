from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amalia.corpus.checked_arrays import ArrayFile, write_arrays
from amalia.errors import ArtifactError

ARRAYS = {
    "numbers": np.arange(6, dtype=np.int64).reshape(2, 3),
    "nothing": np.empty((0, 4), dtype=np.uint32),
    "big_end": np.array([1, 2], dtype=">u4"),
}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.arrays"
    write_arrays(path, {"year": 1998}, ARRAYS)
    file = ArrayFile(path)
    assert file.facts == {"year": 1998}
    for name, array in ARRAYS.items():
        assert file.read(name).tolist() == array.tolist()
        assert file.read(name).shape == array.shape
    assert file.read_bytes("numbers", 8, 8) == (1).to_bytes(8, "little")
    assert [item.name for item in path.parent.iterdir()] == ["a.arrays"]


def test_the_same_arrays_are_the_same_bytes(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a", {"x": 1, "y": 2}, ARRAYS)
    write_arrays(tmp_path / "b", {"y": 2, "x": 1}, ARRAYS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_changed_byte_and_any_cut_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_arrays(path, {"year": 1998}, ARRAYS)
    whole = path.read_bytes()

    def read_all() -> None:
        file = ArrayFile(path)
        for name in ARRAYS:
            file.read(name)

    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ArtifactError, match="is damaged"):
            read_all()
        path.write_bytes(whole[:place])
        with pytest.raises(ArtifactError, match="is damaged"):
            read_all()
    path.unlink()
    with pytest.raises(ArtifactError, match="run the step before again"):
        read_all()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="cannot be written"):
        write_arrays(tmp_path / "file" / "a", {}, ARRAYS)


def test_a_kill_leaves_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    write_arrays(path, {"year": 1998}, ARRAYS)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            write_arrays(path, {"year": 1999}, ARRAYS)
    assert ArrayFile(path).facts == {"year": 1998}
    write_arrays(path, {"year": 1999}, ARRAYS)
    assert ArrayFile(path).facts == {"year": 1999}
