from __future__ import annotations

import pickle
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import make_duplicates
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_duplicates import FEW_BANDS, compared, shard

from amalia.corpus.clusters import Clusters, Tally, read_clusters
from amalia.corpus.known_documents import KnownDocuments, Update
from amalia.errors import ArtifactError

TEXTS = make_duplicates.texts(90, seed=2)
ORDERS = random.Random(3).sample(range(1000), 90)


def collections_in(folder: Path) -> dict[str, list[Path]]:
    """Three collections of two shards of 15 texts, numbered from 0 in each."""
    made: dict[str, list[Path]] = {}
    for number, name in enumerate(("1996", "2004", "2012")):
        (folder / name).mkdir(parents=True)
        for own in range(2):
            part = slice(30 * number + 15 * own, 30 * number + 15 * own + 15)
            path = shard(folder / name, own, TEXTS[part], orders=ORDERS[part])
            made.setdefault(name, []).append(path)
    return made


def add(
    index: Path, name: str, paths: Sequence[Path], *, memory_bytes: int = 2**30
) -> Tally | None:
    update = KnownDocuments(index, FEW_BANDS).begin(name, paths, memory_bytes=memory_bytes)
    if update is None:
        return None
    for part in update.parts():
        update.match(part)
    clusters = update.clusters()
    tally = clusters.write(index.with_name("results"), update.shards)
    update.commit(clusters)
    return tally


