"""Builders for tests of the audit log: a record with every field filled, and places where logs can be."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from amalia.serve.audit import Log
from amalia.serve.audit_record import AuditSettings, Record, new_trace_id

AT = datetime(2024, 11, 30, 12, 0, tzinfo=UTC)
QUESTION = "Quem é a pessoa do cartão <NIF_1>?"
ANSWER = "O cartão não diz de quem é; vê-se um elétrico ao fundo."


def record(**changes: Any) -> Record:
    """Make a record; every field has a value that can be told from others."""
    values: dict[str, Any] = {
        "trace_id": new_trace_id(),
        "request_id": "req-1",
        "started_at": AT,
        "finished_at": AT + timedelta(seconds=2),
        "endpoint": "chat.completions",
        "key_id": "biblioteca",
        "client": "203.0.113.77",
        "subject": "leitora-17",
        "model": "amalia-vl",
        "model_fingerprint": "0123456789abcdef",
        "engine": "transformers",
        "recipe_fingerprint": "fedcba9876543210",
        "policy": "amalia@3",
        "verdicts": (
            {
                "place": "user",
                "category": "nif",
                "action": "mask",
                "check": "nif@1",
                "span": [28, 37],
            },
        ),
        "passages": ({"id": "dre-4", "source": "dre.pt", "sha256": "b" * 64, "score": 0.5},),
        "pictures": (
            {"sha256": "a" * 64, "width_px": 640, "height_px": 480, "media_type": "image/png"},
        ),
        "num_prompt_tokens": 700,
        "num_answer_tokens": 20,
        "num_images": 1,
        "body_bytes": 90_000,
        "queued_s": 0.25,
        "first_text_s": 0.5,
        "total_s": 2.0,
        "finish_reasons": ("stop",),
        "question": QUESTION,
        "answer": ANSWER,
    }
    return Record(**(values | changes))


def append(log: Log, **changes: Any) -> str:
    """Put a record into a log and wait until it is committed; give its trace id."""
    made = record(**changes)
    log.append(made).result(timeout=30)
    return made.trace_id


@contextmanager
def postgres() -> Iterator[str]:
    """Make an empty database and give its URL; skip the test where there is no server to make it on."""
    server = os.environ.get("AMALIA_TEST_POSTGRES")
    if server is None:
        pytest.skip("AMALIA_TEST_POSTGRES is not set; it is the URL of a server for tests")
    psycopg = pytest.importorskip("psycopg")
    name = f"amalia_test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def place(kind: str, folder: Path) -> Iterator[AuditSettings]:
    """Give settings whose log is an SQLite file or a PostgreSQL database that is not there yet."""
    if kind == "sqlite":
        yield AuditSettings(log=str(folder / "audit.sqlite"))
        return
    with postgres() as url:
        yield AuditSettings(log=url)
