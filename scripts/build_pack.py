"""Build the packaged data of amalia (``src/amalia/pack``) from pinned public packages.

Fetches what the cache lacks (npm, apt-get and pip must be at hand), makes the three Parquet files,
the licence texts and the manifest. The same cache gives the same rows; bytes may differ with the
versions of libwebp and Arrow, which the manifest therefore names.

Usage: ``python scripts/build_pack.py --cache FOLDER [--out FOLDER]``
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pack_licenses
import pyarrow as pa
import pyarrow.parquet as pq
from pack_fonts import fonts
from pack_paragraphs import paragraphs
from pack_sources import SOURCES, fetch, sha256, unpack_all
from pack_things import things
from PIL import features

_LOG = logging.getLogger("build_pack")
_ROOT = Path(__file__).resolve().parent.parent
_MAX_PACK_BYTES = 15_000_000

_SCHEMAS = {
    "things": pa.schema(
        [
            ("id", pa.string()),
            ("char", pa.string()),
            ("name", pa.string()),
            ("name_pt_br", pa.string()),
            ("keywords", pa.list_(pa.string())),
            ("category", pa.string()),
            ("everyday", pa.bool_()),
            ("gender", pa.string()),
            ("is_plural", pa.bool_()),
            ("plural", pa.string()),
            ("noto", pa.binary()),
            ("fluent", pa.binary()),
        ]
    ),
    "paragraphs": pa.schema(
        [(name, pa.string()) for name in ("id", "page", "kind", "pt_pt", "pt_br", "en")]
    ),
    "fonts": pa.schema(
        [
            ("name", pa.string()),
            ("style", pa.string()),
            ("license", pa.string()),
            ("data", pa.binary()),
        ]
    ),
}


def main() -> None:
    """Fetch, build and write the whole pack."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder of fetched packages")
    parser.add_argument("--out", type=Path, default=_ROOT / "src/amalia/pack")
    given = parser.parse_args()
    build(given.cache, given.out)


def build(cache: Path, out: Path) -> None:
    """Write the three Parquet files, ``LICENSES`` and ``manifest.json`` under ``out``.

    Args:
        cache: folder of fetched packages; what it lacks is fetched.
        out: the pack's folder.

    Raises:
        ValueError: if the whole pack is larger than a wheel should carry.

    """
    files = fetch(cache)
    with unpack_all(files) as folder:
        unpacked = Path(folder)
        rows = {
            "things": things(unpacked, _ROOT / "scripts/everyday.tsv"),
            "fonts": fonts(unpacked),
        }
        rows["paragraphs"], dropped = paragraphs(unpacked)
        out.mkdir(parents=True, exist_ok=True)
        for name, table_rows in rows.items():
            _write(out / f"{name}.parquet", table_rows, _SCHEMAS[name])
        pack_licenses.write(unpacked, out / "LICENSES")
    manifest = {
        "made_by": "scripts/build_pack.py",
        "made_with": {"pyarrow": pa.__version__, "libwebp": features.version("webp")},
        "sources": _sources(files),
        "counts": _counts(rows, dropped),
        "outputs": {
            f"{name}.parquet": {
                "rows": len(table_rows),
                "bytes": (out / f"{name}.parquet").stat().st_size,
                "sha256": sha256(out / f"{name}.parquet"),
            }
            for name, table_rows in sorted(rows.items())
        },
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=2)
    (out / "manifest.json").write_text(text + "\n", "utf-8")
    total_bytes = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    _LOG.info("%s\npack: %d bytes", json.dumps(manifest["counts"], indent=2), total_bytes)
    if total_bytes > _MAX_PACK_BYTES:
        raise ValueError(
            f"pack is {total_bytes} bytes, at most {_MAX_PACK_BYTES}; lower the quality"
        )


def _write(file: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> None:
    table = pa.Table.from_pylist(list(rows), schema=schema)
    pq.write_table(table, file, compression="zstd", compression_level=19, write_statistics=False)


def _sources(files: Mapping[str, Path]) -> list[dict[str, str | int]]:
    return [
        {
            "package": source.package,
            "version": source.version,
            "registry": source.registry,
            "license": source.license,
            "gives": source.gives,
            "file": files[source.package].name,
            "bytes": files[source.package].stat().st_size,
            "sha256": sha256(files[source.package]),
        }
        for source in SOURCES
    ]


def _counts(
    rows: Mapping[str, Sequence[Mapping[str, Any]]], dropped: Mapping[str, int]
) -> dict[str, Any]:
    everyday = [row for row in rows["things"] if row["everyday"]]
    return {
        "things": len(rows["things"]),
        "things_with_another_name_in_pt_br": sum(bool(r["name_pt_br"]) for r in rows["things"]),
        "everyday_things": len(everyday),
        "everyday_things_with_another_name_in_pt_br": sum(bool(r["name_pt_br"]) for r in everyday),
        "paragraphs": len(rows["paragraphs"]),
        "paragraphs_that_differ_in_pt_br": sum(
            row["pt_pt"] != row["pt_br"] for row in rows["paragraphs"]
        ),
        "paragraphs_dropped": dict(sorted(dropped.items())),
        "fonts_printed": sum(row["style"] == "printed" for row in rows["fonts"]),
        "fonts_handwriting": sum(row["style"] == "handwriting" for row in rows["fonts"]),
    }


if __name__ == "__main__":
    main()
