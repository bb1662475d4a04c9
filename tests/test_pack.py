"""The packaged data: complete, readable, licensed, and what a Portuguese reader expects."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image, ImageFont

from amalia import pack
from amalia.errors import ArtifactError

BY_NAME = {thing.name: thing for thing in pack.things() if thing.everyday}


def test_manifest_describes_the_files() -> None:
    manifest = json.loads((pack.path() / "manifest.json").read_text("utf-8"))
    rows = {"things": pack.things(), "paragraphs": pack.paragraphs(), "fonts": pack.fonts()}
    for name, read in rows.items():
        output = manifest["outputs"][f"{name}.parquet"]
        data = (pack.path() / f"{name}.parquet").read_bytes()
        assert output["sha256"] == hashlib.sha256(data).hexdigest()
        assert (output["bytes"], output["rows"]) == (len(data), len(read))
    for source in manifest["sources"]:
        assert re.fullmatch("[0-9a-f]{64}", source["sha256"])
        for license_id in source["license"].split(" AND "):
            assert (pack.path() / "LICENSES" / f"{license_id}.txt").stat().st_size > 1000


def test_pack_fits_in_a_wheel() -> None:
    files = [file for file in pack.path().rglob("*") if "__pycache__" not in file.parts]
    assert sum(file.stat().st_size for file in files if file.is_file()) < 15_000_000


def test_things_are_many_and_distinct() -> None:
    things = pack.things()
    assert len(things) >= 1000
    assert len({thing.id for thing in things}) == len(things)
    assert 400 <= len(BY_NAME) <= 600
    assert len(BY_NAME) == sum(thing.everyday for thing in things)


def test_every_drawing_is_64_px_webp_with_alpha() -> None:
    for thing in pack.things():
        for data in (thing.noto, thing.fluent):
            with Image.open(io.BytesIO(data)) as picture:
                assert (picture.format, picture.size, picture.mode) == ("WEBP", (64, 64), "RGBA")


def test_a_bus_is_an_autocarro() -> None:
    bus = BY_NAME["autocarro"]
    assert (bus.id, bus.char, bus.name_pt_br) == ("1F68C", "🚌", "ônibus")
    assert (bus.gender, bus.plural, bus.is_plural) == ("m", "autocarros", False)


@pytest.mark.parametrize(
    ("name", "gender", "plural", "is_plural"),
    [
        ("pão", "m", "pães", False),
        ("cão", "m", "cães", False),
        ("mão", "f", "mãos", False),
        ("limão", "m", "limões", False),
        ("ananás", "m", "ananases", False),
        ("lápis", "m", "lápis", False),
        ("arco-íris", "m", "arco-íris", False),
        ("caracol", "m", "caracóis", False),
        ("colher", "f", "colheres", False),
        ("mapa", "m", "mapas", False),
        ("telemóvel", "m", "telemóveis", False),
        ("cachorro-quente", "m", "cachorros-quentes", False),
        ("guarda-chuva", "m", "guarda-chuvas", False),
        ("óculos", "m", "óculos", True),
        ("uvas", "f", "uvas", True),
    ],
)
def test_gender_and_plural(name: str, gender: str, plural: str, is_plural: bool) -> None:
    thing = BY_NAME[name]
    assert (thing.gender, thing.plural, thing.is_plural) == (gender, plural, is_plural)


def test_everyday_things_have_gender_and_plural_and_others_have_not() -> None:
    for thing in pack.things():
        assert (thing.gender in ("m", "f")) == thing.everyday
        assert (thing.plural is not None) == thing.everyday
        if thing.is_plural:
            assert thing.plural == thing.name
        assert thing.name_pt_br != thing.name
        assert thing.name not in thing.keywords


def test_plurals_follow_the_ending_or_are_known_exceptions() -> None:
    endings = [("ões", "ão"), ("ães", "ão"), ("ns", "m"), ("is", "l"), ("es", "rszn")]
    for thing in BY_NAME.values():
        assert thing.plural is not None
        if thing.is_plural or thing.plural == thing.name:
            assert thing.name.endswith("s") or " " in thing.name
            continue
        changed = [
            (single, plural)
            for single, plural in zip(
                re.split("[ -]", thing.name), re.split("[ -]", thing.plural), strict=True
            )
            if single != plural
        ]
        assert changed, thing.name
        for single, plural in changed:
            regular = plural == single + "s" and single[-1] not in "lmz"
            assert regular or any(
                plural.endswith(ending)
                and single.endswith(tuple(finals) if ending == "es" else finals)
                for ending, finals in endings
            ), (single, plural)


def test_no_brazilian_word_names_a_thing() -> None:
    brazilian = {"ônibus", "trem", "abacaxi", "geladeira", "celular", "café da manhã", "xícara"}
    assert not brazilian & {thing.name for thing in pack.things()}


def test_paragraphs_are_translated_and_distinct() -> None:
    paragraphs = pack.paragraphs()
    assert len(paragraphs) > 10_000
    assert len({paragraph.id for paragraph in paragraphs}) == len(paragraphs)
    assert len({paragraph.pt_pt for paragraph in paragraphs}) == len(paragraphs)
    for paragraph in paragraphs:
        assert paragraph.en not in (paragraph.pt_pt, paragraph.pt_br)
        assert "você" not in paragraph.pt_pt.lower().split()
        for text in (paragraph.pt_pt, paragraph.pt_br, paragraph.en):
            assert text == " ".join(text.split())
            assert not re.search("<(p|span|a|emph|div) ", text)


def test_a_known_paragraph() -> None:
    found = {paragraph.id: paragraph for paragraph in pack.paragraphs()}
    captions = found["swriter/guide/captions#par_id3153172"]
    assert (captions.kind, captions.page) == ("p", "swriter/guide/captions")
    assert (
        captions.pt_pt
        == "É possível editar o texto e os intervalos de números para diferentes tipos de legendas."
    )
    assert captions.en == (
        "You can edit the text and the number ranges for different types of captions."
    )


def test_fonts_draw_portuguese() -> None:
    fonts = pack.fonts()
    styles = [font.style for font in fonts]
    assert styles.count("printed") >= 6
    assert styles.count("handwriting") >= 6
    for font in fonts:
        face = ImageFont.truetype(io.BytesIO(font.data), 32)
        blank = bytes(face.getmask("\uffff"))
        for letter in "áàâãéêíóôõúçÁÀÂÃÉÊÍÓÔÕÚÇ«»€0123456789":
            drawn = bytes(face.getmask(letter))
            assert any(drawn), (font.name, letter)
            assert drawn != blank, (font.name, letter)


def test_a_missing_file_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "path", lambda: tmp_path)
    pack.fonts.cache_clear()
    with pytest.raises(ArtifactError, match=r"fonts\.parquet.*reinstall amalia"):
        pack.fonts()
