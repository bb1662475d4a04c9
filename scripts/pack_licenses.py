"""The licence texts and notices that must travel with the pack."""

from __future__ import annotations

import re
from pathlib import Path

from pack_fonts import copyright_lines

# Debian keeps the texts of common licences here on every installation (Debian policy 12.5).
_COMMON = Path("/usr/share/common-licenses")

_NOTICE = """\
The packaged data of amalia is made from the works below. Each keeps its own licence; the texts
are in this folder. manifest.json names the packages, versions and digests.

things.parquet
  Names and keywords: Unicode CLDR annotations, Unicode-3.0. Copyright © 2004-2026 Unicode, Inc.
    Changed: merged (pt-PT over pt); for everyday things the name, the gender, the plural and the
    Brazilian name are written by hand where they differ from CLDR or CLDR has none.
  Order and categories: emoji-data, MIT. Copyright (c) 2013 Cal Henderson.
  Drawings "noto": Noto Emoji, Apache-2.0. Copyright Google LLC. Changed: encoded as WebP.
  Drawings "fluent": Fluent Emoji, MIT. Copyright (c) Microsoft Corporation; packaged by LobeHub,
    copyright (c) 2023 LobeHub. Changed: reduced to 64 px, encoded as WebP.
paragraphs.parquet
  LibreOffice help, MPL-2.0. Copyright 2000, 2010 Oracle and/or its affiliates; copyright (c) 2000,
    2010 LibreOffice contributors and/or their affiliates. Changed: single paragraphs, markup
    removed. The source form is in the packages libreoffice-help-* that manifest.json names.
fonts.parquet
  Typefaces, OFL-1.1, unmodified. Their copyright lines stand at the top of OFL-1.1.txt.
"""


def write(unpacked: Path, folder: Path) -> None:
    """Write every licence text and ``NOTICE.txt`` into ``folder``.

    Args:
        unpacked: folder with one folder for each unpacked package.
        folder: the LICENSES folder of the pack.

    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("Apache-2.0", "MPL-2.0"):
        _save(folder / f"{name}.txt", (_COMMON / name).read_text("utf-8"))
    cldr = unpacked / "cldr-annotations-full/package/LICENSE"
    _save(folder / "Unicode-3.0.txt", cldr.read_text("utf-8"))
    _save(folder / "MIT.txt", _mit(unpacked))
    _save(folder / "OFL-1.1.txt", _ofl(unpacked))
    _save(folder / "NOTICE.txt", _NOTICE)


def _mit(unpacked: Path) -> str:
    text = (unpacked / "emoji-datasource-google/package/LICENSE").read_text("utf-8")
    holders = (
        "Copyright (c) Microsoft Corporation. (Fluent Emoji)\n"
        "Copyright (c) 2023 LobeHub (Fluent Emoji, packaged)\n"
    )
    return re.sub(r"(Copyright \(c\) 2013 Cal Henderson)\n", holders + r"\1 (emoji-data)\n", text)


def _ofl(unpacked: Path) -> str:
    text = next((unpacked / "fontpkg-delius").rglob("LICENSE")).read_text("utf-8")
    body = text[text.index("-----------") :]
    lines = "\n".join(copyright_lines(unpacked))
    head = (
        "These typefaces are licensed under the SIL Open Font License, Version 1.1, copied below."
    )
    return f"{lines}\n\n{head}\n\n{body}"


def _save(file: Path, text: str) -> None:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").splitlines()]
    file.write_text("\n".join(lines).strip("\n") + "\n", "utf-8")
