"""Folders of files: pages, text, PDF and books."""

from __future__ import annotations

import hashlib
import os
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from amalia.corpus import files
from amalia.corpus.capture import Capture, Place
from amalia.corpus.drop import Drop
from amalia.corpus.files import FileLimits, pdf_text, read_folder
from amalia.errors import ArtifactError, RecordError

LIMITS = FileLimits(
    max_file_bytes=100_000, max_chapter_bytes=20_000, max_book_bytes=30_000, max_chapters=5
)


def read(path: Path, limits: FileLimits = LIMITS) -> list[Capture | Drop]:
    return list(read_folder(path, collection="Manuais", license="CC-BY-4.0", limits=limits))


def told(found: list[Capture | Drop]) -> list[tuple[str, str]]:
    return [
        (one.name, one.reason) if isinstance(one, Drop) else (one.url, one.media_type)
        for one in found
    ]


def pdf(*pages: str) -> bytes:
    """A PDF with a line of text a page."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    parts = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for number, text in enumerate(pages):
        show = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET"
        parts += [
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents {5 + 2 * number} 0 R"
            "/Resources<</Font<</F1 3 0 R>>>>>>",
            f"<</Length {len(show)}>>stream\n{show}\nendstream",
        ]
    data, places = b"%PDF-1.4\n", list[int]()
    for number, part in enumerate(parts, 1):
        places.append(len(data))
        data += f"{number} 0 obj{part}endobj\n".encode("cp1252")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 {len(parts) + 1}\n0000000000 65535 f \n{table}trailer<</Size {len(parts) + 1}/Root 1 0 R>>\n"
    return data + f"{end}startxref\n{len(data)}\n%%EOF".encode()


def test_files_are_captures_in_the_order_of_their_names(tmp_path: Path) -> None:
    names = {
        "b.HTM": "text/html",
        "a/c.html": "text/html",
        "a/à vista.xhtml": "application/xhtml+xml",
        "z.txt": "text/plain",
        "leia-me.md": "text/markdown",
        "m.pdf": "application/pdf",
    }
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    found = read(tmp_path)
    assert told(found) == [
        ("file:b.HTM", "text/html"),
        ("file:leia-me.md", "text/markdown"),
        ("file:m.pdf", "application/pdf"),
        ("file:z.txt", "text/plain"),
        ("file:a/c.html", "text/html"),
        ("file:a/%C3%A0%20vista.xhtml", "application/xhtml+xml"),
    ]
    assert found[0] == Capture(
        "file:b.HTM", None, "text/html", None, b"b.HTM",
        hashlib.sha256(b"b.HTM").hexdigest(), Place("Manuais", "b.HTM", 0),
    )  # fmt: skip


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "pasta"
    folder.mkdir()
    (tmp_path / "segredo.txt").write_text("segredo")
    (folder / "1.html").write_bytes(b" \n")
    (folder / "2.html").write_bytes(bytes(100_001))
    (folder / "3.doc").write_bytes(b"x")
    (folder / "4.txt").symlink_to(tmp_path / "segredo.txt")
    (folder / "5.txt").symlink_to(folder / "nenhures.txt")
    (folder / "6.txt").symlink_to(folder / "8.txt")
    (folder / "7").symlink_to(tmp_path)
    (folder / "8.txt").write_text("Olá.")
    os.mkfifo(folder / "9.txt")
    assert told(read(folder)) == [
        ("file:1.html", "empty_body"),
        ("file:2.html", "too_large"),
        ("file:3.doc", "media_type"),
        ("file:4.txt", "outside_folder"),
        ("file:5.txt", "media_type"),
        ("file:6.txt", "text/plain"),
        ("file:8.txt", "text/plain"),
        ("file:9.txt", "media_type"),
    ]


def test_the_licence_stays_with_the_folder(tmp_path: Path) -> None:
    assert read_folder(tmp_path, collection="x", license="CC0-1.0").license == "CC0-1.0"


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"there is no folder .*nada"):
        read(tmp_path / "nada")


CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/livro.opf"/></rootfiles></container>'


def package(*names: str) -> str:
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(names)
    )
    order = "".join(f'<itemref idref="i{n}"/>' for n in range(len(names)))
    return (
        '<?xml version="1.0" encoding="UTF-8"?><opf:package xmlns:opf="http://www.idpf.org/2007/opf"><manifest>'
        f'<item id="capa" href="capa.png" media-type="image/png"/>{items}</manifest>'
        f'<spine><itemref idref="capa"/>{order}</spine></opf:package>'
    )


def book(path: Path, members: dict[str, str | bytes]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in ({"META-INF/container.xml": CONTAINER} | members).items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def test_a_book_is_its_chapters_in_reading_order(tmp_path: Path) -> None:
    members = {
        "OEBPS/livro.opf": package("dois.xhtml", "textos/um%20s%C3%B3.xhtml", "dois.xhtml"),
        "OEBPS/textos/um só.xhtml": "<p>Capítulo um.</p>",
        "OEBPS/dois.xhtml": "<p>Capítulo dois.</p>",
        "OEBPS/capa.png": b"png",
    }
    path = book(tmp_path / "l.epub", members)
    found = read(tmp_path)
    assert told(found) == [
        ("file:l.epub#OEBPS/dois.xhtml", "text/html"),
        ("file:l.epub#OEBPS/textos/um%20s%C3%B3.xhtml", "text/html"),
    ]
    first = found[0]
    assert isinstance(first, Capture)
    assert first.body.decode() == "<p>Capítulo dois.</p>"
    with zipfile.ZipFile(path) as file:
        place = file.getinfo("OEBPS/dois.xhtml").header_offset
    assert first.place == Place("Manuais", "l.epub", place)


ONE = {"OEBPS/livro.opf": package("1.xhtml"), "OEBPS/1.xhtml": "<p>Olá.</p>"}
BOOKS: dict[str, tuple[dict[str, str | bytes], str]] = {
    "bomb": (ONE | {"OEBPS/1.xhtml": bytes(50_000_000)}, "too_large"),
    "empty chapter": (ONE | {"OEBPS/1.xhtml": " "}, "empty_body"),
    "path out of the book": (
        ONE | {"OEBPS/livro.opf": package("../../../etc/passwd")},
        "outside_book",
    ),
    "absolute path": (ONE | {"OEBPS/livro.opf": package("/etc/passwd")}, "outside_book"),
    "missing chapter": (ONE | {"OEBPS/livro.opf": package("2.xhtml")}, "missing_chapter"),
    "no package": (ONE | {"META-INF/container.xml": "<container/>"}, "broken_book"),
    "package missing": ({"x": "y"}, "broken_book"),
    "package broken": (ONE | {"OEBPS/livro.opf": "<package>"}, "broken_book"),
    "package a bomb": (ONE | {"OEBPS/livro.opf": bytes(5_000_000)}, "too_large"),
    "entities": (
        ONE
        | {
            "OEBPS/livro.opf": '<!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><p x="&b;"/>',
        },
        "broken_book",
    ),
    "deep": (ONE | {"OEBPS/livro.opf": "<a>" * 100_000}, "broken_book"),
}


@pytest.mark.parametrize("name", BOOKS)
def test_a_hostile_book_costs_itself_only(tmp_path: Path, name: str) -> None:
    members, reason = BOOKS[name]
    book(tmp_path / "l.epub", members)
    (tmp_path / "z.txt").write_text("Olá.")
    drop, last = read(tmp_path)
    assert isinstance(drop, Drop)
    assert drop.reason == reason
    assert isinstance(last, Capture)


def test_a_book_has_limits(tmp_path: Path) -> None:
    names = [f"{n}.xhtml" for n in range(7)]
    bodies = {f"OEBPS/{name}": f"<p>{name}{'a' * 14_000}" for name in names}
    book(tmp_path / "a.epub", {"OEBPS/livro.opf": package(*names)} | bodies)
    assert [name for _, name in told(read(tmp_path))] == [
        "text/html", "text/html", "too_large", "too_large", "too_large", "too_many_chapters",
    ]  # fmt: skip


@pytest.mark.parametrize("damage", ["no zip", "cut", "checksum", "encrypted"])
def test_a_damaged_book_is_dropped(tmp_path: Path, damage: str) -> None:
    path = book(tmp_path / "l.epub", ONE)
    data = bytearray(path.read_bytes())
    if damage == "no zip":
        data = bytearray(b"isto nao e um livro")
    elif damage == "cut":
        data = data[: len(data) // 2]
    else:
        with zipfile.ZipFile(BytesIO(bytes(data))) as file:
            start = file.getinfo("OEBPS/1.xhtml").header_offset
        central = data.rindex(b"PK\x01\x02")
        if damage == "checksum":
            data[central + 16] ^= 0xFF
        else:
            data[central + 8] |= 1
            data[start + 6] |= 1
    path.write_bytes(data)
    (drop,) = read(tmp_path)
    assert isinstance(drop, Drop)
    assert drop.reason == ("encrypted" if damage == "encrypted" else "broken_zip")


def test_the_text_of_a_pdf_is_read_page_by_page() -> None:
    assert (
        pdf_text(pdf("Manual de instruções", "Página dois"))
        == "Manual de instruções\n\nPágina dois"
    )


def test_a_pdf_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    body = pdf("Um", "Dois", "Três")
    assert pdf_text(body, max_pages=2) == "Um\n\nDois"
    assert pdf_text(body, max_chars=4) == "Um\n\nDo"
    clock = iter([0.0, 1.0, 70.0])
    monkeypatch.setattr(files, "monotonic", lambda: next(clock))
    assert pdf_text(body, max_s=60) == "Um"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"isto nao e um PDF", "broken_pdf"),
        (pdf(""), "no_text_layer"),
        (pdf("x")[:60], "broken_pdf"),
    ],
)
def test_a_pdf_without_text_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        pdf_text(body)
    assert caught.value.reason == reason
