"""A folder of pages recorded as a web archive would have it: served on this machine, asked for, kept as WARC.

This makes archives of a known content, for tests and for the small corpus, out of documentation that packages carry.
Two runs give the same bytes: files in the order of their names, one fixed date, and of the server's header only
what is the same on every machine.

Not covered: following links, pictures, and pages outside this machine.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from amalia.corpus.warc_writer import Answered, write_info, write_warc
from amalia.errors import ArtifactError

MAX_FILE_BYTES = 50 << 20
"""Where a new WARC file begins."""
MAX_PAGE_BYTES = 32 << 20
_ENDS = (".html", ".htm", ".xhtml")
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class SiteCounts:
    """What was recorded of a folder."""

    files: tuple[Path, ...]
    """WARC files, in order."""
    num_pages: int
    num_bytes: int
    """Of the pages, not compressed."""
    skipped: dict[str, int]
    """Files that were not recorded, by reason."""


def record_site(
    root: Path,
    out: Path,
    *,
    host: str,
    captured_at: datetime,
    max_pages: int | None = None,
    max_file_bytes: int = MAX_FILE_BYTES,
) -> SiteCounts:
    """Record every page of a folder.

    Args:
        root: Folder of HTML files.
        out: Folder for ``HOST-00000.warc.gz`` and following; made if missing, files of these names replaced.
        host: What the pages' addresses say, for example ``ajuda.example.pt``.
        captured_at: What the records say, with time zone.
        max_pages: Where recording ends; what is left counts as ``beyond_max_pages``.
        max_file_bytes: A WARC file that is larger is closed after its page.

    Returns:
        What was recorded.

    Raises:
        ArtifactError: There is no such folder, or it holds no page.
        ValueError: ``captured_at`` has no time zone.
        MissingExtra: ``amalia[corpus]`` is not installed.
    """
    if captured_at.tzinfo is None:
        raise ValueError(f"captured_at is {captured_at}; expected a moment with its time zone")
    names, skipped = _names(root)
    if not names:
        raise ArtifactError(
            f"{root} holds no page; expected files ending in {', '.join(_ENDS)}, or folders of them"
        )
    if max_pages is not None and len(names) > max_pages:
        skipped["beyond_max_pages"] = len(names) - max_pages
        names = names[:max_pages]
    out.mkdir(parents=True, exist_ok=True)
    files = list[Path]()
    num_pages = num_bytes = 0
    with _served(root) as connection:
        answers = _answers(connection, names, host=host, captured_at=captured_at)
        answer = next(answers, None)
        while answer is not None:
            path = out / f"{host}-{len(files):05d}.warc.gz"
            unfinished = path.with_name(f"{path.name}.partial")
            with unfinished.open("wb") as file:
                write_info(file, name=path.name, captured_at=captured_at)
                while answer is not None and file.tell() <= max_file_bytes:
                    if answer.status == 200:
                        write_warc(file, answer)
                        num_pages += 1
                        num_bytes += len(answer.body)
                    else:
                        reason = f"status_{answer.status}"
                        skipped[reason] = skipped.get(reason, 0) + 1
                    answer = next(answers, None)
            unfinished.replace(path)
            files.append(path)
    return SiteCounts(tuple(files), num_pages, num_bytes, skipped)


class _Pages(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    protocol_version = "HTTP/1.1"
    # Headers and page are written one after the other; held back, each page would take 40 ms.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: standard error is the program's."""


@contextmanager
def _served(root: Path) -> Iterator[http.client.HTTPConnection]:
    """Serve a folder on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, directory=str(root)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    connection = http.client.HTTPConnection(
        "127.0.0.1", server.server_address[1], timeout=_TIMEOUT_S
    )
    try:
        yield connection
    finally:
        connection.close()
        server.shutdown()
        server.server_close()
        thread.join()


def _answers(
    connection: http.client.HTTPConnection, names: list[str], *, host: str, captured_at: datetime
) -> Iterator[Answered]:
    for name in names:
        path = f"/{quote(name)}"
        connection.request("GET", path, headers={"Host": host})
        response = connection.getresponse()
        yield Answered(
            url=f"http://{host}{path}",
            captured_at=captured_at,
            status=response.status,
            media_type=response.headers.get("Content-Type", ""),
            encoding="",
            body=response.read(),
        )


def _names(root: Path) -> tuple[list[str], dict[str, int]]:
    """List the pages of a folder, sorted; links out of it and pages too large are only counted."""
    if not root.is_dir():
        raise ArtifactError(f"there is no folder {root}; give one that holds HTML files")
    within = root.resolve()
    names, skipped = list[str](), dict[str, int]()
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in _ENDS:
            continue
        place = path.resolve()
        if not place.is_relative_to(within):
            reason = "outside_folder"
        elif not place.is_file():
            reason = "no_file"
        elif place.stat().st_size > MAX_PAGE_BYTES:
            reason = "too_large"
        else:
            names.append(path.relative_to(root).as_posix())
            continue
        skipped[reason] = skipped.get(reason, 0) + 1
    return names, skipped
