"""A package of five stamps, and clients of its registry that reach no network."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import make
import pytest

STAMPS = Path("usr/share/tuxpaint/stamps")

# The package is a plain archive here, so that tar can stand for dpkg-deb.
APT_GET = """#!/bin/sh
echo "$@" >> "{log}"
case "$*" in
  "download --print-uris tuxpaint-stamps-default")
    echo "'http://mirror/t.deb' tuxpaint-stamps-default_1.0_all.deb {size} SHA256:{digest}";;
  "download tuxpaint-stamps-default") cp "{package}" ./tuxpaint-stamps-default_1.0_all.deb;;
  *) echo "E: unexpected $*" >&2; exit 100;;
esac
"""
DPKG_DEB = """#!/bin/sh
[ "$1" = "-x" ] && mkdir -p "$3" && tar -xf "$2" -C "$3"
"""

Client = Callable[[str, str], None]


@pytest.fixture
def stamps(tmp_path: Path) -> Path:
    """An unpacked package; the captions are those of the real one."""
    root = tmp_path / "unpacked" / STAMPS
    captions = {
        "animals/birds/duck": ("Um pato.", "Um pato."),
        "clothes/jeans": ("Umas calças de ganga  azuis.", "Uma calça jeans."),
        "plants/tree": ("Uma árvore de Natal.", "Uma árvore de natal."),
        "seasonal/present": ("Um presente.", None),
        "vehicles/bus": ("Um autocarro.", "Um ônibus."),
        "vehicles/lost": ("Um comboio.", "Um trem."),
    }
    for name, (ours, theirs) in captions.items():
        path = root / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = ["A thing.", "es.utf8=Una cosa.", f"pt.utf8={ours}"]
        lines += [f"pt_BR.utf8={theirs}"] if theirs else []
        path.write_text("\n".join(lines), "utf-8")
        if not name.endswith(("lost", "bus")):
            path.with_suffix(".png").write_bytes(make.picture(20, 12))
    (root / "vehicles/bus.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="90pt" height="180pt">'
        '<rect width="60" height="120" fill="red"/></svg>'
    )
    (root / "vehicles/bus_mirror.png").write_bytes(make.picture())
    return tmp_path / "unpacked"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Put a shell script of a name before all other programs."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    def put(name: str, script: str) -> None:
        path = programs / name
        path.write_text(script)
        path.chmod(0o755)

    return put


@pytest.fixture
def registry(stamps: Path, tmp_path: Path, client: Client) -> Path:
    """A registry with the package in it; gives the file in which its client notes each call."""
    package = io.BytesIO()
    with tarfile.open(fileobj=package, mode="w") as archive:
        archive.add(stamps, arcname=".")
    (tmp_path / "package").write_bytes(package.getvalue())
    log = tmp_path / "calls"
    script = APT_GET.format(
        log=log,
        size=len(package.getvalue()),
        digest="0123456789abcdef" * 4,
        package=tmp_path / "package",
    )
    client("apt-get", script)
    client("dpkg-deb", DPKG_DEB)
    return log
