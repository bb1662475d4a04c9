"""A corpus from archives to documents: the same whoever makes it and however often it was stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import make
import make_archives as archives
import pytest
import torch
from make_corpus import html, prose, recipe, record
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast
from typer.testing import CliRunner

from amalia.cli.app import app
from amalia.corpus.classifier import Classifier
from amalia.corpus.private_data import Seal, new_key
from amalia.errors import ArtifactError
from amalia.pipeline import corpus, corpus_files
from amalia.pipeline.phases import Phase
from amalia.records import Document
from amalia.store import check, read_rows

BRAZILIAN = (
    "Você pegou o ônibus no ponto e desceu do trem na esquina, e ela está fazendo o café da manhã enquanto a gente usa "
    "o celular."
)
MORE_BRAZILIAN = (
    "O time perdeu, mas a torcida está comemorando: o goleiro da equipe pegou a bola e saiu dirigindo um caminhão pela "
    "grama."
)
QUESTION = "Quantos azulejos azuis tem a fachada virada a nascente da estação velha?"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two archives with everything in them that a corpus has to do with."""
    folder = tmp_path_factory.mktemp("archives")
    plain = [record(f"a{number}", prose(number)) for number in range(12)]
    contact = (
        "O contribuinte 241592062 escreveu para ana@exemplo.pt a pedir uma segunda via da fatura."
    )
    private = [*prose(40)[:2], contact, *prose(40)[2:]]
    archives.write(
        folder / "a.warc.gz",
        archives.members(
            *plain,
            record("brasil", [BRAZILIAN, MORE_BRAZILIAN]),
            record("curto", ["Olá."]),
            record("ingles", ["This page is written in English and says nothing in any other language."]),
            record("privado", private),
            archives.warc(archives.http(b"nada", status="404 Not Found"), url="http://jornal.example.pt/falta"),
        ),
    )  # fmt: skip
    near = [
        f"{paragraph} Ou assim se diz." if at == 2 else paragraph
        for at, paragraph in enumerate(prose(3))
    ]
    archives.write(
        folder / "b.warc.gz",
        archives.members(
            record("copia", prose(2)),
            record("quase", near),
            *(record(f"b{number}", prose(number)) for number in range(20, 26)),
            record("pergunta", [*prose(50), QUESTION]),
        ),
    )  # fmt: skip
    return folder


def documents(out: Path, variety: str = "pt-PT") -> dict[str, Document]:
    found = (row.record for row in read_rows(out / variety, kind="documents"))
    return {
        str(document.url).removeprefix("http://jornal.example.pt/"): document for document in found
    }


def bytes_of(out: Path) -> dict[str, bytes]:
    """Everything that was made but who made it and when."""
    paths = (path for path in out.rglob("*") if path.is_file() and "logs" not in path.parts)
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in paths
        if path.name != "manifest.json"
    }


@pytest.fixture(scope="module")
def made(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, corpus.Corpus]:
    out = tmp_path_factory.mktemp("corpus") / "out"
    found = corpus.build(recipe(sources), out)
    assert found is not None
    return out, found


def test_what_stays_and_what_does_not(made: tuple[Path, corpus.Corpus]) -> None:
    out, found = made
    kept = documents(out)
    assert {f"a{number}" for number in range(12)} <= set(kept)
    assert {"copia", "quase", "brasil", "curto", "ingles", "falta"}.isdisjoint(kept)
    assert kept["a2"].cluster_size == kept["a3"].cluster_size == 2
    reasons = {name: Counter(dropped) for name, dropped in found.funnel.dropped.items()}
    assert reasons["read"]["language_eng"] == reasons["read"]["http_status"] == 1
    assert reasons["write"] == {"duplicate_exact": 1, "duplicate_near": 1}
    # Every capture is a document or has a reason.
    assert found.funnel.captures == found.funnel.kept + sum(map(Counter.total, reasons.values()))
    assert not check(out / "pt-PT")


def test_a_document_tells_where_it_comes_from(made: tuple[Path, corpus.Corpus]) -> None:
    document = documents(made[0])["b20"]
    assert document.capture is not None
    assert (document.capture.collection, document.capture.archive) == ("dois", "b.warc.gz")
    assert document.captured_at is not None
    assert document.origin.license == "MIT"
    assert document.origin.steps[0] == "decode@1"
    assert document.text.split("\n")[0].startswith(prose(20)[0][:30])
    assert document.scores["num_words"] > 100
    assert 0 <= document.scores["quality"] <= 1
    assert document.scores["num_tokens"] > 100


def test_personal_data_is_not_in_it(made: tuple[Path, corpus.Corpus]) -> None:
    document = documents(made[0])["privado"]
    assert (
        "O contribuinte [NIF removido] escreveu para [CORREIO ELETRÓNICO removido] a"
        in document.text
    )
    assert (document.scores["num_nif"], document.scores["num_email"]) == (1, 1)
    assert b"241592062" not in b"".join(bytes_of(made[0]).values())