def all_at_once(folder: Path, number: int) -> Clusters:
    """The first collections as one, ordered by collection first."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for own in range(2 * number):
        part = slice(15 * own, 15 * own + 15)
        orders = [order + 1000 * (own // 2) for order in ORDERS[part]]
        paths.append(shard(folder, own, TEXTS[part], orders=orders))
    return compared(folder, paths)


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def same(first: Clusters, second: Clusters, numbers: Sequence[int]) -> bool:
    pairs = [(first.of_shard(number), second.of_shard(number)) for number in numbers]
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in pairs
        for name in ("representatives", "sizes", "kinds")
    )


def test_one_collection_after_the_other_is_all_at_once(tmp_path: Path) -> None:
    made = collections_in(tmp_path)
    index = tmp_path / "index"
    for number, (name, paths) in enumerate(made.items(), start=1):
        tally = add(index, name, paths, memory_bytes=(2**30, 2000, 500)[number - 1])
        known = KnownDocuments(index, FEW_BANDS)
        wanted = all_at_once(tmp_path / f"all{number}", number)
        assert same(known.clusters(), wanted, range(2 * number))
        assert known.num_documents == 30 * number
        assert known.next_shard == 2 * number
        new = range(2 * number - 2, 2 * number)
        assert tally == wanted.write(tmp_path / f"all{number}", new)
        for own in new:
            found = read_clusters(tmp_path / "results", own)
            assert found.kinds.tolist() == wanted.of_shard(own).kinds.tolist()
            kept_earlier = found.representatives[found.kinds > 0] < np.uint64(new.start << 32)
            assert number == 1 or kept_earlier.any()
    assert known.num_partitions == 32  # more than the two before, which it was made from


@settings(max_examples=15)
@given(st.permutations(range(2)), st.randoms(use_true_random=False))
def test_the_order_of_files_and_tasks_changes_no_byte(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], rng: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("order")
    made = collections_in(folder)
    for index in ("plain", "mixed"):
        for name in ("1996", "2004"):
            paths = [made[name][n] for n in (order if index == "mixed" else range(2))]
            update = KnownDocuments(folder / index, FEW_BANDS).begin(name, paths, memory_bytes=2000)
            assert update is not None
            tasks = update.parts()
            if index == "mixed":
                rng.shuffle(tasks)
                update = pickle.loads(pickle.dumps(update))
            for part in tasks:
                update.match(part)
            update.commit(update.clusters())
    assert content(folder / "plain") == content(folder / "mixed")


def test_the_same_collection_again_changes_nothing(tmp_path: Path) -> None:
    made = collections_in(tmp_path)
    index = tmp_path / "index"
    add(index, "1996", made["1996"])
    before = content(index)
    assert add(index, "1996", made["1996"][::-1]) is None
    assert content(index) == before
    with pytest.raises(ArtifactError, match="holds another collection 1996"):
        add(index, "1996", made["2004"])
    assert content(index) == before


def test_a_collection_of_known_documents_keeps_none(tmp_path: Path) -> None:
    made = collections_in(tmp_path)
    index = tmp_path / "index"
    first = add(index, "1996", made["1996"])
    again = add(index, "copy", made["1996"])
    assert first is not None
    assert again is not None
    assert first.num_kept == 15
    assert (again.num_kept, again.num_duplicate_exact) == (0, 30)


def test_other_settings_another_version_and_damage_are_refused(tmp_path: Path) -> None:
    made = collections_in(tmp_path)
    index = tmp_path / "index"
    add(index, "1996", made["1996"])
    with pytest.raises(ArtifactError, match="seed 1 instead of 8"):
        KnownDocuments(index, FEW_BANDS.model_copy(update={"seed": 8}))
    path = index / "index.json"
    text = path.read_text()
    path.write_text(text.replace('"version": 1', '"version": 99'))
    with pytest.raises(ArtifactError, match="version 99; this program reads version 1"):
        KnownDocuments(index, FEW_BANDS)
    path.write_text(text[:-20])
    with pytest.raises(ArtifactError, match=r"index\.json is damaged"):
        KnownDocuments(index, FEW_BANDS)
    path.write_text(text)
    damaged = next(index.glob("*/002-00000.entries"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match=r"002-00000\.entries is damaged"):
        add(index, "2004", made["2004"])


def test_files_of_one_shard_number_are_refused(tmp_path: Path) -> None:
    made = collections_in(tmp_path)
    with pytest.raises(ArtifactError, match="same shard number"):
        KnownDocuments(tmp_path / "index", FEW_BANDS).begin(
            "1996", [made["1996"][0], made["2004"][0]]
        )


def test_of_two_updates_from_one_state_the_second_is_refused(tmp_path: Path) -> None:
    made = collections_in(tmp_path)
    index = tmp_path / "index"
    begun = KnownDocuments(index, FEW_BANDS)
    first = begun.begin("1996", made["1996"])
    assert first is not None
    _match_all(first)
    late = first.clusters()
    add(index, "2004", made["2004"])
    before = content(index)
    with pytest.raises(ArtifactError, match="changed while collection 1996"):
        first.commit(late)
    assert {k: v for k, v in content(index).items() if k in before} == before


def test_an_abandoned_update_is_swept_away(tmp_path: Path) -> None:
    made = collections_in(tmp_path)
    index = tmp_path / "index"
    add(index, "1996", made["1996"])
    abandoned = KnownDocuments(index, FEW_BANDS).begin("2004", made["2004"])
    assert abandoned is not None
    _match_all(abandoned)
    add(index, "2012", made["2012"])
    add(tmp_path / "plain", "1996", made["1996"])
    add(tmp_path / "plain", "2012", made["2012"])
    assert content(index) == content(tmp_path / "plain")


class Killed(BaseException):
    pass


@contextmanager
def killed_after(number: int) -> Iterator[list[str]]:
    """Raise in place of the operation on a file that comes after so many; what was done is listed."""
    done: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*given: Any, **named: Any) -> Any:
            writes = name != "open" or (given[1:] or ("r",))[0].startswith("w")
            if writes and len(done) >= number:
                raise Killed
            if writes:
                done.append(f"{name} {given[0]}")
            return real(*given, **named)

        return operation

    names = ("open", "replace", "write_bytes", "unlink", "rmdir")
    with ExitStack() as patches:
        for name in names:
            patch = mock.patch.object(Path, name, counted(name, getattr(Path, name)))
            patches.enter_context(patch)
        patches.enter_context(mock.patch.object(shutil, "rmtree", _one_by_one))
        yield done


def _one_by_one(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        path.unlink()
    folder.rmdir()


def _match_all(update: Update) -> None:
    for part in update.parts():
        update.match(part)


def test_a_kill_at_any_moment_costs_nothing(tmp_path: Path) -> None:
    made = collections_in(tmp_path)
    start = tmp_path / "start" / "index"
    add(start, "1996", made["1996"])
    wanted = tmp_path / "wanted" / "index"
    shutil.copytree(start.parent, wanted.parent)
    with killed_after(10**6) as done:
        add(wanted, "2004", made["2004"])
    total = len(done)
    assert total > 40
    before = KnownDocuments(start, FEW_BANDS)
    for number in range(total):
        index = tmp_path / f"killed{number}" / "index"
        shutil.copytree(start.parent, index.parent)
        with killed_after(number), pytest.raises(Killed):
            add(index, "2004", made["2004"])
        between = KnownDocuments(index, FEW_BANDS)
        assert same(between.clusters(), before.clusters(), range(2)) or between.next_shard == 4
        again = add(index, "2004", made["2004"])
        # After the new index was valid there was nothing left but to sweep.
        assert (again is None) == (between.next_shard == 4)
        assert content(index.parent) == content(wanted.parent)
        shutil.rmtree(index.parent)
