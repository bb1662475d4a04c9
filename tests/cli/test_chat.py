"""``amalia chat`` in one shot and as a session, with a scripted model and with a tiny real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from PIL import Image as PillowImage
from typer.testing import CliRunner

from amalia.cli import chat as module
from amalia.cli.chat import Session, chat
from amalia.errors import GenerationError, RecordError
from amalia.inference import Generate, Sampling, Scripted
from amalia.records import Conversation, Row


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(chat)
    return app


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "vermelho.png"
    PillowImage.new("RGB", (40, 20), "red").save(path)
    return path


def answering(monkeypatch: pytest.MonkeyPatch, generate: Generate) -> None:
    monkeypatch.setattr(module, "_load", lambda _: generate)


def roles_and_texts(row: Row[Conversation]) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in row.record.turns]


def test_one_answer_goes_to_stdout(app, red, monkeypatch):
    scripted = Scripted({"O que é isto?": "É um quadrado vermelho."})
    answering(monkeypatch, scripted)
    result = CliRunner().invoke(
        app, ["modelo", "O que é isto?", "-i", str(red), "--max-new-tokens", "9", "--seed", "3"]
    )
    assert (result.exit_code, result.stdout, result.stderr) == (0, "É um quadrado vermelho.\n", "")
    call = scripted.calls[0]
    assert call.sampling == Sampling(max_new_tokens=9, seed=3)
    (picture,) = call.prompt.record.images
    assert (picture.width_px, picture.height_px) == (40, 20)
    assert set(call.prompt.images) == {picture.sha256}


def test_a_session_remembers_and_pictures_wait_for_their_question(app, red, monkeypatch):
    scripted = Scripted(["Olá!", "É vermelho.", "Bom dia."])
    answering(monkeypatch, scripted)
    lines = [
        "Olá",
        "",
        f"/imagem '{red}'",
        "De que cor é?",
        "/novo",
        "Bom dia",
        "/sair",
        "nunca lido",
    ]
    result = CliRunner().invoke(app, ["modelo"], input="\n".join(lines))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["Olá!", "É vermelho.", "Bom dia."]
    assert "(40 × 20 píxeis)" in result.stderr
    assert "Começou uma conversa nova." in result.stderr
    first, second, third = (call.prompt for call in scripted.calls)
    assert roles_and_texts(first) == [("user", "Olá")]
    assert roles_and_texts(second) == [
        ("user", "Olá"),
        ("assistant", "Olá!"),
        ("user", "De que cor é?"),
    ]
    assert len(second.record.turns[2].images) == 1
    assert roles_and_texts(third) == [("user", "Bom dia")]
    assert third.images == {}


def test_a_session_says_what_went_wrong_and_goes_on(app, monkeypatch):
    answering(monkeypatch, Scripted({"Olá": "Olá!"}))
    lines = ["/imagem", "/imagem nada.png", "/ajuda", "<image> Olá", "Desconhecida", "Olá"]
    result = CliRunner().invoke(app, ["modelo"], input="\n".join(lines))
    assert result.exit_code == 0
    assert result.stdout == "Olá!\n"
    assert "Falta o nome do ficheiro" in result.stderr
    assert "nada.png: the file does not exist" in result.stderr
    assert "Não conheço o comando /ajuda" in result.stderr
    assert "reserved token '<image>'" in result.stderr
    assert "the script has no answer to 'Desconhecida'" in result.stderr


@pytest.mark.parametrize("bad", ["folder", "picture"])
def test_bad_folder_or_picture_is_one_line_and_exit_2(app, red, tmp_path, bad):
    broken = tmp_path / "partida.png"
    broken.write_bytes(red.read_bytes()[:30])
    arguments = {
        "folder": [str(tmp_path / "nada"), "Olá"],
        "picture": [str(tmp_path), "Olá", "--image", str(broken)],
    }[bad]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert {"folder": "nada is not a folder", "picture": "partida.png"}[bad] in line


def test_a_question_that_fails_leaves_the_conversation_as_it_was():
    class Failing(Scripted):
        def stream(self, prompt: Row[Conversation], sampling: Sampling) -> Iterator[str]:
            if prompt.record.turns[-1].text == "falha":
                yield "meia "
                raise GenerationError("out of memory")
            yield from super().stream(prompt, sampling)

    generate = Failing(["um", "dois"])
    session = Session(generate, Sampling())
    assert "".join(session.ask("primeira")) == "um"
    with pytest.raises(GenerationError):
        list(session.ask("falha"))
    with pytest.raises(RecordError, match="reserved token '</s>'"):
        list(session.ask("fim </s>"))
    assert "".join(session.ask("segunda")) == "dois"
    assert roles_and_texts(generate.calls[-1].prompt) == [
        ("user", "primeira"),
        ("assistant", "um"),
        ("user", "segunda"),
    ]


def test_an_answer_left_early_counts_as_far_as_it_went():
    generate = Scripted(["um dois três", "sim"])
    session = Session(generate, Sampling())
    pieces = session.ask("conta")
    assert next(pieces) == "um"
    pieces.close()
    list(session.ask("mais"))
    assert roles_and_texts(generate.calls[-1].prompt)[1] == ("assistant", "um")


def test_reserved_tokens_in_an_answer_do_not_end_the_session():
    generate = Scripted(["olá <s> mundo", "sim"])
    session = Session(generate, Sampling())
    assert "".join(session.ask("a")) == "olá <s> mundo"
    assert "".join(session.ask("b")) == "sim"


def test_an_answer_cannot_steer_the_terminal(app, monkeypatch):
    answering(monkeypatch, Scripted(["olá\x1b[2J \tmundo\x9b!\n"]))
    result = CliRunner().invoke(app, ["modelo", "?"])
    assert result.stdout == "olá[2J \tmundo!\n\n"


def test_a_real_model_answers(app, tiny_model, red):
    pytest.importorskip("torch")
    arguments = [str(tiny_model), "O que é isto?", "-i", str(red), "--max-new-tokens", "4"]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    assert first.stdout.endswith("\n")
    assert CliRunner().invoke(app, arguments).stdout == first.stdout
