"""Web archives written byte by byte: sound ones, and every kind of damage that is met in real ones."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from fastwarc.stream_io import BrotliWriter

WARC_DATE = "2009-05-04T10:20:30Z"
ARC_DATE = "20090504102030"


def page(text: str = "Bom dia, Lisboa.", *, title: str = "Notícias") -> bytes:
    """A small page in UTF-8."""
    return f"<html><head><title>{title}</title></head><body><p>{text}</p></body></html>".encode()


def http(
    body: bytes,
    *,
    status: str = "200 OK",
    media_type: str = "text/html; charset=utf-8",
    fields: Iterable[str] = (),
) -> bytes:
    """What a server answers."""
    lines = [
        f"HTTP/1.1 {status}",
        *([f"Content-Type: {media_type}"] if media_type else []),
        *fields,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + end


def warc(
    block: bytes,
    *,
    kind: str = "response",
    url: str | bytes = "http://jornal.example.pt/",
    date: str = WARC_DATE,
    media_type: str = "application/http; msgtype=response",
    length: int | str | None = None,
    fields: Iterable[str] = (),
    end: bytes = b"\r\n\r\n",
) -> bytes:
    """A WARC record; ``length`` is what it says of itself, if that is not true."""
    lines = ["WARC/1.0", f"WARC-Type: {kind}"]
    lines += [f"WARC-Date: {date}"] if date else []
    lines += [f"Content-Type: {media_type}"] if media_type else []
    lines += fields
    head = "\r\n".join(lines).encode("utf-8")
    if url:
        head += b"\r\nWARC-Target-URI: " + (url if isinstance(url, bytes) else url.encode())
    said = len(block) if length is None else length
    return head + f"\r\nContent-Length: {said}\r\n\r\n".encode() + block + end


def arc(
    block: bytes,
    *,
    url: str = "http://jornal.example.pt/",
    date: str = ARC_DATE,
    media_type: str = "text/html",
    length: int | str | None = None,
    end: bytes = b"\n",
) -> bytes:
    """An ARC record of version 1."""
    said = len(block) if length is None else length
    return f"{url} 192.0.2.7 {date} {media_type} {said}\n".encode() + block + end


def arc_start(name: str = "teste.arc") -> bytes:
    """The record that every ARC file begins with."""
    block = b"1 0 Teste\nURL IP-address Archive-date Content-type Archive-length\n"
    return arc(block, url=f"filedesc://{name}", media_type="text/plain")


def numbered(number: int) -> bytes:
    """A sound WARC record of a page that says its number."""
    text = f"Página número {number}."
    return warc(http(page(text)), url=f"http://jornal.example.pt/{number}")


def numbered_arc(number: int) -> bytes:
    """As ``numbered``."""
    return arc(http(page(f"Página número {number}.")), url=f"http://jornal.example.pt/{number}")


def sha1(content: bytes) -> str:
    return (
        f"sha1:{base64.b32encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()}"
    )


def members(*records: bytes) -> bytes:
    """Compress each record for itself, as web archives are."""
    return b"".join(gzip.compress(record, 6, mtime=0) for record in records)


def write(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"".join(parts))
    return path


def bomb(head: bytes, num_mebibytes: int) -> bytes:
    """A gzip member that inflates to zeros after a beginning."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    parts = [compressor.compress(head)]
    parts += [compressor.compress(zeros) for _ in range(num_mebibytes)]
    return b"".join([*parts, compressor.flush()])


def brotli(data: bytes) -> bytes:
    packed = BytesIO()
    writer = BrotliWriter(packed)
    writer.write(data)
    writer.close()
    return packed.getvalue()


def flipped(data: bytes) -> bytes:
    """Damage the middle of compressed bytes."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


def cluster(folder: Path, blocks: Iterable[Iterable[str]], *, name: str = "cluster") -> Path:
    """Write a ZipNum cluster with its list of blocks; gives the list."""
    data, rows = b"", list[str]()
    for number, lines in enumerate(blocks, 1):
        lines = list(lines)
        packed = gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)
        key = " ".join(lines[0].split(" ")[:2])
        rows.append(f"{key}\t{name}\t{len(data)}\t{len(packed)}\t{number}\n")
        data += packed
    (folder / f"{name}.cdx.gz").write_bytes(data)
    index = folder / f"{name}.idx"
    index.write_text("".join(rows), "utf-8")
    return index
