"""Lines of web archive indexes (CDX, CDXJ), and which captures of an index are wanted.

The address rules are those that made AMALIA's corpus from Arquivo.pt: what is wanted lies in the ``pt`` domain
or has a path that says so, and what says Brazil is left out. One differs: ``.br`` is the end of a host here,
not a piece of any address, for that would leave out ``www.brisa.pt``.

Not covered: telling Portuguese of Portugal from others (the text does, later), and the parts of other tools'
canonical addresses that go beyond host, port and case (``surt_of``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import AwareDatetime, Field, model_validator

from amalia.errors import RecordError
from amalia.recipe import Settings

CDX_FIELDS = "N b a m s k r M S V g".split()
"""What a CDX line holds if its file does not say: the eleven fields most tools write."""
MAX_LINE_CHARS = 1 << 16
_DATE = re.compile(r"\d{14}\Z", re.ASCII)
_SHOWN_CHARS = 80
# Names that tools give the same thing in CDXJ and in the JSON of a CDX server.
_JSON_NAMES = {
    "surt": ("urlkey",),
    "date": ("timestamp",),
    "url": ("url", "original"),
    "media_type": ("mime", "mimetype"),
    "status": ("status", "statuscode"),
    "digest": ("digest",),
    "length": ("length",),
    "offset": ("offset",),
    "file": ("filename",),
}
_LETTERS = {
    "b": "date", "a": "url", "m": "media_type", "s": "status", "k": "digest", "S": "length",
    "V": "offset", "g": "file",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One capture, as an index tells of it."""

    surt: str
    """Address turned round so that it sorts by domain, for example ``pt,publico)/mundo``."""
    captured_at: datetime
    url: str
    media_type: str
    """In lower case; ``warc/revisit`` for one whose page stands elsewhere, empty if not told."""
    status: int | None
    digest: str
    length_bytes: int | None
    """Of its record as it is stored."""
    offset_bytes: int | None
    file: str

    @property
    def timestamp(self) -> str:
        """Capture time in the 14 digits of indexes and replay addresses."""
        return self.captured_at.strftime("%Y%m%d%H%M%S")


class IndexRules(Settings):
    """Which captures of an index are wanted. Addresses are compared in lower case."""

    statuses: tuple[int, ...] = (200,)
    """HTTP statuses; what tells none is not wanted."""
    media_types: tuple[str, ...] = ("text/html",)
    """Kinds of pages."""
    surt_prefixes: tuple[str, ...] = ("pt,",)
    """An address is wanted if its SURT begins with one of these …"""
    url_parts: tuple[str, ...] = (".pt/", "/pt/", "/pt-", "/pt_")
    """… or holds one of these …"""
    url_ends: tuple[str, ...] = ("/pt",)
    """… or ends with one of these. With none of the three kinds given, every address is."""
    excluded_url_parts: tuple[str, ...] = ("/pt-br", "/pt_br/", ".com/br", "/br/")
    """Addresses that hold one of these are never wanted."""
    excluded_surt_prefixes: tuple[str, ...] = ("br,", "br)")
    """Nor those whose SURT begins with one of these."""
    since: AwareDatetime | None = None
    """First capture time that is wanted, with its time zone."""
    until: AwareDatetime | None = None
    """First capture time that no longer is."""
    max_length_bytes: int | None = Field(default=None, gt=0)
    """Longest record as it is stored, where the index tells."""

    @model_validator(mode="after")
    def _has_a_range(self) -> IndexRules:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError(
                f"since ({self.since.isoformat()}) is not before until ({self.until.isoformat()}); "
                "give a later until"
            )
        return self


def parse_line(line: str, fields: list[str] | None = None) -> IndexEntry:
    """Read a line of a CDX or CDXJ file, or one that a CDX server gives as JSON.

    Args:
        line: Without the line that names the fields.
        fields: What a CDX line holds, by the letters of that line; ``CDX_FIELDS`` if not given.

    Raises:
        RecordError: ``broken_index_line``.
    """
    text = line.strip("\r\n")
    if len(text) > MAX_LINE_CHARS:
        raise _broken(text, f"{len(text)} characters; expected up to {MAX_LINE_CHARS}")
    if text.startswith("{"):
        return _from_json(text, text, surt="", date="")
    parts = text.split(" ", 2)
    if len(parts) == 3 and parts[2].lstrip().startswith("{"):
        return _from_json(text, parts[2], surt=parts[0], date=parts[1])
    names = fields or CDX_FIELDS
    values = text.split()
    if len(values) != len(names):
        raise _broken(text, f"{len(values)} fields; expected {len(names)}")
    told = dict(zip(names, values, strict=True))
    return _entry(
        text, {name: told.get(letter, "") for letter, name in _LETTERS.items()} | _key(told)
    )


