from __future__ import annotations

from pathlib import Path

import make_duplicates
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_duplicates import FEW_BANDS, compared, shard

from amalia.corpus.clusters import Clusters, Forest, bytes_needed, read_clusters, weight
from amalia.corpus.edges import document_id, read_edges
from amalia.errors import ArtifactError

NEWS = "o rio subiu dois metros durante a noite junto à ponte velha da vila"
NEAR = "o rio subiu dois metros durante a noite junto à ponte velha da cidade"
OTHER = "a feira de outubro abre no sábado com vinho novo e castanhas assadas"


def naive_roots(count: int, edges: list[tuple[int, int]]) -> list[int]:
    roots = list(range(count))
    for first, second in edges:
        low, high = sorted((roots[first], roots[second]))
        roots = [low if root == high else root for root in roots]
    return roots


@given(
    st.integers(1, 30).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=40),
        )
    ),
    st.integers(1, 10),
)
def test_sets_are_those_of_a_plain_program(
    graph: tuple[int, list[tuple[int, int]]], block: int
) -> None:
    count, edges = graph
    forest = Forest(count)
    for start in range(0, len(edges), block):
        part = np.array(edges[start : start + block]).reshape(-1, 2)
        forest.join(part[:, 0], part[:, 1])
    roots = naive_roots(count, edges)
    members, found = forest.members()
    wanted = [n for n in range(count) if roots.count(roots[n]) > 1]
    assert members.tolist() == wanted
    assert found.tolist() == [roots[n] for n in wanted]
    assert forest.are_joined(0, count - 1) == (roots[0] == roots[-1])


def test_a_long_chain_is_one_set_in_any_order() -> None:
    count = 20_000
    shuffled = np.random.default_rng(0).permutation(count - 1)
    forest = Forest(count)
    forest.join(shuffled, shuffled + 1)
    members, roots = forest.members()
    assert len(members) == count
    assert not roots.any()


def test_exact_and_near_duplicates_are_told_apart(tmp_path: Path) -> None:
    texts = [NEWS, OTHER, NEAR, NEWS.upper(), NEAR + ".", "outra coisa"]
    clusters = compared(tmp_path, [shard(tmp_path, 0, texts)])
    tally = clusters.write(tmp_path)
    found = read_clusters(tmp_path, 0)
    assert found.kinds.tolist() == [0, 0, 2, 1, 1, 0]
    assert found.representatives.tolist() == [0, 1, 0, 0, 0, 5]
    assert found.sizes.tolist() == [4, 1, 4, 4, 4, 1]
    assert tally == (type(tally))(6, 3, 2, 1, 4)


def test_the_earliest_capture_stays_wherever_it_stands(tmp_path: Path) -> None:
    paths = [
        shard(tmp_path, 0, [NEWS, OTHER, NEAR], orders=[2003, 2001, 2002]),
        shard(tmp_path, 7, [NEAR, OTHER], orders=[1998, 2001]),
    ]
    clusters = compared(tmp_path, paths)
    assert clusters.of_shard(0).representatives.tolist() == [7 << 32, 1, 7 << 32]
    assert clusters.of_shard(0).kinds.tolist() == [2, 0, 1]
    assert clusters.of_shard(7).representatives.tolist() == [7 << 32, 1]
    assert clusters.of_shard(7).kinds.tolist() == [0, 1]


@settings(max_examples=20)
@given(st.permutations(range(24)))
def test_the_place_of_a_document_changes_no_cluster(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("place")
    texts = make_duplicates.texts(24, seed=8)
    years = list(range(1990, 2014))

    def found(order: list[int]) -> dict[int, tuple[int, int, int]]:
        path = shard(folder, 0, [texts[n] for n in order], orders=[years[n] for n in order])
        one = compared(folder, [path]).of_shard(0)
        rows = zip(
            one.representatives.tolist(), one.sizes.tolist(), one.kinds.tolist(), strict=True
        )
        return {
            order[row]: (order[first], size, kind) for row, (first, size, kind) in enumerate(rows)
        }

    assert found(order) == found(list(range(24)))


def test_shards_of_the_same_number_and_edges_to_nothing_are_refused(tmp_path: Path) -> None:
    path = shard(tmp_path, 0, [NEWS])
    with pytest.raises(ArtifactError, match="same shard number"):
        compared(tmp_path, [path, path])
    for row, number in ((1, 0), (0, 1)):
        edge = np.array([[0, document_id(number, row)]], dtype=np.uint64)
        file = make_duplicates.SignatureFile(path, FEW_BANDS)
        with pytest.raises(ArtifactError, match="no file of signatures holds"):
            Clusters([file], [edge], [])


def test_stars_are_all_that_has_to_be_kept(tmp_path: Path) -> None:
    texts = make_duplicates.texts(80, seed=4)
    paths = [shard(tmp_path, n, texts[n * 40 : n * 40 + 40]) for n in range(2)]
    clusters = compared(tmp_path, paths)
    clusters.write_stars(tmp_path / "exact", tmp_path / "near")
    files = [make_duplicates.SignatureFile(path, FEW_BANDS) for path in paths]
    again = Clusters(files, read_edges([tmp_path / "exact"]), read_edges([tmp_path / "near"]))
    first, second = clusters.write(tmp_path / "a"), again.write(tmp_path / "b")
    assert first == second
    assert first.num_duplicate_exact > 0
    assert first.num_duplicate_near > 0
    for number in range(2):
        name = f"{number:06d}.clusters"
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("size", "wanted"),
    [(1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (99, 5), (100, 8), (999, 8), (1000, 1), (10**6, 1)],
)
def test_weights_are_those_of_amalia(size: int, wanted: int) -> None:
    assert weight(size) == wanted


def test_weights_can_be_others() -> None:
    assert weight(10, {1: 1, 10: 4}) == 4


def test_memory_grows_with_duplicates() -> None:
    assert bytes_needed(10**8, 0) == 5 * 10**8
    assert bytes_needed(10**10, 4 * 10**9) == 490 * 10**9
