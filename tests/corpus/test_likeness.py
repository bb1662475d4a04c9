from __future__ import annotations

from pathlib import Path

import numpy as np
from make_duplicates import compared, shard

from amalia.corpus.bands import SignatureFile
from amalia.corpus.clusters import Clusters
from amalia.corpus.likeness import Likeness, confirmed, measure
from amalia.corpus.signatures import MinHashSettings

# Word pairs: each has half of its neighbor's, the first and the last have none in common.
CHAIN = ["a b c d e", "b c d e f g", "d e f g h i", "f g h i j k"]
SETTINGS = MinHashSettings(ngram_words=2, num_bands=32, rows_per_band=1)


class Reader:
    def text(self, document: int) -> str:
        return CHAIN[document]


def test_a_chain_joins_what_is_not_alike_and_that_is_measured(tmp_path: Path) -> None:
    path = shard(tmp_path, 0, CHAIN, settings=SETTINGS)
    clusters = compared(tmp_path, [path], settings=SETTINGS).of_shard(0)
    assert clusters.representatives.tolist() == [0, 0, 0, 0]
    found = measure(clusters, Reader(), shard=0, settings=SETTINGS, min_jaccard=0.4)
    # Pairs in common with the first, of all: 3 of 6, 1 of 8, 0 of 9.
    assert found == Likeness(3, (3 / 6 + 1 / 8) / 3, 0.0, 2 / 3)
    some = measure(clusters, Reader(), shard=0, settings=SETTINGS, min_jaccard=0.4, num_pairs=2)
    assert some.num_pairs == 2


def test_edges_between_what_is_not_alike_are_left_out(tmp_path: Path) -> None:
    edges = np.array([[0, 1], [0, 2], [1, 2]], dtype=np.uint64)
    file = SignatureFile(shard(tmp_path, 0, CHAIN, settings=SETTINGS), SETTINGS)
    kept = list(confirmed([edges], Reader(), SETTINGS, min_jaccard=0.5))
    assert [block.tolist() for block in kept] == [[[0, 1]]]
    clusters = Clusters([file], [], kept).of_shard(0)
    assert clusters.kinds.tolist() == [0, 2, 0, 0]
    assert measure(clusters, Reader(), shard=0, settings=SETTINGS, min_jaccard=0.5) == Likeness(
        1, 0.5, 0.5, 0.0
    )


def test_without_duplicates_there_is_nothing_to_measure(tmp_path: Path) -> None:
    path = shard(tmp_path, 0, ["um dois três"], settings=SETTINGS)
    clusters = compared(tmp_path, [path], settings=SETTINGS).of_shard(0)
    found = measure(clusters, Reader(), shard=0, settings=SETTINGS, min_jaccard=0.5)
    assert found == Likeness(0, 1.0, 1.0, 0.0)
