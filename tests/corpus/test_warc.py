"""Both readers of WARC give the same, and no bytes make either fail."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import make_archives as make
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.corpus.archive import ArchiveLimits, read_archive
from amalia.corpus.flow import Clock, FileFlow
from amalia.corpus.frame import Frame, Sizes, read_frames
from amalia.corpus.warc import USED_KINDS, Warc, warc_frames

SIZES = Sizes(max_header_bytes=4096, max_block_bytes=20_000, max_member_bytes=1 << 20)
RECORDS = [make.numbered(number) for number in range(8)]


def carefully(path: Path) -> list[Frame]:
    with path.open("rb") as file:
        return list(read_frames(FileFlow(file, Clock(60)), Warc(), SIZES))


def quickly(path: Path) -> list[Frame]:
    return list(warc_frames(path, SIZES, Clock(60)))


def shown(frames: list[Frame]) -> list[tuple[object, ...]]:
    """What is used of frames: some kinds' content is not read by the quick way."""
    return [
        (one.offset_bytes, one.kind, dict(one.fields), one.block * (one.kind in USED_KINDS), one.fault)
        for one in frames
    ]  # fmt: skip


def pages(frames: list[Frame]) -> Counter[bytes]:
    return Counter(one.block for one in frames if not one.fault and one.kind in USED_KINDS)


@pytest.mark.parametrize("is_compressed", [False, True])
def test_both_ways_give_the_same_of_a_sound_file(tmp_path: Path, is_compressed: bool) -> None:
    records = [
        make.warc(b"software: x\r\n", kind="warcinfo", url=""),
        *RECORDS,
        make.warc(b"", kind="revisit"),
        make.warc(b"outcome: x\r\n", kind="metadata"),
    ]
    data = make.members(*records) if is_compressed else b"".join(records)
    path = make.write(tmp_path / "a.warc", data)
    frames = quickly(path)
    assert shown(frames) == shown(carefully(path))
    assert [frame.fault for frame in frames] == [""] * len(records)
    places = [0]
    for record in records[:-1]:
        places.append(places[-1] + len(make.members(record) if is_compressed else record))
    assert [frame.offset_bytes for frame in frames] == places


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of eight records with up to three places damaged, cut out, doubled or filled."""
    data = make.members(*RECORDS) if draw(st.booleans()) else b"".join(RECORDS)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 400)))
        filling = draw(
            st.sampled_from([b"", b"\r\n\r\n", b"WARC/1.0\r\n", b"\x1f\x8b\x08", bytes(50)])
            | st.binary(max_size=8)
            | st.just(data[start:end] * 2)
        )
        data = data[:start] + filling + data[end:]
    return data


@given(data=damaged())
def test_the_quick_way_misses_no_page_of_a_damaged_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = make.write(tmp_path_factory.mktemp("damaged") / "a.warc", data)
    # It may find one more: fastwarc is more lenient about line ends within a header.
    assert pages(carefully(path)) <= pages(quickly(path))
    list(read_archive(path, collection="AWP1", limits=ArchiveLimits()))


@given(seed=st.integers(0, 1 << 32), size=st.integers(0, 3000))
def test_noise_makes_no_reader_fail(
    tmp_path_factory: pytest.TempPathFactory, seed: int, size: int
) -> None:
    noise = random.Random(seed).randbytes(size)
    folder = tmp_path_factory.mktemp("noise")
    for name, start in (
        ("a.warc", b"WARC/1.0\r\n"),
        ("a.arc", b""),
        ("a.warc.gz", b"\x1f\x8b\x08\0"),
    ):
        path = make.write(folder / name, start, noise)
        list(read_archive(path, collection="AWP1", limits=ArchiveLimits()))


def test_damage_costs_no_other_record(tmp_path: Path) -> None:
    sizes = [len(make.members(record)) for record in RECORDS]
    data = make.members(*RECORDS)
    for number, size in enumerate(sizes):
        start = sum(sizes[:number])
        middle = start + size // 2
        path = make.write(tmp_path / "a.warc.gz", data[:middle] + b"\0\0\0\0" + data[middle + 4 :])
        frames = quickly(path)
        assert [bool(frame.fault) for frame in frames] == [n == number for n in range(8)]
        assert [frame.offset_bytes for frame in frames] == [sum(sizes[:n]) for n in range(8)]
