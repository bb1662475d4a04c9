"""Drawn things: emoji drawings of two styles joined with the pt-PT and pt-BR names of CLDR.

Skin-tone variants and component glyphs are left out, and so is everything that one of the two
styles lacks. ``everyday.tsv`` is written by hand: the nouns that conversations talk about, with
gender and plural, which CLDR does not give, and the Brazilian word where another word or spelling
is used. (CLDR's two names often differ for another reason: "cara de leão", "rosto de leão".)
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

EDGE_PX = 64
WEBP_QUALITY = 80
_SELECTOR = "\ufe0f"


def things(unpacked: Path, everyday: Path) -> list[dict[str, Any]]:
    """Return the rows of ``things.parquet`` in Unicode's order.

    Args:
        unpacked: folder with one folder for each unpacked package.
        everyday: the hand-written table.

    Raises:
        ValueError: if the table repeats a thing or a name, or names a thing without both drawings.

    """
    names = {tag: _annotations(unpacked, tag) for tag in ("pt", "pt-PT")}
    fluent = _fluent(unpacked / "@lobehub/fluent-emoji-3d/package/assets")
    noto = unpacked / "emoji-datasource-google/package/img/google/64"
    nouns = _nouns(everyday)
    catalog = json.loads(
        (unpacked / "emoji-datasource-google/package/emoji.json").read_text("utf-8")
    )
    rows = []
    for entry in sorted(catalog, key=lambda entry: entry["sort_order"]):
        char = "".join(chr(int(code, 16)) for code in entry["unified"].split("-"))
        bare = char.replace(_SELECTOR, "")
        wanted = entry["has_img_google"] and entry["category"] != "Component"
        if not (wanted and bare in fluent and bare in names["pt"]):
            continue
        rows.append(
            {
                "id": "-".join(f"{ord(letter):X}" for letter in bare),
                "char": char,
                **_named(bare, names, nouns.pop(bare, None)),
                "category": entry["category"],
                "noto": _webp(noto / entry["image"]),
                "fluent": _webp(fluent[bare]),
            }
        )
    if nouns:
        raise ValueError(f"everyday things without a drawing in both styles: {sorted(nouns)}")
    return rows


def _named(bare: str, names: dict[str, Any], noun: dict[str, str] | None) -> dict[str, Any]:
    brazilian = names["pt"][bare]
    portuguese = {**brazilian, **names["pt-PT"].get(bare, {})}
    cldr_name = portuguese["tts"][0]
    name = noun["name"] if noun else cldr_name
    name_pt_br = noun["name_pt_br"] if noun else brazilian["tts"][0]
    words = [*([cldr_name] if name != cldr_name else []), *portuguese.get("default", [])]
    return {
        "name": name,
        "name_pt_br": name_pt_br if name_pt_br not in ("", name) else None,
        "keywords": [word for word in dict.fromkeys(words) if word != name],
        "everyday": noun is not None,
        "gender": noun["gender"] if noun else None,
        "is_plural": noun["is_plural"] == "1" if noun else False,
        "plural": noun["plural"] if noun else None,
    }


def _annotations(unpacked: Path, tag: str) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for package, key in (
        ("cldr-annotations-derived-full", "annotationsDerived"),
        ("cldr-annotations-full", "annotations"),
    ):
        file = unpacked / package / "package" / key / tag / "annotations.json"
        for char, entry in json.loads(file.read_text("utf-8"))[key]["annotations"].items():
            found.setdefault(char.replace(_SELECTOR, ""), {}).update(entry)
    return {char: entry for char, entry in found.items() if tag != "pt" or "tts" in entry}


def _fluent(assets: Path) -> dict[str, Path]:
    found = {}
    for file in sorted(assets.glob("*.webp")):
        codes = file.stem.split("-")
        if all(len(code) >= 2 and set(code) <= set("0123456789abcdef") for code in codes):
            found["".join(chr(int(code, 16)) for code in codes).replace(_SELECTOR, "")] = file
    return found


def _nouns(everyday: Path) -> dict[str, dict[str, str]]:
    with everyday.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for column in ("char", "name"):
        repeated = [value for value, n in Counter(row[column] for row in rows).items() if n > 1]
        if repeated:
            raise ValueError(f"{everyday.name}: {column} repeated: {repeated}; keep one of each")
    wrong = [row["name"] for row in rows if row["gender"] not in "mf" or not row["plural"]]
    if wrong:
        raise ValueError(f"{everyday.name}: gender must be m or f and plural present: {wrong}")
    return {row["char"].replace(_SELECTOR, ""): row for row in rows}


def _webp(file: Path) -> bytes:
    with Image.open(file) as opened:
        picture = opened.convert("RGBA")
    if picture.size != (EDGE_PX, EDGE_PX):
        picture = picture.resize((EDGE_PX, EDGE_PX), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=WEBP_QUALITY, alpha_quality=90, method=6)
    return out.getvalue()
