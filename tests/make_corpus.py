"""Pages, archives and recipes for corpora that are small and real."""

from __future__ import annotations

from functools import cache
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import make_archives as archives

from amalia import pack
from amalia.corpus.statistics import statistics
from amalia.corpus.thresholds import Thresholds, failing
from amalia.pipeline.corpus_recipe import CorpusRecipe
from amalia.recipe import parse


@cache
def _pages() -> list[list[str]]:
    """Pages of the packaged help that no threshold leaves out."""
    groups = groupby(pack.paragraphs(), key=lambda paragraph: paragraph.page)
    pages = [[paragraph.pt_pt for paragraph in group] for _, group in groups]
    long = (page for page in pages if len(" ".join(page).split()) > 120)
    good = (page for page in long if not failing(statistics("\n".join(page)), Thresholds()))
    return list(islice(good, 60))


def prose(number: int) -> list[str]:
    """Paragraphs that no other number has."""
    return list(_pages()[number])


def html(paragraphs: list[str], title: str = "Notícias") -> bytes:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<html><head><title>{title}</title></head><body><main>{body}</main></body></html>".encode()
    )


def record(name: str, paragraphs: list[str], **more: Any) -> bytes:
    page = archives.http(html(paragraphs))
    return archives.warc(page, url=f"http://jornal.example.pt/{name}", **more)


def recipe(folder: Path, **more: Any) -> CorpusRecipe:
    tree = {
        "kind": "corpus",
        "name": "teste",
        "sources": {
            "um": {"kind": "archives", "path": str(folder / "a.warc.gz"), "license": "CC0-1.0"},
            "dois": {"kind": "archives", "path": str(folder / "b.warc.gz"), "license": "MIT"},
        },
        "run": {"workers": 1},
        **more,
    }
    return parse(tree, CorpusRecipe, name="teste")
