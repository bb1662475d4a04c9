"""The gold set: what is measured in docs/extraction.md is asserted here as lower bounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from amalia.corpus import gold
from amalia.corpus.capture import Capture, Place
from amalia.corpus.clean import cleaned
from amalia.corpus.encoding import decoded
from amalia.corpus.page import Page, page

FOLDER = Path(__file__).parent / "gold_pages"


@dataclass(frozen=True)
class GoldPage:
    name: str
    html: str
    row: dict

    @property
    def neutral(self) -> list[str]:
        pictures = self.row["pictures"]
        said = [text for each in pictures for text in (each["alt"], each["caption"])]
        return [self.row["title"], *self.row["neutral"], *said]


def read() -> list[GoldPage]:
    found = []
    for file in sorted(FOLDER.glob("*.json")):
        row = json.loads(file.read_text(encoding="utf-8"))
        body = file.with_suffix(".html").read_bytes()
        place = Place("gold", file.stem, 0)
        capture = Capture(row["url"], None, "text/html", None, body, "", place)
        found.append(GoldPage(file.stem, decoded(capture), row))
    return found


@pytest.fixture(scope="module")
def pages() -> list[GoldPage]:
    return read()


@pytest.fixture(scope="module")
def ours(pages: list[GoldPage]) -> dict[str, Page]:
    return {each.name: page(each.html, each.row["url"]) for each in pages}


def mean(pages: list[GoldPage], text_of: Callable[[GoldPage], str]) -> gold.MeanScore:
    return gold.mean(
        [gold.score(text_of(each), each.row["paragraphs"], neutral=each.neutral) for each in pages]
    )


def test_the_gold_set_is_large_and_varied(pages):
    assert len(pages) >= 44
    assert sum(not each.row["paragraphs"] for each in pages) >= 4
    assert sum(len(each.row["paragraphs"]) for each in pages) > 200


def test_resiliparse_reaches_the_measured_figures(pages, ours):
    figures = mean(pages, lambda each: ours[each.name].text)
    assert figures.paragraph_precision >= 0.96
    assert figures.paragraph_recall >= 0.97
    assert figures.paragraph_f1 >= 0.96
    assert figures.word_f1 >= 0.99


def test_cleaning_improves_on_it(pages, ours):
    figures = mean(pages, lambda each: cleaned(ours[each.name].text).text)
    assert figures.paragraph_precision >= 0.975
    assert figures.paragraph_f1 >= 0.97
    assert figures.word_f1 >= 0.99


def test_trafilatura_is_the_lower_of_the_two(pages, ours):
    pytest.importorskip(
        "lxml_html_clean", reason="trafilatura cannot be imported without lxml_html_clean"
    )
    theirs = mean(pages, lambda each: page(each.html, each.row["url"], by="trafilatura").text)
    figures = mean(pages, lambda each: ours[each.name].text)
    assert theirs.paragraph_f1 >= 0.6
    assert theirs.word_f1 >= 0.87
    assert figures.paragraph_f1 >= theirs.paragraph_f1
    assert figures.word_f1 >= theirs.word_f1


def test_pages_without_main_text_give_none(pages, ours):
    empty = [each.name for each in pages if not each.row["paragraphs"]]
    assert {name: ours[name].text for name in empty} == dict.fromkeys(empty, "")


def test_pictures_reach_the_measured_figures(pages, ours):
    right = found = wanted = 0
    for each in pages:
        gold_urls = {picture["url"] for picture in each.row["pictures"]}
        urls = {picture.url for picture in ours[each.name].pictures}
        right, found, wanted = (
            right + len(gold_urls & urls),
            found + len(urls),
            wanted + len(gold_urls),
        )
    assert right / found >= 0.85
    assert right / wanted >= 0.85


def test_alternative_texts_and_captions_are_read(pages, ours):
    said = {
        picture["url"]: (picture["alt"], picture["caption"])
        for each in pages
        for picture in each.row["pictures"]
    }
    found = [picture for each in pages for picture in ours[each.name].pictures]
    found = [picture for picture in found if picture.url in said]
    assert all(picture.alt == said[picture.url][0] for picture in found)
    right = sum(picture.caption == said[picture.url][1] for picture in found)
    assert right / len(found) >= 0.8


def test_titles_hold_the_heading_or_the_site(pages, ours):
    with_heading = [each for each in pages if each.row["title"] in ours[each.name].title]
    assert len(with_heading) >= 0.9 * len(pages)


def test_every_page_is_decoded_without_damage(pages):
    assert [each.name for each in pages if "\ufffd" in each.html] == []
