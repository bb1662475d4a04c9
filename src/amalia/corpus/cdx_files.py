"""Index files of web archives: CDX and CDXJ, plain or compressed, and ZipNum clusters.

A ZipNum cluster is an index cut into compressed blocks with a small file (``.idx``) that says where each begins,
so that one domain of billions of captures is read without the rest. All are sorted by SURT and time; that is
how many are merged and repeated captures found without holding more than one address in memory.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from amalia.corpus.cdx import MAX_LINE_CHARS, IndexEntry, IndexRules, parse_line, why_not
from amalia.corpus.drop import Drop
from amalia.corpus.flow import GZIP
from amalia.errors import ArtifactError, RecordError

STEP = "read_index@1"
_PIECE_BYTES = 1 << 18
_MAX_BLOCK_BYTES = 64 << 20
"""What a block may inflate to; usual ones hold 3,000 lines, about half a megabyte."""
_MAX_INFLATION = 1000


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of a ZipNum cluster."""

    first: str
    """SURT of its first line."""
    file: str
    offset_bytes: int
    length_bytes: int


def read_index(path: Path, *, surt_prefix: str = "") -> Iterator[IndexEntry | Drop]:
    """Give the captures an index tells of, in its order, and its broken lines.

    Args:
        path: CDX or CDXJ file, plain or compressed by gzip, or the ``.idx`` file of a ZipNum cluster, whose blocks
            lie where its ``.loc`` file says or beside it.
        surt_prefix: Only addresses whose SURT begins with this, for example ``pt,``; other blocks of a
            cluster are not read.

    Raises:
        ArtifactError: The file, or a block of the cluster, is missing.
    """
    try:
        if path.suffix == ".idx":
            yield from _read_cluster(path, surt_prefix)
            return
        with path.open("rb") as file:
            for found in _entries(_lines(file), path.name):
                if isinstance(found, Drop) or found.surt.startswith(surt_prefix):
                    yield found
    except OSError as error:
        raise ArtifactError(
            f"cannot read {path}: {error.strerror or error}; give a CDX, CDXJ or ZipNum .idx file"
        ) from error


def merge(*indexes: Iterable[IndexEntry | Drop]) -> Iterator[IndexEntry | Drop]:
    """Merge sorted indexes into one, in which captures of one address stand together; drops come as met."""
    return heapq.merge(*indexes, key=_place)


def select(entries: Iterable[IndexEntry | Drop], rules: IndexRules) -> Iterator[IndexEntry | Drop]:
    """Keep the captures that are wanted, each once.

    Args:
        entries: Sorted by SURT, as ``read_index`` and ``merge`` give them.
        rules: Which are wanted.

    Yields:
        What is wanted, and a ``Drop`` for everything else: with the reason of ``why_not``, or
        ``duplicate_capture`` for a second one of the same SURT and second.
    """
    surt, seen = "", set[str]()
    for entry in entries:
        if isinstance(entry, Drop):
            yield entry
            continue
        reason = why_not(entry, rules)
        if reason is None:
            if entry.surt != surt:
                surt, seen = entry.surt, set()
            reason = "duplicate_capture" if entry.timestamp in seen else None
            seen.add(entry.timestamp)
        yield entry if reason is None else Drop(entry.url, reason, STEP, _told(entry))


def _read_cluster(path: Path, surt_prefix: str) -> Iterator[IndexEntry | Drop]:
    places = _places(path)
    with path.open("rb") as file:
        blocks: list[_Block | Drop] = [_block(line, path.name) for line in _lines(file) if line]
    last = surt_prefix + "\U0010ffff"
    yield from (block for block in blocks if isinstance(block, Drop))
    sound = [block for block in blocks if isinstance(block, _Block)]
    for block, following in zip(sound, [*sound[1:], None], strict=True):
        if block.first > last or (following is not None and following.first < surt_prefix):
            continue
        name = f"{block.file}@{block.offset_bytes}"
        with _found(path, block.file, places).open("rb") as file:
            file.seek(block.offset_bytes)
            lines = _lines(file, max_bytes=block.length_bytes)
            for found in _entries(lines, name):
                if isinstance(found, Drop) or found.surt.startswith(surt_prefix):
                    yield found


