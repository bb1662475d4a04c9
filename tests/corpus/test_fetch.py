"""Fetching by package name with a client that a test wrote."""

from __future__ import annotations

import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amalia.corpus.archive import ArchiveLimits, read_archive
from amalia.corpus.fetch import fetch, sources
from amalia.errors import ArtifactError
from amalia.store import check

NAME = "tuxpaint-stamps-default"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give temporary folders a place of their own, to see that none stays."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(path))
    return path


def test_every_source_says_its_licence():
    assert {name: source.license for name, source in sources().items()} == {
        NAME: "GPL-2.0-only",
        "libreoffice-help-pt": "MPL-2.0",
        "libreoffice-help-pt-br": "MPL-2.0",
        "installation-guide": "GPL-2.0-only",
    }
    assert all(source.package and source.description for source in sources().values())


def test_fetch_makes_both_artifacts_once(registry, tmp_path, temporary):
    made = fetch(NAME, tmp_path / "out")
    assert [manifest.kind for manifest in made] == ["conversations", "preferences"]
    (package,) = made[0].inputs
    assert (package.name, package.path) == (NAME, f"{NAME}_1.0_all.deb")
    assert package.fingerprint == "0123456789abcdef"
    assert [check(tmp_path / "out" / manifest.name) for manifest in made] == [[], []]
    assert list(temporary.iterdir()) == []
    assert fetch(NAME, tmp_path / "out") == made
    assert registry.read_text().splitlines() == [
        f"download --print-uris {NAME}",
        f"download {NAME}",
        f"download --print-uris {NAME}",
    ]


def test_an_unknown_source_is_answered_with_the_known(tmp_path):
    with pytest.raises(ArtifactError, match=f"no source 'stamps'; expected one of: .*{NAME}"):
        fetch("stamps", tmp_path)


@pytest.mark.parametrize("missing", ["apt-get", "dpkg-deb"])
def test_a_missing_client_is_named(client, tmp_path, monkeypatch, missing):
    for program in {"apt-get", "dpkg-deb"} - {missing}:
        client(program, "#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    with pytest.raises(ArtifactError, match=f"{missing} is not on this machine"):
        fetch(NAME, tmp_path / "out")


@pytest.mark.usefixtures("registry")
def test_a_package_that_is_not_listed_asks_for_an_update(client, tmp_path):
    client("apt-get", f"#!/bin/sh\necho 'E: Unable to locate package {NAME}' >&2\nexit 100\n")
    with pytest.raises(ArtifactError, match=r"Unable to locate package .*apt-get update") as caught:
        fetch(NAME, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("registry")
def test_a_failed_download_says_why(client, tmp_path, temporary):
    listing = f"'http://mirror/t.deb' {NAME}_1.0_all.deb 9000000 SHA256:{'0' * 64}"
    client(
        "apt-get",
        f"""#!/bin/sh
        case "$*" in *--print-uris*) echo "{listing}"; exit 0;; esac
        echo "E: Failed to fetch t.deb  404" >&2; echo "W: more" >&2; exit 100
        """,
    )
    with pytest.raises(ArtifactError, match=r"could not be downloaded \(E: Failed to fetch t\.deb"):
        fetch(NAME, tmp_path / "out")
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("registry")
def test_a_damaged_package_says_why(client, tmp_path):
    client("dpkg-deb", "#!/bin/sh\necho 'dpkg-deb: error: unexpected end of file' >&2\nexit 2\n")
    with pytest.raises(ArtifactError, match=r"could not be unpacked \(dpkg-deb: error: unexpected"):
        fetch(NAME, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pages_of_a_package_become_a_web_archive(client, tmp_path):
    name = "libreoffice-help-pt"
    root = tmp_path / "unpacked" / sources()[name].pages
    root.mkdir(parents=True)
    for page in ("index", "outra"):
        (root / f"{page}.html").write_text(f"<p>Página {page}.</p>", "utf-8")
        os.utime(root / f"{page}.html", (1_700_000_000, 1_700_000_000))
    with tarfile.open(tmp_path / "package", "w") as archive:
        archive.add(tmp_path / "unpacked", arcname=".")
    listed = f"'http://m/h.deb' {name}_1_all.deb 5 SHA256:{'0a' * 32}"
    client(
        "apt-get",
        f'#!/bin/sh\ncase "$2" in --print-uris) echo "{listed}";;\n'
        f'*) cp "{tmp_path / "package"}" ./{name}_1_all.deb;; esac\n',
    )
    client("dpkg-deb", '#!/bin/sh\nmkdir -p "$3" && tar -xf "$2" -C "$3"\n')
    (made,) = fetch(name, tmp_path / "out")
    assert (made.kind, made.counts.records) == ("archives", 2)
    assert made.counts.licenses == {"MPL-2.0": 2}
    (file,) = (tmp_path / "out" / name).glob("*.warc.gz")
    captures = list(read_archive(file, collection="ajuda", limits=ArchiveLimits()))
    assert [capture.url for capture in captures] == [
        "http://ajuda-pt.libreoffice.example/index.html",
        "http://ajuda-pt.libreoffice.example/outra.html",
    ]
    assert captures[0].captured_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert fetch(name, tmp_path / "out") == (made,)
