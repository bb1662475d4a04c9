"""What is written down about one request, and what is kept of it: addresses, subjects and texts by policy.

A server gives the log what was the case; this module decides what of it is stored: an address shortened, a
subject as a hash, a text as a hash, masked or whole. Masking itself is the guard's: a text comes masked or
whole, as ``AuditSettings.text`` asks.

Not covered: a hash hides a subject from readers of the log, not from somebody who has the log and tries the
identifiers that may be behind it, since the salt stands in the log. A text of few words can be found out in
the same way.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, field_validator, model_validator

from amalia.recipe import Settings

TextPolicy = Literal["none", "hash", "masked", "full"]
ClientPolicy = Literal["none", "truncated", "full"]

MAX_ID_CHARS = 200
"""Of an identifier that somebody else may have chosen; what is longer is cut."""
MAX_ERROR_CHARS = 500
"""Of an error; what is longer is cut."""
_PASSAGE_KEYS = ("id", "source", "sha256", "score")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Not to be had in UTF-8, or refused by PostgreSQL.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class AuditSettings(Settings):
    """What is written down about each request, where, and for how long."""

    log: str = Field(default="audit.sqlite", min_length=1)
    """File of the log, or the URL of a PostgreSQL database, ``postgresql://HOST/DATABASE``."""
    text: TextPolicy = "masked"
    """What is kept of questions and answers: nothing, a salted hash, the text with identifiers taken out, or
    the text."""
    client: ClientPolicy = "truncated"
    """What is kept of a client's address: nothing, its network (/24, for IPv6 /48), or the address."""
    keep_text_days: int | None = Field(default=30, ge=1)
    """Days until texts are blanked; null keeps them as long as the record."""
    keep_records_days: int | None = Field(default=365, ge=1)
    """Days until whole records are removed; null keeps them for ever."""
    on_failure: Literal["stop", "answer"] = "stop"
    """When a record cannot be written: ``stop`` gives no answer that is not logged, ``answer`` gives it."""

    @property
    def is_postgres(self) -> bool:
        """Whether the log is in a PostgreSQL database."""
        return self.log.startswith(("postgresql://", "postgres://"))

    @field_validator("log")
    @classmethod
    def _is_a_place(cls, log: str) -> str:
        scheme, separator, _ = log.partition("://")
        if not separator:
            return log
        if scheme not in ("postgresql", "postgres"):
            raise ValueError(
                f"{scheme}:// is no place for a log; give a path or postgresql://HOST/DATABASE"
            )
        parts = urlsplit(log)
        if parts.password is not None or "password" in parse_qs(parts.query):
            # Settings are printed and recorded.
            raise ValueError(
                "the URL holds a password; leave it out and put it into ~/.pgpass or PGPASSWORD"
            )
        return log

    @model_validator(mode="after")
    def _texts_go_first(self) -> Self:
        texts, records = self.keep_text_days, self.keep_records_days
        if texts is not None and records is not None and texts > records:
            raise ValueError(
                f"keep_text_days is {texts}, and records go after keep_records_days, {records}; lower the first "
                "or raise the second"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One request. The server fills it with what was the case; what is read from a log is what was kept."""

    trace_id: str
    """Of ``new_trace_id``; no two records share one."""
    request_id: str
    started_at: datetime
    """By the wall clock, which may jump; the log's own order does not depend on it."""
    finished_at: datetime
    endpoint: str
    """``chat.completions``, ``completions`` or ``embeddings``."""
    key_id: str = ""
    """Empty where no key was needed."""
    client: str = ""
    """Address; in the log what the policy keeps of it."""
    subject: str | None = None
    """Whom the client names with ``user`` or ``safety_identifier``; in the log a hash of it."""
    model: str
    """As clients call it."""
    model_fingerprint: str
    engine: str
    recipe_fingerprint: str
    policy: str = ""
    """``name@version`` of the guard's policy; empty without a guard."""
    verdicts: tuple[Mapping[str, Any], ...] = ()
    """What the guard found: place, category, action, check, span, score; never text."""
    passages: tuple[Mapping[str, Any], ...] = ()
    """``id``, ``source``, ``sha256`` and ``score`` of what was retrieved; other keys are not kept."""
    pictures: tuple[Mapping[str, Any], ...] = ()
    """``sha256``, ``width_px``, ``height_px`` and ``media_type``."""
    num_prompt_tokens: int = 0
    num_answer_tokens: int = 0
    num_images: int = 0
    body_bytes: int = 0
    queued_s: float | None = None
    """Until the engine took the request; durations are by a clock that does not jump."""
    first_text_s: float | None = None
    """Until the first text went out."""
    total_s: float = 0.0
    finish_reasons: tuple[str, ...] = ()
    """One a choice."""
    status: int = 200
    """Of HTTP."""
    error: str | None = None
    """One line, without texts of the conversation; blanked with the texts all the same."""
    question: str | None = None
    """Masked or whole, as the settings ask; whole for ``hash``."""
    answer: str | None = None
    text_policy: TextPolicy | None = None
    """How the texts were kept; the log says it."""

    def as_json(self) -> dict[str, Any]:
        """Give a mapping that JSON can hold; times in UTC."""
        # asdict copies every mapping in depth, which takes longer than all the rest of a record's way.
        tree = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("started_at", "finished_at"):
            tree[name] = tree[name].astimezone(UTC).isoformat(timespec="microseconds")
        return tree


def now() -> datetime:
    """Tell the time, in UTC."""
    return datetime.now(UTC)


def new_trace_id() -> str:
    """Make an identifier that sorts by time: a UUID of version 7, in 32 hexadecimal digits.

    Below the millisecond twelve bits count time too, so that no counter is needed; 62 bits are random.
    Written without dashes it is also a trace id of W3C Trace Context.
    """
    ms, rest_ns = divmod(time.time_ns(), 1_000_000)
    fraction = rest_ns * 4096 // 1_000_000
    value = ms << 80 | 7 << 76 | fraction << 64 | 2 << 62 | secrets.randbits(62)
    return f"{value:032x}"


def microseconds(at: datetime) -> int:
    """Give a time as whole microseconds since 1970, for columns that compare."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(us: int) -> datetime:
    """Give the time, in UTC, of whole microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=us)