def _block(line: str, name: str) -> _Block | Drop:
    parts = line.split("\t")
    if len(parts) < 4 or not (parts[2].isdecimal() and parts[3].isdecimal()):
        detail = f"no block but: {line[:80]}"
        return Drop(name, "broken_index_line", STEP, detail, line[:200])
    return _Block(parts[0].split(" ")[0], parts[1], int(parts[2]), int(parts[3]))


def _places(path: Path) -> dict[str, list[str]]:
    """Read where the files of a cluster lie."""
    loc = path.with_suffix(".loc")
    if not loc.is_file():
        return {}
    rows = (line.split("\t") for line in loc.read_text("utf-8", "replace").splitlines())
    return {row[0]: row[1:] for row in rows if row[0]}


def _found(path: Path, name: str, places: dict[str, list[str]]) -> Path:
    tried = [path.parent / place for place in places.get(name, ())]
    tried += [path.parent / name, path.parent / f"{name}.cdx.gz", path.parent / f"{name}.gz"]
    for place in tried:
        if place.is_file():
            return place
    raise ArtifactError(
        f"{path} names {name}, which is not there; expected one of "
        f"{', '.join(str(place) for place in tried)}"
    )


def _entries(lines: Iterator[str], name: str) -> Iterator[IndexEntry | Drop]:
    fields: list[str] | None = None
    number = 0
    while True:
        try:
            line = next(lines, None)
        except (zlib.error, RecordError) as error:
            reason = error.reason if isinstance(error, RecordError) else "broken_gzip"
            yield Drop(name, reason, STEP, f"after line {number}: {error}")
            return
        if line is None:
            return
        number += bool(line)
        if line.lstrip().startswith("CDX ") and number == 1:
            fields = line.split()[1:]
        elif line and not line.startswith("!"):
            try:
                yield parse_line(line, fields)
            except RecordError as error:
                yield Drop(f"{name}:{number}", error.reason, STEP, str(error), line[:200])


def _lines(file: BinaryIO, *, max_bytes: int | None = None) -> Iterator[str]:
    """Give lines without their ends; of a longer one than allowed, its beginning."""
    rest = b""
    for piece in _inflated(file, max_bytes):
        rest += piece
        *lines, rest = rest.split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r").decode("utf-8", "replace")
        rest = rest[: 4 * MAX_LINE_CHARS + 1]
    if rest.strip():
        yield rest.rstrip(b"\r").decode("utf-8", "replace")


def _inflated(file: BinaryIO, max_bytes: int | None) -> Iterator[bytes]:
    left = max_bytes
    is_compressed: bool | None = None
    inflater = zlib.decompressobj(31)
    limit = _MAX_BLOCK_BYTES if max_bytes is not None else None
    num_read = num_given = 0
    while data := file.read(_PIECE_BYTES if left is None else min(left, _PIECE_BYTES)):
        left = None if left is None else left - len(data)
        num_read += len(data)
        if is_compressed is None:
            is_compressed = data[:2] == GZIP[:2]
        if not is_compressed:
            yield data
            continue
        while data:
            if inflater.eof:
                inflater = zlib.decompressobj(31)
            piece = inflater.decompress(data, _PIECE_BYTES)
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            num_given += len(piece)
            if num_given > (limit or _PIECE_BYTES + _MAX_INFLATION * num_read):
                raise RecordError(f"inflates to more than {num_given} bytes", reason="too_large")
            if piece:
                yield piece
            if inflater.eof:
                # Some tools end a block without the end of its last line.
                yield b"\n"
    if is_compressed and not inflater.eof:
        raise RecordError("its last block ends too early", reason="truncated")


def _place(found: IndexEntry | Drop) -> tuple[str, str]:
    return ("", "") if isinstance(found, Drop) else (found.surt, found.timestamp)


def _told(entry: IndexEntry) -> str:
    told = (entry.timestamp, str(entry.status or "-"), entry.media_type or "-", entry.file)
    return " ".join(told).strip()
