"""Pages that are left out for their address alone: for adults, gambling, spam, and whatever hosts a user lists.

Rows of ``address_words.tsv`` were written for this package and say why they are there. ``host`` and ``suffix`` hold for
a host and all below it, ``within`` for any part of a host's name, ``word`` for a whole word of the address. A
``hint`` means nothing alone: it takes two different ones of a kind, or one with two ``common`` words beside it. Words
are whole: «sexta-feira», «essex.ac.uk», «analise» hold none. «casino-estoril.pt» stays, as «casino» is a hint.
``allowed`` names what only looks so.

Not covered: what an address does not show; hijacked hosts; hosts that nobody listed. Lists are no judgement of people's
lawful business, only of what a language model should read; hand the lists of a court or a regulator in as hosts.
"""

from __future__ import annotations

import csv
import gzip
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from amalia.errors import RecordError

FILE = Path(__file__).with_name("address_words.tsv")
_GZIP = b"\x1f\x8b"
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://")
_AFTER_HOST = re.compile(r"[/?#]")
_WORD = re.compile(r"[a-z0-9]+")
_ENTRY = re.compile(r"(?:\*\.|\|\||\.)?([^\s/^$|#:]+\.?)(?:\^\S*)?")
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?")
_NOWHERE = frozenset(("0.0.0.0", "127.0.0.1", "::1", "::", "255.255.255.255", "fe80::1%lo0"))
_LOCAL = frozenset(
    "localhost localhost.localdomain local broadcasthost ip6-localhost ip6-loopback".split()
)


@dataclass(frozen=True, slots=True)
class Words:
    """What of an address speaks for one kind of page."""

    kind: str
    hosts: frozenset[str]
    within: tuple[str, ...]
    words: frozenset[str]
    hints: frozenset[str]
    common: frozenset[str]
    """Words of any shop or video page, which add to a hint."""


@dataclass(frozen=True, slots=True)
class AddressLists:
    """Words by kind, and hosts by the name of their list."""

    words: tuple[Words, ...]
    allowed: tuple[str, ...]
    hosts: Mapping[str, frozenset[str]]
    """By a ``snake_case`` name; each holds for all hosts below it too."""


_MAX_URL_CHARS = 2000
_MAX_HOST_CHARS = 253  # of DNS
_HINT, _COMMON, _ENOUGH = 2, 1, 4


def why_not(url: str, lists: AddressLists) -> str | None:
    """Say why a page is left out for its address; None when it stays.

    Args:
        url: With or without a scheme; letters with accents, in percent code or not, count as those without.
        lists: From ``packaged`` or ``with_hosts``.

    Returns:
        ``address_adult``, ``address_gambling``, ``address_spam``, or ``address_in_`` with the name of a list.
    """
    url = url[:_MAX_URL_CHARS]
    host, rest = _parted(_folded(url))
    above = _above(host)
    if lists.hosts:
        # With its accents, as lists have it.
        exact = above if url.isascii() else _above(_ascii(_parted(url.strip().lower())[0]))
        for name, hosts in lists.hosts.items():
            if not hosts.isdisjoint(exact):
                return f"address_in_{name}"
    for one in lists.allowed:
        host = host.replace(one, "")
    labels = host.removeprefix("www.")
    found = set(_WORD.findall(f"{labels} {rest}"))
    for kind in lists.words:
        if (
            not kind.hosts.isdisjoint(above)
            or any(part in labels for part in kind.within)
            or not kind.words.isdisjoint(found)
        ):
            return f"address_{kind.kind}"
        num_hints, num_common = len(kind.hints & found), len(kind.common & found)
        if num_hints and _HINT * num_hints + _COMMON * num_common >= _ENOUGH:
            return f"address_{kind.kind}"
    return None


@cache
def packaged() -> AddressLists:
    """Give the lists of this package, without any hosts of a user."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    kinds = dict.fromkeys(row["kind"] for row in rows if row["where"] != "allowed")

    def entries(kind: str, *where: str) -> list[str]:
        return [row["entry"] for row in rows if row["kind"] == kind and row["where"] in where]

    return AddressLists(
        tuple(
            Words(
                kind,
                frozenset(entries(kind, "host", "suffix")),
                tuple(entries(kind, "within")),
                frozenset(entries(kind, "word")),
                frozenset(entries(kind, "hint")),
                frozenset(entries(kind, "common")),
            )
            for kind in kinds
        ),
        # The longest first, so that «pornichet» goes before «pornic».
        tuple(sorted(entries("any", "allowed"), key=len, reverse=True)),
        {},
    )


def with_hosts(lists: AddressLists, **hosts: frozenset[str]) -> AddressLists:
    """Give lists with those of a user added; the name of each becomes part of its reason."""
    return AddressLists(lists.words, lists.allowed, {**lists.hosts, **hosts})


def read_hosts(path: Path) -> frozenset[str]:
    """Read a list of hosts, plain or gzip.

    A line is a host («exemplo.pt», «*.exemplo.pt», «.exemplo.pt»), a line of a hosts file («0.0.0.0 exemplo.pt»), or
    a rule of a blocker for a whole host («||exemplo.pt^»). After # or ! stands a remark; empty lines are allowed.

    Raises:
        RecordError: The file is missing, is no text, or a line is none of these.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data.startswith(_GZIP) else data).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise RecordError(
            f"cannot read the list of hosts {path}: {error}; give a text or gzip file of hosts",
            reason="host_list_unreadable",
        ) from error
    return frozenset(_hosts(text.splitlines(), path))


def _hosts(lines: Iterable[str], path: Path) -> Iterable[str]:
    for number, line in enumerate(lines, 1):
        parts = line.partition("#")[0].split()
        if not parts or line.startswith("!"):
            continue
        if parts[0] in _NOWHERE:
            parts = [part for part in parts[1:] if part not in _LOCAL and part not in _NOWHERE]
        for part in parts:
            match = _ENTRY.fullmatch(part)
            host = _ascii(match[1].lower().rstrip(".")) if match else ""
            if not _HOST.fullmatch(host):
                raise RecordError(
                    f"line {number} of {path} is {line.strip()[:80]!r}; expected a host, such as exemplo.pt",
                    reason="host_list_unreadable",
                )
            yield host


def _folded(url: str) -> str:
    """Give an address in small letters without accents and percent code."""
    if "%" in url or not url.isascii():
        letters = unicodedata.normalize("NFKD", unquote(url))
        url = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return url.strip().lower()


def _parted(address: str) -> tuple[str, str]:
    """Give the host of an address in small letters, and what follows it."""
    address = _SCHEME.sub("", address).removeprefix("//")
    place = _AFTER_HOST.search(address)
    cut = place.start() if place else len(address)
    host = address[:cut].rpartition("@")[2].partition(":")[0].strip(".")
    return host[-_MAX_HOST_CHARS:], address[cut:]


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return ""


def _above(host: str) -> set[str]:
    """Give a host and the ones it stands below: «a.b.pt», «b.pt», «pt»."""
    labels = host.split(".")
    return {".".join(labels[place:]) for place in range(len(labels))}
