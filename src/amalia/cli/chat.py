"""``amalia chat MODEL``: one answer about pictures and a question, or a session.

Answers go to stdout as they come; prompts, notes and errors go to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amalia import pictures
from amalia.device import detect
from amalia.errors import AmaliaError, RecordError
from amalia.inference import Generate, Sampling
from amalia.records import PLACEHOLDER, Conversation, Image, Origin, Row, Text, Turn

if TYPE_CHECKING:
    import PIL.Image

# What the session says, in European Portuguese.
_WELCOME = (
    "Escreva uma pergunta. /imagem FICHEIRO junta uma imagem à pergunta seguinte, "
    "/novo começa outra conversa, /sair termina."
)
_PROMPT = "pergunta › "
_NEW = "Começou uma conversa nova."
_PICTURE_READ = "Imagem lida: {path} ({width} × {height} píxeis). Agora escreva a pergunta."
_PICTURE_UNNAMED = "Falta o nome do ficheiro: /imagem FICHEIRO"
_UNKNOWN_COMMAND = "Não conheço o comando {command}. Há /imagem FICHEIRO, /novo e /sair."
_REFUSED = "Não foi possível: {error}"
_INTERRUPTED = "(resposta interrompida)"

# A terminal obeys escape sequences, and no answer needs one.
_UNPRINTABLE = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}

_ORIGIN = Origin(source="chat", license="NOASSERTION", created="authored")


class Session:
    """A conversation that grows: pictures wait for the next question, answers join the history."""

    def __init__(self, generate: Generate, sampling: Sampling) -> None:
        self._generate = generate
        self._sampling = sampling
        self._turns: list[Turn] = []
        self._images: dict[str, bytes] = {}
        self._waiting: list[Image] = []

    def show(self, picture: PIL.Image.Image) -> None:
        """Let the next question be about a picture, besides others shown since the last one."""
        record, data = pictures.encode(picture)
        self._images[record.sha256] = data
        self._waiting.append(record)

    def ask(self, text: str) -> Generator[str, None, None]:
        """Stream the answer to a question.

        A question that fails leaves the conversation as it was. When the iterator is left early,
        what was said so far counts as the answer.

        Raises:
            RecordError: The text holds a reserved token.
            GenerationError: No usable answer.
        """
        found = PLACEHOLDER.search(text)
        if found:
            raise RecordError(f"the question holds the reserved token {found.group()!r}; remove it")
        question = Turn(role="user", parts=(*self._waiting, Text(text=text)))
        prompt = Conversation(
            id="chat", turns=(*self._turns, question), language="pt-PT", origin=_ORIGIN
        )
        pieces = self._generate.stream(Row(prompt, dict(self._images)), self._sampling)
        said = ""
        is_failed = False
        try:
            for piece in pieces:
                said += piece
                yield piece
        except AmaliaError:
            is_failed = True
            raise
        finally:
            if not is_failed:
                answer = Turn(role="assistant", parts=(Text(text=PLACEHOLDER.sub("", said)),))
                self._turns += [question, answer]
                self._waiting = []

    def restart(self) -> None:
        """Forget everything said and shown."""
        self._turns, self._images, self._waiting = [], {}, []


def chat(
    model: Annotated[Path, typer.Argument(help="Exported model folder.")],
    text: Annotated[
        str | None, typer.Argument(help="Question; without one a session opens.")
    ] = None,
    image: Annotated[
        list[Path] | None, typer.Option("--image", "-i", help="Picture to ask about; repeatable.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 256,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="0 takes the likeliest token every time.")
    ] = 0.0,
    seed: Annotated[int | None, typer.Option(help="Makes a sampled answer repeatable.")] = None,
) -> None:
    """Ask a model, with or without pictures: one answer, or a session when no TEXT is given."""
    try:
        shown = [pictures.read(path) for path in image or []]
        session = Session(
            _load(model),
            Sampling(max_new_tokens=max_new_tokens, temperature=temperature, seed=seed),
        )
        for picture in shown:
            session.show(picture)
        if text is None:
            converse(session)
        else:
            _say(session.ask(text))
    except AmaliaError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error


def converse(session: Session) -> None:
    """Ask on the terminal until the end of input or ``/sair``."""
    _note(_WELCOME)
    while True:
        try:
            line = _read().strip()
        except (EOFError, KeyboardInterrupt):
            return
        command, _, rest = line.partition(" ")
        try:
            match command:
                case "":
                    continue
                case "/sair":
                    return
                case "/novo":
                    session.restart()
                    _note(_NEW)
                case "/imagem":
                    _note(_show(session, rest.strip()))
                case _ if command.startswith("/"):
                    _note(_UNKNOWN_COMMAND.format(command=command))
                case _:
                    _say(session.ask(line))
        except AmaliaError as error:
            _note(_REFUSED.format(error=error))
        except KeyboardInterrupt:
            _note(f"\n{_INTERRUPTED}")


def _read() -> str:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return input()
    with suppress(ImportError):
        import readline  # noqa: F401 - gives input() its line editing, where the system has it
    return input(_PROMPT)


def _note(text: str) -> None:
    typer.echo(text, err=True)


def _load(folder: Path) -> Generate:
    from amalia.inference.local import Local  # torch: too slow to import for --help

    device = detect()
    device.claim()
    return Local.load(folder, device=device, batch_size=1)


def _show(session: Session, name: str) -> str:
    # A file dragged into a terminal arrives in quotes.
    path = Path(name.strip("'\"")).expanduser()
    if not name:
        return _PICTURE_UNNAMED
    picture = pictures.read(path)
    session.show(picture)
    return _PICTURE_READ.format(path=path, width=picture.width, height=picture.height)


def _say(pieces: Generator[str, None, None]) -> None:
    with closing(pieces):
        for piece in pieces:
            typer.echo(piece.translate(_UNPRINTABLE), nl=False)
    typer.echo()
