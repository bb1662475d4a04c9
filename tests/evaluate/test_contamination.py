"""Test sets against training artifacts: what is found, as what, and what is counted."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import make
import PIL.Image
import pytest

from amalia.errors import ArtifactError, RecordError
from amalia.evaluate.contamination import (
    Contamination,
    ContaminationSettings,
    Hit,
    index,
    search,
    summarize,
)
from amalia.records import Image, Row, Sample
from amalia.store import read_rows

INSTRUCTION = "Responde apenas com a letra da opção correta."
QUESTIONS = (
    ("Em que reinado começou a construção do mosteiro dos Jerónimos, em Lisboa?", "D. Manuel I", "D. Dinis"),
    ("Que rio atravessa a cidade do Porto pouco antes de chegar ao Atlântico?", "Douro", "Mondego"),
    ("De que cereal se faz a broa que acompanha o caldo verde no Minho?", "milho", "centeio"),
    ("Que instrumento de doze cordas acompanha quase sempre uma fadista?", "guitarra portuguesa", "piano"),
    ("Quem escreveu o romance Memorial do Convento, publicado em 1982?", "José Saramago", "Lídia Jorge"),
)  # fmt: skip


def question(number: int) -> str:
    asked, right, wrong = QUESTIONS[number]
    return f"{asked}\nA. {wrong}\nB. {right}\n{INSTRUCTION}"


def exam() -> list[Row[Sample]]:
    """Make a test set of five questions with two options each, the second one right."""
    return [
        make.sample(("user", question(n)), task="exame", target="B", id=f"q{n}")
        for n in range(len(QUESTIONS))
    ]


def hits(samples: list[Row[Sample]], *rows: Row[Any], **settings: Any) -> list[Hit]:
    indexed = index(samples, settings=ContaminationSettings(**settings))
    return list(search(indexed, rows, source="treino"))


def kinds(found: list[Hit]) -> list[tuple[str, str]]:
    return sorted((hit.sample, hit.kind) for hit in found)


def report(samples: list[Row[Sample]], *rows: Row[Any], max_examples: int = 10) -> Contamination:
    indexed = index(samples)
    searched = search(indexed, rows, source="treino")
    return summarize(searched, indexed, sources=[searched], max_examples=max_examples)


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            make.conversation(("user", question(1)), ("assistant", "Não sei responder.")),
            ["text_exact"],
        ),
        (
            make.conversation(("user", question(1)), ("assistant", "A resposta certa é a B.")),
            ["question_and_answer", "text_exact"],
        ),
        (
            make.conversation(("user", QUESTIONS[1][0]), ("assistant", "É o Douro.")),
            ["question_and_answer", "text_exact"],
        ),
        (
            make.preference(("user", QUESTIONS[1][0]), chosen="O Tejo.", rejected="O Douro."),
            ["text_exact"],
        ),
        (
            make.preference(("user", QUESTIONS[1][0]), chosen="O Douro.", rejected="O Tejo."),
            ["question_and_answer", "text_exact"],
        ),
        (make.document(f"Exame de 2019. {QUESTIONS[1][0]} Fim."), ["text_exact"]),
        (
            make.document(f"Prova.\n1. {QUESTIONS[1][0].upper()}\nSolução: o Douro."),
            ["question_and_answer", "text_exact"],
        ),
        (
            make.document(f"1. {QUESTIONS[1][0]}\n(A) Mondego\n(B) Douro\n2. Outra pergunta."),
            ["text_exact"],
        ),
        (
            make.sample(("user", QUESTIONS[1][0]), target="Douro", task="outro"),
            ["question_and_answer", "text_exact"],
        ),
        (
            make.document("Que rio atravessa a cidade do Porto antes de chegar ao mar Atlantico?"),
            ["text_near"],
        ),
        (
            make.document("que rio atravessa a cidade do porto pouco antes de chegar ao atlantico"),
            ["text_near"],
        ),
        (make.document("O rio Douro atravessa a cidade do Porto e chega ao mar."), []),
        (make.conversation(("user", INSTRUCTION), ("assistant", "B")), []),
    ],
)  # fmt: skip
def test_a_question_is_found_in_records_of_every_kind(row: Row[Any], expected: list[str]) -> None:
    assert kinds(hits(exam(), row)) == [("q1", kind) for kind in expected]


def test_a_hit_shows_both_sides() -> None:
    text = f"Antes disto. {QUESTIONS[2][0]} De milho, quase sempre."
    found = hits(exam(), make.document(text, id="d7"))
    near = next(hit for hit in found if hit.kind == "text_exact")
    assert (near.task, near.source, near.record, near.similarity) == ("exame", "treino", "d7", 1.0)
    assert near.shown_test == near.shown_train == QUESTIONS[2][0].rstrip("?")
    both = next(hit for hit in found if hit.kind == "question_and_answer")
    assert both.shown_test == near.shown_test + " … B"
    assert both.shown_train.endswith("… ? De milho, quase sempre.")


def test_a_question_is_found_in_a_long_document_only_where_it_stands_together() -> None:
    words = QUESTIONS[4][0].split()
    padding = " palavras soltas" * 60 + " "
    apart = padding.join(" ".join(words[n : n + 3]) for n in range(len(words)))
    assert hits(exam(), make.document(apart)) == []
    (found,) = hits(exam(), make.document(padding + QUESTIONS[4][0] + padding))
    assert found.kind == "text_exact"


def test_a_question_that_many_samples_share_is_no_evidence() -> None:
    pictures = [make.picture(40, 30, noise=n) for n in range(6)]
    asked = "O que se vê com clareza nesta imagem que acabei de te mostrar agora?"
    samples = [make.sample(("user", data, asked), id=f"s{n}") for n, data in enumerate(pictures)]
    row = make.conversation(("user", asked), ("assistant", "Um gato."))
    assert hits(samples, row) == []
    summary = report(samples, row).tasks["naming"]
    assert (summary.num_by_text, summary.num_by_picture_only) == (0, 6)


def test_a_short_question_without_a_picture_is_found_as_a_turn() -> None:
    samples = [make.sample(("user", "Quem pintou o Fado?"), id="s1", target="José Malhoa")]
    turn = make.conversation(("user", "Quem pintou o Fado?"), ("assistant", "Foi José Malhoa."))
    assert kinds(hits(samples, turn)) == [("s1", "question_and_answer"), ("s1", "text_exact")]
    inside = make.document("Ninguém sabia quem pintou o fado daquela parede da casa.")
    assert hits(samples, inside) == []


def test_a_long_answer_is_looked_for_where_the_question_says_nothing() -> None:
    caption = "Três crianças descalças empurram um carrinho cheio de melancias pela areia."
    samples = [
        make.sample(("user", make.picture(noise=1), "Descreve isto."), id="s1", target=caption)
    ]
    (found,) = hits(samples, make.document("Legenda: " + caption))
    assert (found.kind, found.shown_test) == ("text_exact", caption.rstrip("."))


def test_a_record_gives_one_hit_by_words_for_a_sample() -> None:
    row = make.document(f"{question(0)}\n\n{question(0)}\n\n{QUESTIONS[0][0]}")
    assert [hit.kind for hit in hits(exam(), row)] == ["text_exact"]


def test_stricter_settings_find_less() -> None:
    row = make.document("Que rio atravessa a cidade do Porto antes de chegar ao mar Atlântico?")
    assert len(hits(exam(), row)) == 1
    assert hits(exam(), row, min_share=0.9) == []
    assert hits(exam(), make.document(QUESTIONS[1][0]), min_words=30, min_rare_words=30) == []


# --- pictures -------------------------------------------------------------------------------------


def shown(data: bytes, id: str = "s1") -> Row[Sample]:
    return make.sample(("user", data, "O que é?"), id=id)


def drawing() -> bytes:
    """Draw a cross of four colors."""
    image = PIL.Image.new("RGB", (120, 90), "white")
    image.paste("red", (10, 40, 110, 52))
    image.paste("navy", (60, 5, 70, 85))
    image.paste("green", (80, 60, 115, 86))
    image.paste("orange", (5, 5, 30, 20))
    return saved(image)


def saved(image: PIL.Image.Image, format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def opened(data: bytes) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(data)).convert("RGB")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (drawing(), ["picture_exact"]),
        (saved(opened(drawing()), "BMP"), ["picture_exact"]),
        (saved(opened(drawing()), "JPEG", quality=50), ["picture_near"]),
        (saved(opened(drawing()).resize((60, 45))), ["picture_near"]),
        (saved(opened(drawing()).crop((4, 3, 116, 87))), ["picture_near"]),
        (saved(opened(drawing()).rotate(180)), []),
        (make.picture(120, 90, noise=3), []),
    ],
)
def test_a_picture_is_found_however_it_was_saved(data: bytes, expected: list[str]) -> None:
    row = make.conversation(("user", data, "Olha!"), ("assistant", "Uma cruz."), id="c9")
    found = hits([shown(drawing())], row)
    assert [hit.kind for hit in found] == expected
    for hit in found:
        assert hit.record == "c9"
        assert hit.shown_test == hashlib.sha256(drawing()).hexdigest()
        assert hit.shown_train == hashlib.sha256(data).hexdigest()
        assert 0.95 <= hit.similarity <= 1


def test_every_sample_of_a_picture_is_found() -> None:
    samples = [shown(drawing(), "s1"), shown(drawing(), "s2"), shown(make.picture(noise=9), "s3")]
    row = make.conversation(("user", drawing(), drawing()), ("assistant", "Uma cruz."))
    assert kinds(hits(samples, row)) == [("s1", "picture_exact"), ("s2", "picture_exact")]


def test_pictures_without_detail_are_counted_on_both_sides() -> None:
    flat = make.picture(40, 30, "navy")
    row = make.conversation(("user", flat, "Que cor é?"), ("assistant", "Azul."))
    summary = report([shown(flat, "s1"), shown(drawing(), "s2")], row)
    task = summary.tasks["naming"]
    assert (task.num_found, task.num_pictures_flat, task.num_not_looked_for) == (0, 1, 1)
    assert summary.sources[0].left_out == {"picture_flat": 1}


def test_what_cannot_be_read_is_counted() -> None:
    broken = make.broken(make.conversation(("user", drawing(), "O que é?")))
    missing = Row(make.conversation(("user", drawing(), "O que é?"), id="c2").record, {})
    summary = report([shown(drawing())], broken, missing)
    assert summary.sources[0].left_out == {"image_unreadable": 1, "picture_missing": 1}
    # The digest of a picture that is not there still tells which one it is.
    assert summary.tasks["naming"].num_found_by_kind == {"picture_exact": 1}
    found = hits([Row(shown(drawing()).record, {})], make.conversation(("user", drawing(), "É?")))
    assert [hit.kind for hit in found] == ["picture_exact"]


def test_a_picture_of_the_test_set_that_cannot_be_read_is_counted() -> None:
    summary = report([Row(shown(drawing()).record, {})], make.document())
    task = summary.tasks["naming"]
    assert (task.num_pictures_unreadable, task.num_by_picture_only) == (1, 1)


# --- streams and reports --------------------------------------------------------------------------


def test_a_record_that_cannot_be_read_is_counted_and_ends_a_generator() -> None:
    def rows() -> Iterator[Row[Any]]:
        yield make.document(QUESTIONS[0][0])
        raise RecordError("record d2 is not valid", reason="invalid_record")

    indexed = index(exam())
    searched = search(indexed, rows(), source="treino")
    assert [hit.sample for hit in searched] == ["q0"]
    assert searched.searched.left_out == {"invalid_record": 1}
    assert not searched.searched.is_whole
    assert searched.searched.num_records == 1


def test_a_reader_that_goes_on_is_read_to_the_end() -> None:
    class Rows:
        def __init__(self) -> None:
            self.left = [make.document(QUESTIONS[0][0]), None, make.document(QUESTIONS[1][0])]

        def __iter__(self) -> "Rows":
            return self

        def __next__(self) -> Row[Any]:
            if not self.left:
                raise StopIteration
            row = self.left.pop(0)
            if row is None:
                raise RecordError("record d2 is not valid", reason="invalid_record")
            return row

    searched = search(index(exam()), Rows(), source="treino")
    assert [hit.sample for hit in searched] == ["q0", "q1"]
    assert searched.searched.is_whole


def test_a_missing_artifact_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="missing"):
        list(search(index(exam()), read_rows(tmp_path / "missing"), source="treino"))


def test_rows_are_taken_as_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amalia.evaluate.contamination.BATCH_CHARS", 100)
    taken = []

    def rows() -> Iterator[Row[Any]]:
        for number, (text, *_) in enumerate(QUESTIONS):
            taken.append(number)
            yield make.document(f"{text} " * 2, id=f"d{number}")

    found = search(index(exam()), rows(), source="treino")
    assert next(found).record == "d0"
    assert taken == [0]
    assert [hit.record for hit in found] == ["d1", "d2", "d3", "d4"]


def test_a_report_of_two_artifacts_is_read_from_disk(tmp_path: Path) -> None:
    data = drawing()
    samples = [*exam(), shown(data), shown(make.picture(40, 30, noise=2), "s2")]
    test = make.write_artifact(tmp_path / "test", "samples", samples)
    documents = [
        make.document(f"{QUESTIONS[0][0]} No de D. Manuel I.", id="d1"),
        make.document(QUESTIONS[1][0].replace("pouco antes", "mesmo antes"), id="d2"),
        make.document(make.TEXTS[0], id="d3"),
    ]
    pages = make.write_artifact(tmp_path / "pages", "documents", documents)
    talks = make.write_artifact(
        tmp_path / "talks",
        "conversations",
        [make.conversation(("user", data, "O que é isto?"), ("assistant", "Uma cruz."), id="c1")],
    )
    indexed = index(read_rows(test))
    sources = [search(indexed, read_rows(folder), source=folder.name) for folder in (pages, talks)]
    summary = summarize((hit for one in sources for hit in one), indexed, sources=sources)
    asked, named = summary.tasks["exame"], summary.tasks["naming"]
    assert (asked.num_samples, asked.num_found, asked.share) == (5, 2, 0.4)
    assert asked.num_found_by_kind == {"question_and_answer": 1, "text_exact": 1, "text_near": 1}
    assert (asked.num_by_text, asked.num_by_picture_only, asked.num_not_looked_for) == (5, 0, 0)
    assert [(hit.sample, hit.kind) for hit in asked.examples] == [
        ("q0", "question_and_answer"),
        ("q1", "text_near"),
    ]
    assert (named.num_found, named.share, named.num_found_by_kind) == (1, 0.5, {"picture_exact": 1})
    assert [(one.source, one.num_records, one.num_pictures, one.is_whole) for one in summary.sources] == [
        ("pages", 3, 0, True),
        ("talks", 1, 1, True),
    ]  # fmt: skip
    assert summary.sources[0].text_bytes == sum(len(row.record.text.encode()) for row in documents)
    assert Contamination.model_validate_json(summary.model_dump_json()) == summary


def test_examples_are_the_surest_and_do_not_depend_on_the_order() -> None:
    rows = [make.document(QUESTIONS[n][0], id=f"d{n}") for n in (3, 0, 2)]
    rows.append(make.document(QUESTIONS[4][0] + " José Saramago.", id="d4"))
    there, back = report(exam(), *rows, max_examples=2), report(exam(), *rows[::-1], max_examples=2)
    assert [hit.sample for hit in there.tasks["exame"].examples] == ["q4", "q0"]
    assert there.tasks == back.tasks
    assert there.tasks["exame"].num_found == 4


def test_an_empty_test_set_finds_nothing() -> None:
    summary = report([], make.document())
    assert summary.tasks == {}
    assert summary.sources[0].num_records == 1
    image = Image(sha256="0" * 64, width_px=4, height_px=4)
    assert image.sha256 not in index([]).pictures
