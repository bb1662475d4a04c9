"""Records as Parquet columns, in the shape that ``datasets``, TRL and LLaMA-Factory read.

One row is one record. Conversations have ``messages`` (role and a list of typed content, pictures as
``{"type": "image"}`` in order) and ``images`` (struct of bytes and path, the ``Image`` feature of
``datasets``); preferences have ``prompt``, ``chosen``, ``rejected`` and ``images``, as TRL reads them. The
path of a picture is its digest, so a changed picture is noticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from amalia.errors import RecordError
from amalia.records import Conversation, Document, Image, Preference, Record, Row, Sample, Turn

_CONTENT = pa.list_(pa.struct([("type", pa.string()), ("text", pa.string())]))
_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", _CONTENT)]))
_IMAGES = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
_COMMON = [
    ("id", pa.string()),
    ("language", pa.string()),
    ("images", _IMAGES),
    ("image_sizes_px", pa.list_(pa.list_(pa.int32(), 2))),
    ("origin", pa.string()),
]
_OF_REFERENCE = ("url", "alt", "caption")
_OF_CAPTURE = [
    ("collection", pa.string()),
    ("archive", pa.string()),
    ("offset_bytes", pa.int64()),
    ("digest", pa.string()),
]
_SCHEMAS: dict[type[Record], pa.Schema] = {
    Conversation: pa.schema([("messages", _MESSAGES), *_COMMON]),
    Preference: pa.schema(
        [
            ("prompt", _MESSAGES),
            ("chosen", _MESSAGES),
            ("rejected", _MESSAGES),
            ("reason", pa.string()),
            *_COMMON,
        ]
    ),
    Sample: pa.schema(
        [
            ("task", pa.string()),
            ("messages", _MESSAGES),
            ("follow_ups", pa.list_(pa.string())),
            ("target", pa.string()),
            ("accepted", pa.list_(pa.string())),
            ("choices", pa.list_(pa.string())),
            ("groups", pa.list_(pa.string())),
            ("cluster", pa.string()),
            *_COMMON,
        ]
    ),
    Document: pa.schema(
        [
            ("id", pa.string()),
            ("url", pa.string()),
            ("captured_at", pa.timestamp("us", tz="UTC")),
            ("title", pa.string()),
            ("text", pa.string()),
            ("language", pa.string()),
            ("pictures", pa.list_(pa.struct([(name, pa.string()) for name in _OF_REFERENCE]))),
            ("scores", pa.string()),
            ("cluster_size", pa.int32()),
            ("capture", pa.struct(_OF_CAPTURE)),
            ("origin", pa.string()),
        ]
    ),
}
_OF_SAMPLE = ("task", "follow_ups", "target", "accepted", "choices", "groups", "cluster")
_KINDS: dict[str, type[Record]] = {
    "conversations": Conversation,
    "preferences": Preference,
    "samples": Sample,
    "documents": Document,
}


def schema_of(kind: str) -> pa.Schema:
    """Give the columns of ``conversations``, ``preferences``, ``samples`` or ``documents``."""
    return _SCHEMAS[_KINDS[kind]].with_metadata({"huggingface": json.dumps(_features(kind))})


def to_columns(row: Row[Any]) -> dict[str, Any]:
    """Make one Parquet row of a record.

    Raises:
        RecordError: The row carries other pictures than its record names.
    """
    record = row.record
    if isinstance(record, Document):
        own = record.model_dump(exclude={"origin", "scores"})
        scores = json.dumps(dict(record.scores), sort_keys=True)
        return {**own, "scores": scores, "origin": record.origin.model_dump_json()}
    if isinstance(record, Conversation):
        own = {"messages": _messages(record.turns)}
        conversation = record
    elif isinstance(record, Preference):
        conversation = record.prompt
        own = {
            "prompt": _messages(record.prompt.turns),
            "chosen": _messages((record.chosen,)),
            "rejected": _messages((record.rejected,)),
            "reason": record.reason,
        }
    else:
        conversation = record.prompt
        own = {"messages": _messages(record.prompt.turns)}
        own |= record.model_dump(include=set(_OF_SAMPLE))
    pictures = conversation.images
    named = {picture.sha256 for picture in pictures}
    if named != set(row.images):
        raise RecordError(
            f"the turns of record {record.id} name {len(named)} pictures and its row carries {len(row.images)}, "
            "not the same ones; give exactly the pictures that are named",
            reason="pictures_differ",
        )
    return {
        **own,
        "id": record.id,
        "language": conversation.language,
        "images": [
            {"bytes": row.images[picture.sha256], "path": _file_name(picture)}
            for picture in pictures
        ],
        "image_sizes_px": [[picture.height_px, picture.width_px] for picture in pictures],
        "origin": record.origin.model_dump_json(),
    }


def from_columns(columns: dict[str, Any], kind: str) -> Row[Any]:
    """Make a record of one Parquet row, without its pictures if they were not read.

    Raises:
        RecordError: The row breaks a rule of ``records``, or a picture is not the one that was written.
    """
    try:
        return _record(columns, kind)
    except (ValidationError, _PicturesDiffer) as error:
        found = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise RecordError(
            f"record {columns['id']} is not valid: {found.removeprefix('Value error, ')}; make the artifact again"
        ) from error


class _PicturesDiffer(Exception):
    pass


def _record(columns: dict[str, Any], kind: str) -> Row[Any]:
    origin = json.loads(columns["origin"])
    if kind == "documents":
        # Artifacts from before documents had scores are read as well.
        scores = json.loads(columns.get("scores") or "{}")
        return Row(Document.model_validate({**columns, "scores": scores, "origin": origin}), {})
    pictures, images = [], {}
    for item, (height, width) in zip(columns["images"], columns["image_sizes_px"], strict=True):
        name = Path(item["path"])
        data = item.get("bytes")
        digest = hashlib.sha256(data).hexdigest() if data else name.stem
        if digest != name.stem:
            raise _PicturesDiffer(f"picture {item['path'][:12]} is not the one that was written")
        media_type = "image/" + name.suffix.removeprefix(".")
        pictures.append(
            Image(sha256=digest, width_px=width, height_px=height, media_type=media_type)
        )
        if data:
            images[digest] = data
    common = {"id": columns["id"], "origin": origin}
    turns = _turns(columns["prompt" if kind == "preferences" else "messages"], pictures)
    conversation = Conversation.model_validate(
        {**common, "turns": turns, "language": columns["language"]}
    )
    if kind == "conversations":
        return Row(conversation, images)
    if kind == "preferences":
        answers = {name: _turns(columns[name], [])[0] for name in ("chosen", "rejected")}
        record: Record = Preference.model_validate(
            {**common, **answers, "prompt": conversation, "reason": columns["reason"]}
        )
        return Row(record, images)
    fields = {name: columns[name] for name in _OF_SAMPLE if name in columns}
    return Row(Sample.model_validate({**common, **fields, "prompt": conversation}), images)


def _messages(turns: Iterable[Turn]) -> list[dict[str, Any]]:
    return [
        {
            "role": turn.role,
            "content": [
                {"type": part.type, "text": getattr(part, "text", None)} for part in turn.parts
            ],
        }
        for turn in turns
    ]


def _turns(messages: Sequence[dict[str, Any]], pictures: list[Image]) -> list[dict[str, Any]]:
    named = sum(part["type"] == "image" for message in messages for part in message["content"])
    if named != len(pictures):
        raise _PicturesDiffer(f"its turns mention {named} pictures and it carries {len(pictures)}")
    waiting = iter(pictures)
    turns = []
    for message in messages:
        parts = [
            next(waiting).model_dump()
            if part["type"] == "image"
            else {"type": "text", "text": part["text"]}
            for part in message["content"]
        ]
        turns.append({"role": message["role"], "parts": parts})
    return turns


def _file_name(picture: Image) -> str:
    return f"{picture.sha256}.{picture.media_type.removeprefix('image/')}"


def _features(kind: str) -> dict[str, Any]:
    # Tell ``datasets`` that ``images`` are pictures; the rest it reads from the schema.
    if kind == "documents":
        return {}
    return {"info": {"features": {"images": {"feature": {"_type": "Image"}, "_type": "List"}}}}