def test_varieties_are_kept_apart(made: tuple[Path, corpus.Corpus]) -> None:
    languages = {
        name: {row.record.language for row in read_rows(made[0] / name)}
        for name in ("pt-PT", "pt-BR", "pt")
        if (made[0] / name).is_dir()
    }
    assert all(found == {name} for name, found in languages.items())
    assert "pt-PT" in languages


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_change_nothing(
    sources: Path, made: tuple[Path, corpus.Corpus], tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "out"
    corpus.build(recipe(sources, run={"workers": workers}), out)
    assert bytes_of(out) == bytes_of(made[0])


_KILLED = """
import sys
from pathlib import Path
from amalia.pipeline import corpus
from make_corpus import recipe
corpus.build(recipe(Path(sys.argv[1]), run={"workers": 2}), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("after_s", [0.4, 1.5, 2.2])
def test_killed_at_any_moment_it_goes_on_to_the_same(
    sources: Path, made: tuple[Path, corpus.Corpus], tmp_path: Path, after_s: float
) -> None:
    out = tmp_path / "out"
    here = Path(__file__).parent
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(sources), str(out)],
        env={**os.environ, "PYTHONPATH": f"{here}:{here.parent}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(after_s)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    corpus.build(recipe(sources), out)
    assert {name: data for name, data in bytes_of(out).items() if ".tmp" not in name} == bytes_of(
        made[0]
    )


def test_what_kills_processes_twice_is_left_out(sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    planned = corpus.plan(recipe(sources), out)
    folder = planned.reading.folder
    folder.mkdir(parents=True)
    # As two processes leave it that died with the capture number 3 of the first archive in hand.
    (folder / "000000.hand").write_bytes((3).to_bytes(8, "little") + b'{"3": 1}')
    corpus.build(recipe(sources), out)
    assert corpus_files.told(folder, 0)["dropped"]["error:Crash"] == 1
    assert "a3" not in documents(out)
    assert not list(folder.glob("*.hand"))


def test_another_threshold_reads_nothing_again(
    sources: Path, made: tuple[Path, corpus.Corpus]
) -> None:
    longer = recipe(sources, thresholds={"min_words": 10_000})
    planned = corpus.plan(longer, made[0])
    done = {phase.name: _num_done(phase) for phase in planned.phases}
    assert (done["read"], done["judge"]) == (2, 0)
    with pytest.raises(ArtifactError, match="min_words"):
        # All that is there is of another recipe, and stays.
        corpus.build(recipe(sources, thresholds={"min_words": 16}), made[0])


def _num_done(phase: Phase) -> int:
    return sum(phase.work.is_done(task) for task in range(phase.num_tasks))


def test_a_question_of_an_evaluation_is_left_out(sources: Path, tmp_path: Path) -> None:
    rows = [make.sample(("user", QUESTION), target="doze", id="s1")]
    make.write_artifact(tmp_path / "provas", "samples", rows)
    out = tmp_path / "out"
    found = corpus.build(recipe(sources, decontaminate=["provas"]), out)
    assert found is not None
    assert found.funnel.dropped["write"]["contaminated"] == 1
    assert "pergunta" not in documents(out)
    (shown,) = (
        one
        for one in map(
            json.loads, (out / "pt-PT" / "dropped.jsonl").read_text("utf-8").splitlines()
        )
        if one["reason"] == "contaminated"
    )
    assert "azulejos azuis" in shown["detail"]


def test_sealed_values_come_back_with_the_key(sources: Path, tmp_path: Path) -> None:
    new_key(tmp_path / "chave")
    out = tmp_path / "out"
    private = {"private": {"key_file": str(tmp_path / "chave")}}
    corpus.build(recipe(sources, documents=private), out)
    (line,) = (
        json.loads(line)
        for path in (out / "work").rglob("sealed.jsonl")
        for line in path.read_text("utf-8").splitlines()
    )
    assert line["id"] == documents(out)["privado"].id
    values = Seal.load(tmp_path / "chave").opened(line["id"], line["sealed"])
    assert values == (("nif", "241592062"), ("email", "ana@exemplo.pt"))


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "vazia").mkdir()
    wrong = recipe(
        tmp_path,
        sources={"um": {"kind": "archives", "path": str(tmp_path / "vazia"), "license": "MIT"}},
    )
    with pytest.raises(ArtifactError, match="the source um has nothing to read"):
        corpus.plan(wrong, tmp_path / "out")


def test_the_commands(sources: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "corpus.yaml", tmp_path / "out"
    tree = recipe(sources).model_dump(mode="json", include={"kind", "name", "sources"})
    file.write_text(json.dumps(tree), "utf-8")
    run = CliRunner().invoke
    dry = run(app, ["data", str(file), "--out", str(out), "--dry-run"])
    assert "read: 2 tasks, 0 done" in dry.output
    assert "GB wanted" in dry.output
    slurm = ["run.executor=slurm", "run.slurm.partition=gpp"]
    assert (
        "#SBATCH --partition=gpp"
        in run(app, ["data", str(file), *slurm, "--out", str(out), "--dry-run"]).output
    )
    told = run(app, ["data", str(file), "run.workers=1", "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert "duplicate_near 1" in told.output
    page = (out / "report.html").read_text("utf-8")
    assert "language_eng" in page
    assert "jornal.example.pt" in page
    nothing = run(app, ["data", str(file), "min_scores.quality=2", "--out", str(tmp_path / "nada")])
    assert nothing.exit_code == 1
    assert "no document stayed" in nothing.output
    shown = run(app, ["data", "look", str(out), "--reason", "language"])
    assert "language_eng" in shown.output
    assert "pt-PT: num_words" in shown.output
    assert "is no corpus" in str(run(app, ["data", "look", str(tmp_path)]).exception)
    assert run(app, ["data", "new-key", str(tmp_path / "chave")]).exit_code == 0


def test_what_is_hostile_costs_itself_alone(sources: Path, tmp_path: Path) -> None:
    deep = b"<html><body>" + b"<div>" * 100_000 + "Olá, mundo.".encode() + b"</body></html>"
    good = [record(f"a{number}", prose(number)) for number in range(4)]
    hostile = [
        archives.bomb(archives.warc(archives.http(b""))[:-4], 200),
        *(
            archives.members(archives.warc(archives.http(body), url=f"http://mau.example.pt/{name}"))
            for name, body in (
                ("fundo", deep),
                ("nulos", b"\0" * 100_000),
                ("bytes", bytes(range(256)) * 2000),
                ("aberto", b"<table><tr><td>" * 30_000),
            )
        ),
        archives.members(archives.warc(archives.http(html(prose(9))), url=b"http://mau.example.pt/\xff\xfe")),
        archives.flipped(archives.members(record("partido", prose(10)))),
    ]  # fmt: skip
    parts = [
        part
        for one, bad in zip([*good, *good[:3]], hostile, strict=True)
        for part in (archives.members(one), bad)
    ]
    (tmp_path / "maus").mkdir()
    archives.write(
        tmp_path / "maus" / "a.warc.gz", *parts, archives.members(record("fim", prose(11)))
    )
    source = {"kind": "archives", "path": str(tmp_path / "maus"), "license": "MIT"}
    out = tmp_path / "out"
    began = time.monotonic()
    found = corpus.build(recipe(sources, sources={"maus": source}), out)
    assert time.monotonic() - began < 60
    assert found is not None
    assert {"a0", "a1", "a2", "a3", "fim"} <= set(documents(out))
    reasons = found.funnel.dropped["read"]
    assert reasons["html_too_deep"] == 2  # the one that never closes its tables too
    assert sum(reasons.values()) >= 5


def test_folders_of_files_are_read_in_tasks(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ficheiros"
    (folder / "b").mkdir(parents=True)
    for number in range(5):
        (folder / "b" / f"{number}.html").write_bytes(html(prose(number)))
    (folder / "a.txt").write_text("\n".join(prose(7)), "utf-8")
    (folder / "c.exe").write_bytes(b"MZ")
    monkeypatch.setattr(corpus, "_FILES_A_TASK", 3)
    source = {"kind": "files", "path": str(folder), "license": "CC0-1.0"}
    made = recipe(sources, sources={"meus": source})
    assert corpus.plan(made, tmp_path / "out").num_units == 3
    found = corpus.build(made, tmp_path / "out")
    assert found is not None
    assert found.funnel.dropped["read"] == {"media_type": 1}
    kept = {row.record.url: row.record for row in read_rows(tmp_path / "out" / "pt-PT")}
    assert set(kept) == {"file:a.txt", *(f"file:b/{number}.html" for number in range(5))}
    assert kept["file:a.txt"].text == "\n".join(prose(7))


def test_a_classifier_scores_documents_and_a_least_score_keeps_some_out(
    sources: Path, tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(tiny_tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=64, num_labels=1, initializer_range=1.0,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(tmp_path / "edu")
    tiny_tokenizer.save_pretrained(tmp_path / "edu")
    documents_of = {"classifiers": {"edu": {"folder": str(tmp_path / "edu")}}}
    corpus.build(recipe(sources, documents=documents_of), tmp_path / "out")
    kept = documents(tmp_path / "out")
    found = {name: document.scores["classifier_edu"] for name, document in kept.items()}
    assert len(set(found.values())) > 5
    wanted = Classifier.load(str(tmp_path / "edu")).scores([kept["a5"].text])
    assert found["a5"] == pytest.approx(wanted[0], abs=1e-4)
    least = sorted(found.values())[len(found) // 2]
    more = recipe(sources, documents=documents_of, min_scores={"classifier_edu": least})
    made = corpus.build(more, tmp_path / "less")
    assert made is not None
    assert made.funnel.dropped["judge"]["low_classifier_edu"] > 0
    assert set(documents(tmp_path / "less")) == {
        name for name, score in found.items() if score >= least
    }
