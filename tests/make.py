"""Builders with every field defaulted, so that a test states only what it is about."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
from PIL import Image as PillowImage

from amalia import manifest as manifests
from amalia.manifest import Code, Manifest, Output
from amalia.model.sizes import LanguageSize, TextTowerSize, TowerSize
from amalia.model.tile import TileGrid
from amalia.records import (
    Conversation,
    Created,
    Document,
    Image,
    Origin,
    Part,
    Preference,
    Role,
    Row,
    Sample,
    Text,
    Turn,
)
from amalia.store import sha256_of, write_rows

Kind = Literal[
    "conversations", "preferences", "documents", "samples", "model", "tokenizer", "evaluation"
]

GRID = TileGrid(tile_px=16, patch_px=8, pinpoints_px=((16, 16), (16, 32), (32, 16)))
TOWER = TowerSize(image_px=16, patch_px=8, hidden=32, layers=2, heads=2, feed_forward=64)
TEXT_TOWER = TextTowerSize(max_tokens=12, layers=1, heads=2, feed_forward=64)
LANGUAGE = LanguageSize(
    hidden=32, layers=2, heads=2, key_value_heads=1, feed_forward=64, context_tokens=512
)

TEXTS = [
    "O autocarro parou junto à estação de comboios.",
    "Quantas maçãs há na imagem? Há três maçãs e um copo de água.",
    "O gato está à esquerda da cadeira azul. Não há nenhum cão.",
    "O que diz o letreiro? Diz «Pastelaria Avó Conceição».",
    "A menina está a ler um livro no ecrã do telemóvel.",
]


def picture(
    width_px: int = 20,
    height_px: int = 12,
    color: str | tuple[int, int, int] = "red",
    *,
    noise: int | None = None,
    format: str = "PNG",
) -> bytes:
    """Encode a picture of one color, or of random pixels when ``noise`` gives a seed."""
    image = PillowImage.new("RGB", (width_px, height_px), color)
    if noise is not None:
        generator = torch.Generator().manual_seed(noise)
        pixels = torch.randint(
            0, 256, (height_px, width_px, 3), dtype=torch.uint8, generator=generator
        )
        image = PillowImage.fromarray(pixels.numpy())
    out = io.BytesIO()
    image.save(out, format)
    return out.getvalue()


def image(data: bytes) -> Image:
    """Describe an encoded picture."""
    with PillowImage.open(io.BytesIO(data)) as opened:
        width, height = opened.size
        media_type = opened.get_format_mimetype() or "image/png"
    return Image(
        sha256=hashlib.sha256(data).hexdigest(),
        width_px=width,
        height_px=height,
        media_type=media_type,
    )


def origin(
    source: str = "test",
    license: str = "CC0-1.0",
    created: Created = "authored",
    **more: Any,
) -> Origin:
    """Say that a record was written by a test."""
    return Origin(source=source, license=license, created=created, **more)


def turn(role: Role, *parts: str | bytes) -> Turn:
    """Make a turn of texts and encoded pictures."""
    made: list[Part] = [Text(text=part) if isinstance(part, str) else image(part) for part in parts]
    return Turn(role=role, parts=tuple(made))


def conversation(
    *turns: tuple[Any, ...], id: str = "c1", language: str = "pt-PT", source: str = "test"
) -> Row[Conversation]:
    """Make a conversation of ``(role, part, part …)``; a question with its answer by default."""
    given = turns or (("user", "Que animal é este?"), ("assistant", "É um gato."))
    record = Conversation(
        id=id,
        turns=tuple(turn(role, *parts) for role, *parts in given),
        language=language,
        origin=origin(source),
    )
    return Row(record, _bytes_of(given))


def broken(row: Row[Conversation]) -> Row[Conversation]:
    """Cut the one picture of a conversation short, so that it cannot be decoded."""
    (picture_,) = row.record.images
    data = row.images[picture_.sha256][:60]
    digest = hashlib.sha256(data).hexdigest()
    text = row.record.model_dump_json().replace(picture_.sha256, digest)
    return Row(Conversation.model_validate_json(text), {digest: data})


def preference(
    *prompt: tuple[Any, ...],
    chosen: str = "O autocarro está parado.",
    rejected: str = "O ônibus está parado.",
    reason: str = "variety_pt_br",
    id: str = "p1",
) -> Row[Preference]:
    """Make a preference; the question has no picture by default."""
    asked = conversation(*(prompt or (("user", "O que vês?"),)), id=id)
    record = Preference(
        id=id,
        prompt=asked.record,
        chosen=turn("assistant", chosen),
        rejected=turn("assistant", rejected),
        reason=reason,
        origin=origin(),
    )
    return Row(record, asked.images)


def sample(
    *prompt: tuple[Any, ...],
    task: str = "naming",
    target: str = "gato",
    id: str = "s1",
    **more: Any,
) -> Row[Sample]:
    """Make an evaluation sample."""
    asked = conversation(*(prompt or (("user", "Que animal é este?"),)), id=id)
    record = Sample(id=id, task=task, prompt=asked.record, target=target, origin=origin(), **more)
    return Row(record, asked.images)


def document(
    text: str = TEXTS[0], id: str = "d1", language: str = "pt-PT", **more: Any
) -> Row[Document]:
    """Make a document."""
    return Row(Document(id=id, text=text, language=language, origin=origin(), **more), {})


def manifest(name: str = "artifact", kind: Kind = "conversations", **more: Any) -> Manifest:
    """Make a manifest; without a fingerprint of its own it has one made of its name."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    fields: dict[str, Any] = {
        "fingerprint": hashlib.sha256(name.encode()).hexdigest()[:16],
        "recipe": {"name": name},
        "code": Code(version="0.1.0", commit=None, dirty=None),
        "environment": {"python": "3.11"},
        "command": "test",
        "started": moment,
        "finished": moment,
    }
    return Manifest(**{**fields, **more, "name": name, "kind": kind})


def finish(folder: Path, kind: Kind, **more: Any) -> Path:
    """Make a finished artifact of a folder with files in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    outputs = tuple(
        Output(
            path=str(path.relative_to(folder)),
            sha256=sha256_of(path),
            bytes=path.stat().st_size,
        )
        for path in files
    )
    whole = manifest(folder.name, kind, outputs=outputs, **more)
    (folder / manifests.FILE_NAME).write_text(whole.model_dump_json(), "utf-8")
    return folder


def write_artifact(folder: Path, kind: Kind, rows: Iterable[Row[Any]], **more: Any) -> Path:
    """Make a finished data artifact of one shard."""
    folder.mkdir(parents=True)
    counts = write_rows(folder / f"{folder.name}-00000.parquet", kind, rows)
    return finish(folder, kind, **{"counts": counts, **more})


def folders(**named: Path) -> Callable[[str], Path | None]:
    """Find what is named, and nothing else."""
    return lambda reference: named.get(reference)


def spread(model: torch.nn.Module) -> None:
    """Make random weights large, so that a model does not find everything equally likely."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.2)


def _bytes_of(turns: Iterable[tuple[Any, ...]]) -> Mapping[str, bytes]:
    pictures = [part for _, *parts in turns for part in parts if isinstance(part, bytes)]
    return {hashlib.sha256(data).hexdigest(): data for data in pictures}