def hashed(salt: bytes, kind: Literal["subject", "text"], plain: str) -> str:
    """Give what stands for a plain identifier or text: 32 hexadecimal digits.

    Args:
        salt: Of the log.
        kind: The same word as a subject and as a text has two hashes.
        plain: What must not stand in the log.
    """
    message = f"{kind}:{plain}".encode("utf-8", "surrogatepass")
    return hmac.new(salt, message, hashlib.sha256).hexdigest()[:32]


def kept(record: Record, settings: AuditSettings, salt: bytes) -> Record:
    """Give what of a record is stored."""

    def text(given: str | None) -> str | None:
        if not given or settings.text == "none":
            return None
        return hashed(salt, "text", given) if settings.text == "hash" else storable(given)

    return replace(
        record,
        trace_id=storable(record.trace_id)[:MAX_ID_CHARS],
        request_id=storable(record.request_id)[:MAX_ID_CHARS],
        key_id=storable(record.key_id)[:MAX_ID_CHARS],
        client=kept_client(settings.client, record.client),
        subject=hashed(salt, "subject", record.subject) if record.subject else None,
        passages=tuple(
            {key: passage[key] for key in _PASSAGE_KEYS if key in passage}
            for passage in record.passages
        ),
        error=storable(record.error)[:MAX_ERROR_CHARS] if record.error else None,
        question=text(record.question),
        answer=text(record.answer),
        text_policy=settings.text,
    )


def kept_client(policy: ClientPolicy, address: str) -> str:
    """Give what is kept of an address: IPv4 by /24, IPv6 by /48; of what is no address, only ``full`` keeps it."""
    if policy == "none" or not address:
        return ""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return storable(address)[:MAX_ID_CHARS] if policy == "full" else ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if policy == "full":
        return str(found)
    prefix = 24 if found.version == 4 else 48
    return str(ipaddress.ip_network(f"{found}/{prefix}", strict=False))


def storable(text: str) -> str:
    """Replace what no database takes: lone surrogates, and the character zero."""
    return _UNSTORABLE.sub("\ufffd", text)


def canonical(value: Any) -> str:
    """Write JSON in the one form that hashes are taken of.

    Raises:
        ValueError: A number is not finite.
    """
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )
    return storable(text)
