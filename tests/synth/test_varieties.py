"""Names and paragraphs that truly differ between Portugal and Brazil."""

from __future__ import annotations

import pytest

from amalia.pack import Paragraph
from amalia.synth.splits import SPLITS, split_of
from amalia.synth.varieties import Shibboleths, Varieties, names_by_variety, twins_of, variety_split

FERRY = {"everyday": False, "gender": None, "plural": None}


@pytest.mark.parametrize(
    ("ours", "theirs", "keywords", "truly"),
    [
        ("ferry", "balsa", (), True),
        ("avião a levantar", "avião decolando", (), True),
        ("bandeira: Polónia", "bandeira: Polônia", (), True),
        ("baleia com água", "baleia", (), False),
        ("mota de água", "jet ski", ("jet ski",), False),
        ("cara a chorar", "rosto chorando", (), False),
        ("doze horas", "12 horas", (), False),
        ("botão", None, (), False),
    ],
)
def test_names(ours, theirs, keywords, truly, make_thing) -> None:
    thing = make_thing(ours, name_pt_br=theirs, keywords=keywords, **FERRY)
    names = names_by_variety(thing)
    if truly:
        assert names == (ours.removeprefix("bandeira: "), theirs.removeprefix("bandeira: "))
    else:
        assert names is None


def test_everyday_names_count_as_given(make_thing) -> None:
    thing = make_thing("ananás", name_pt_br="abacaxi", keywords=("abacaxi",))
    assert names_by_variety(thing) == ("ananás", "abacaxi")


def test_pairs_that_share_the_brazilian_word_share_the_split() -> None:
    pairs = [("homem a escalar", "homem escalando"), ("mulher a escalar", "mulher escalando")]
    assert {variety_split(pair) for pair in pairs} == {split_of("name:escalando")}


def paragraph(pt_pt: str, pt_br: str, kind: str = "p") -> Paragraph:
    english = "Save the file on the next screen."
    return Paragraph("id", "page", kind, pt_pt, pt_br, english)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ours", "theirs", "kept"),
    [
        ("Guarde o ficheiro no seu computador.", "Salve o arquivo no seu computador.", True),
        ("Clique em OK para guardar isto.", "Clique em OK, para guardar isto.", False),
        ("Guarde o ficheiro.", "Salve o arquivo.", False),
        ("=SOMA(A1) devolve o valor da célula.", "=SOMA(A1) retorna o valor da célula.", False),
        ("Guarde o ficheiro no disco.", "Salve o arquivo no disco, e feche-o depois.", False),
    ],
)
def test_twins_are_prose_that_differs(ours, theirs, kept) -> None:
    one = paragraph(ours, theirs)
    assert twins_of([one], split_of("paragraph:page")) == ([one] if kept else [])


def test_splits_share_no_page_and_no_name(twin_things, paragraphs) -> None:
    made = [Varieties.of(twin_things, paragraphs, split) for split in SPLITS]
    pages = [{twin.page for twin in varieties.twins} for varieties in made]
    names = [{pair for _, pair in varieties.names} for varieties in made]
    for found in (pages, names):
        assert all(found)
        assert sum(len(part) for part in found) == len(set.union(*found))
    assert sum(len(part) for part in pages) == 40


def test_titles_are_portuguese(twin_things, paragraphs) -> None:
    varieties = Varieties.of(twin_things, paragraphs, "train")
    assert varieties.titles["page/7"] == "Guardar o ficheiro 7"


def test_only_paragraphs_with_a_telling_word_on_both_sides_count(paragraphs) -> None:
    told_by = Shibboleths.of(twins_of(paragraphs, "train"))
    assert told_by.ours == {"guardar", "ficheiro", "no", "ecrã"}
    assert told_by.theirs == {"salvar", "arquivo", "na", "tela"}
    for ours, theirs, told in [
        ("Vê-se no ecrã o que escreve.", "Vê-se na tela o que escreve.", True),
        ("Vê-se no ecrã o que escreve.", "Vê-se no monitor o que escreve.", False),
        ("Vê-se ali o que escreve.", "Vê-se na tela o que escreve.", False),
        ("Ver a imagem no ecrã.", "Ver a figura no ecrã.", False),
    ]:
        assert told_by.tell_apart(paragraph(ours, theirs)) is told