def why_not(entry: IndexEntry, rules: IndexRules) -> str | None:
    """Give the reason why a capture is not wanted; None if it is."""
    url, surt = entry.url.lower(), entry.surt.lower()
    if entry.media_type == "warc/revisit":
        return "revisit"
    if "__wb_method=post" in surt:
        return "post_request"
    if entry.status not in rules.statuses:
        return "http_status"
    if entry.media_type not in rules.media_types:
        return "media_type"
    if rules.since is not None and entry.captured_at < rules.since:
        return "too_early"
    if rules.until is not None and entry.captured_at >= rules.until:
        return "too_late"
    if rules.max_length_bytes is not None and (entry.length_bytes or 0) > rules.max_length_bytes:
        return "too_large"
    return _why_not_address(url, surt, rules)


def why_not_address(url: str, rules: IndexRules) -> str | None:
    """Judge an address alone, as ``why_not`` does: for archives that are read without an index."""
    return _why_not_address(url.lower(), surt_of(url).lower(), rules)


def surt_of(url: str) -> str:
    """Turn an address round: ``http://www.publico.pt/Mundo?b=1`` is ``pt,publico)/mundo?b=1``.

    Scheme, user, ``www.``, usual port, fragment and case are left out, as in the indexes of pywb and Wayback.
    What is no address of a host is given in lower case.
    """
    text = url.strip()
    parts = text if "//" in text else f"//{text}"
    try:
        split = urlsplit(parts)
        host, port = split.hostname or "", split.port
    except ValueError:
        return text.lower()
    if not host:
        return text.lower()
    host = re.sub(r"^www\d*\.", "", host.rstrip("."))
    is_number = re.fullmatch(r"[\d.]+|.*:.*", host) is not None
    turned = host if is_number else ",".join(reversed(host.split(".")))
    shown_port = "" if port in (None, 80, 443) else f":{port}"
    path = split.path if split.path == "/" else split.path.rstrip("/")
    query = f"?{split.query}" if split.query else ""
    return f"{turned}{shown_port}){path or '/'}{query}".lower()


def _why_not_address(url: str, surt: str, rules: IndexRules) -> str | None:
    if surt.startswith(rules.excluded_surt_prefixes):
        return "address_excluded"
    if any(part in url for part in rules.excluded_url_parts):
        return "address_excluded"
    if not (rules.surt_prefixes or rules.url_parts or rules.url_ends):
        return None
    if surt.startswith(rules.surt_prefixes) or url.endswith(rules.url_ends):
        return None
    return None if any(part in url for part in rules.url_parts) else "address_elsewhere"


def _from_json(line: str, text: str, *, surt: str, date: str) -> IndexEntry:
    try:
        told: Mapping[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _broken(line, f"its JSON cannot be read: {error}") from error
    if not isinstance(told, dict):
        raise _broken(line, "its JSON is no object")
    values = {
        ours: next((_plain(told[name]) for name in names if told.get(name) is not None), "")
        for ours, names in _JSON_NAMES.items()
    }
    values["surt"] = surt or values["surt"]
    values["date"] = date or values["date"]
    return _entry(line, values)


def _plain(value: Any) -> str:
    # JSON can hold halves of characters, which nothing can write.
    return str(value).encode("utf-8", "replace").decode()


def _key(told: Mapping[str, str]) -> dict[str, str]:
    """Give the address the index is sorted by, which has one of two letters."""
    return {"surt": told.get("N") or told.get("A") or ""}


def _entry(line: str, told: Mapping[str, str]) -> IndexEntry:
    """Make an entry of the texts by the names of ``_JSON_NAMES``."""
    url, date, surt = told["url"], told["date"], told["surt"]
    if not url or url == "-":
        raise _broken(line, "no address")
    if not _DATE.match(date):
        raise _broken(line, f"capture time {date[:20]!r}; expected 14 digits")
    try:
        moment = datetime.strptime(date, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise _broken(line, f"capture time {date!r}; expected a date that exists") from error
    return IndexEntry(
        # Some indexes sort by plain address; the rules and the order need it turned.
        surt=surt if ")" in surt else surt_of(url),
        captured_at=moment,
        url=url,
        media_type=_told(told["media_type"]).lower(),
        status=_number(line, told["status"], "status"),
        digest=_told(told["digest"]),
        length_bytes=_number(line, told["length"], "length"),
        offset_bytes=_number(line, told["offset"], "offset"),
        file=_told(told["file"]),
    )


def _told(text: str) -> str:
    return "" if text == "-" else text


def _number(line: str, text: str, name: str) -> int | None:
    if text in ("", "-"):
        return None
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise _broken(line, f"{name} {text[:20]!r}; expected a number")
    return int(text)


def _broken(line: str, what: str) -> RecordError:
    return RecordError(f"{what}: {line[:_SHOWN_CHARS]}", reason="broken_index_line")
