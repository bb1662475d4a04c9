from __future__ import annotations

import tracemalloc
from collections import defaultdict
from pathlib import Path

import make_duplicates
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_duplicates import FEW_BANDS, compared, shard

from amalia.corpus.bands import (
    EXACT,
    Part,
    SignatureFile,
    cut,
    match,
    num_partitions,
    parts,
    write_signatures,
)
from amalia.corpus.edges import document_id, read_edges
from amalia.corpus.signatures import Signed, signatures_of
from amalia.errors import ArtifactError

TEXTS = make_duplicates.texts(60)


def pairs(path: Path) -> list[list[int]]:
    return [pair for block in read_edges([path]) for pair in block.tolist()]


def groups_of(edges: list[list[int]]) -> set[frozenset[int]]:
    joined: list[set[int]] = []
    for edge in edges:
        touched = [group for group in joined if group & set(edge)]
        joined = [group for group in joined if not group & set(edge)]
        joined.append(set(edge).union(*touched))
    return {frozenset(group) for group in joined}


def test_documents_that_agree_in_a_band_are_joined_and_no_others(tmp_path: Path) -> None:
    paths = [shard(tmp_path, n, TEXTS[n * 20 : n * 20 + 20]) for n in range(3)]
    signed = signatures_of(TEXTS, FEW_BANDS)
    hashes = signed.bands
    for band in range(FEW_BANDS.num_bands + 1):
        wanted = defaultdict(set)
        for place in range(len(TEXTS)):
            key = signed.digests[place].tobytes() if band == EXACT else hashes[band - 1, place]
            wanted[key].add(document_id(*divmod(place, 20)))
        match([SignatureFile(p, FEW_BANDS) for p in paths], Part(band, 0, 1), tmp_path / "e")
        found = pairs(tmp_path / "e")
        assert groups_of(found) == {frozenset(g) for g in wanted.values() if len(g) > 1}
        assert all(first < second for first, second in found)
        assert len(found) == len(TEXTS) - len(wanted)


@given(st.permutations(range(4)), st.sampled_from([1, 2, 8]), st.sampled_from([1, 4, 16]))
def test_neither_the_order_of_files_nor_partitions_matter(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], written: int, read: int
) -> None:
    folder = tmp_path_factory.mktemp("order")
    paths = [
        shard(folder, n, TEXTS[n * 15 : n * 15 + 15], num_partitions=written) for n in range(4)
    ]
    plain = compared(folder, [shard(folder, n, TEXTS[n * 15 : n * 15 + 15]) for n in range(4)])
    wanted = [plain.of_shard(n) for n in range(4)]
    again = compared(folder, [paths[n] for n in order], num_partitions=read)
    for number in range(4):
        found = again.of_shard(number)
        assert found.representatives.tolist() == wanted[number].representatives.tolist()
        assert found.kinds.tolist() == wanted[number].kinds.tolist()
        assert found.sizes.tolist() == wanted[number].sizes.tolist()


def test_partitions_hold_all_hashes_and_each_its_own(tmp_path: Path) -> None:
    file = SignatureFile(shard(tmp_path, 3, TEXTS, num_partitions=4), FEW_BANDS)
    for band in range(FEW_BANDS.num_bands + 1):
        whole = file.entries(Part(band, 0, 1))
        assert (whole.keys[1:] >= whole.keys[:-1]).all()
        assert sorted(whole.ids.tolist()) == [document_id(3, row) for row in range(60)]
        for number in (2, 4, 32):
            cuts = [file.entries(Part(band, n, number)) for n in range(number)]
            assert np.concatenate([one.keys for one in cuts]).tolist() == whole.keys.tolist()
            assert np.concatenate([one.ids for one in cuts]).tolist() == whole.ids.tolist()
            for partition, one in enumerate(cuts):
                assert all(int(key) * number >> 64 == partition for key in one.keys)
                assert cut(one, Part(band, partition, number)).ids.tolist() == one.ids.tolist()


def test_a_file_keeps_words_and_orders(tmp_path: Path) -> None:
    file = SignatureFile(shard(tmp_path, 0, ["um dois", "três"], orders=[9, -4]), FEW_BANDS)
    assert len(file) == 2
    assert file.num_words().tolist() == [2, 1]
    assert file.orders().tolist() == [9, -4]


def test_a_shard_may_be_empty(tmp_path: Path) -> None:
    found = compared(tmp_path, [shard(tmp_path, 0, []), shard(tmp_path, 1, ["a b c"])])
    assert found.of_shard(0).kinds.tolist() == []
    assert found.of_shard(1).kinds.tolist() == [0]


def test_other_settings_another_version_and_damage_are_refused(tmp_path: Path) -> None:
    path = shard(tmp_path, 0, TEXTS)
    other = FEW_BANDS.model_copy(update={"seed": 7, "num_bands": 5})
    with pytest.raises(ArtifactError, match=r"num_bands 4 instead of 5, seed 1 instead of 7\)"):
        SignatureFile(path, other)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # the last byte of the last band
    file = SignatureFile(path, FEW_BANDS)
    file.entries(Part(3, 0, 1))
    with pytest.raises(ArtifactError, match=r"damaged \(partition 0 of band 4 is another\)"):
        match([file], Part(4, 0, 1), tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_a_task_stays_within_its_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    count, memory_bytes = 20_000, 2**20
    hashes = rng.integers(0, 2**64, (4, count), dtype=np.uint64)
    hashes[:, count // 2 :] = hashes[:, :1]  # one text is half of all
    for number in range(4):
        part = hashes[:, number::4]
        digests = part[:2].T.copy().view(np.uint8)
        signed = Signed(part, digests, np.ones(len(digests), np.uint32))
        write_signatures(tmp_path / str(number), signed, FEW_BANDS, shard=number, num_partitions=2)
    number_of_parts = num_partitions(count, memory_bytes)
    assert number_of_parts == 2
    files = [SignatureFile(tmp_path / str(number), FEW_BANDS) for number in range(4)]
    for band in (EXACT, 1):
        for partition in range(number_of_parts):
            tracemalloc.start()
            match(files, Part(band, partition, number_of_parts), tmp_path / "e")
            _, peak_bytes = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak_bytes < memory_bytes


def test_orders_have_to_be_as_many_as_documents(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 documents have 1 orders"):
        write_signatures(
            tmp_path / "a", signatures_of(TEXTS[:3], FEW_BANDS), FEW_BANDS, shard=0, orders=[1]
        )


@pytest.mark.parametrize(
    ("documents", "memory_bytes", "wanted"),
    [
        (0, 2**30, 1),
        (11_000_000, 2**30, 1),
        (12_000_000, 2**30, 2),
        (100_000_000, 2**30, 16),
        (10_000_000_000, 2**30, 1024),
    ],
)
def test_partitions_follow_from_documents_and_memory(
    documents: int, memory_bytes: int, wanted: int
) -> None:
    assert num_partitions(documents, memory_bytes) == wanted
    assert len(parts(FEW_BANDS, wanted)) == 5 * wanted


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(ArtifactError, match="give more memory"):
        num_partitions(10**10, 2**20)
