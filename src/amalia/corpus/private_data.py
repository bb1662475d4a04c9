"""Personal data in documents: found with check digits, taken out, and sealed for who has the key.

What stands in the place of a number or address says what it was («[NIF removido]»), so that a model learns that
something stands there and not what. With a key the values are kept beside the documents, encrypted with AES-SIV
(RFC 5297), which gives the same bytes each time; without one they are gone for good.

Not covered: names, addresses without a postal code, faces, and what ``amalia.identifiers`` names as not covered.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field

from amalia import identifiers
from amalia.errors import ArtifactError, MissingExtra, RecordError
from amalia.identifiers import Hit
from amalia.recipe import Settings

PrivateKind = Literal[
    "nif", "niss", "cartao_cidadao", "iban", "payment_card", "phone", "email", "licence_plate", "postal_code", "ip"
]  # fmt: skip
_KINDS: tuple[PrivateKind, ...] = get_args(PrivateKind)

_IP = re.compile(
    r"(?<![\w.:])(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?![\w:]|\.[0-9])",
    re.IGNORECASE,
)
# Without a digit or one of these signs nothing that is looked for can stand in a text.
_ANY = re.compile(r"[0-9@]|::")
# «versão 1.2.3.4» is no address of a computer.
_VERSION = re.compile(r"(?:vers(?:ão|ao|ion)|v\.?|build|release)\s*$", re.IGNORECASE)
_LOOK_BACK_CHARS = 12


class PrivateData(Settings):
    """What is taken out of documents."""

    kinds: tuple[PrivateKind, ...] = tuple(kind for kind in _KINDS if kind != "postal_code")
    """A postal code says where somebody lives only beside a name, and every address of a shop has one."""
    key_file: Path | None = Field(default=None)
    """File with the key that seals what was taken out, made by ``amalia data new-key``; none: it is gone."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without its personal data."""

    text: str
    counts: Mapping[str, int]
    """By kind; kinds that were not found are left out."""
    values: tuple[tuple[str, str], ...]
    """Kind and value, in the order of the text: what ``Seal.sealed`` keeps."""


def masked(text: str, kinds: Sequence[str]) -> Masked:
    """Take personal data of some kinds out of a text."""
    if not _ANY.search(text):
        return Masked(text, {}, ())
    hits = [*identifiers.find(text), *_addresses(text)]
    found = sorted((hit for hit in hits if hit.category in kinds), key=lambda hit: hit.start)
    if not found:
        return Masked(text, {}, ())
    kept: list[Hit] = []
    for hit in found:
        if not kept or hit.start >= kept[-1].end:
            kept.append(hit)
    counts = Counter(hit.category for hit in kept)
    values = tuple((hit.category, text[hit.start : hit.end]) for hit in kept)
    return Masked(identifiers.redact(text, kept), dict(sorted(counts.items())), values)


class Seal:
    """Encrypts what was taken out, for who has the key."""

    def __init__(self, key: bytes) -> None:
        """Take a key, as ``new_key`` writes it.

        Raises:
            ArtifactError: It is none.
        """
        try:
            self._cipher: Any = _siv()(base64.b64decode(key, validate=True))
        except (ValueError, binascii.Error) as error:
            raise ArtifactError(
                f"the key of private data has {len(key)} characters and is none; expected one that  amalia data "
                "new-key FILE  has made; give that file"
            ) from error

    @classmethod
    def load(cls, file: Path) -> Seal:
        """Read a key.

        Raises:
            ArtifactError: There is no such file, or no key in it.
        """
        try:
            return cls(file.read_bytes().strip())
        except OSError as error:
            raise ArtifactError(
                f"the key file {file} cannot be read ({error.strerror}); make one with  amalia data new-key {file}"
            ) from error

    def sealed(self, name: str, values: Iterable[tuple[str, str]]) -> str:
        """Encrypt what was taken out of a document.

        Args:
            name: Of the document; the seal opens with no other name.
            values: Kind and value, in the order of the text.
        """
        told = json.dumps([list(value) for value in values], ensure_ascii=False).encode()
        return base64.b64encode(self._cipher.encrypt(told, [name.encode()])).decode()

    def opened(self, name: str, sealed: str) -> tuple[tuple[str, str], ...]:
        """Give back what was taken out.

        Raises:
            RecordError: The key is another, or the seal was changed or belongs to another document.
        """
        from cryptography.exceptions import InvalidTag

        try:
            told = self._cipher.decrypt(base64.b64decode(sealed), [name.encode()])
        except (InvalidTag, ValueError) as error:
            raise RecordError(
                f"the seal of {name} does not open; expected the key it was made with, and a seal of this document"
            ) from error
        return tuple((str(kind), str(value)) for kind, value in json.loads(told))


def new_key(file: Path) -> None:
    """Make a key that only the owner of the file may read.

    Raises:
        ArtifactError: The file is there already, or cannot be written.
    """
    try:
        with file.open("xb") as made:
            file.chmod(0o600)
            made.write(base64.b64encode(_siv().generate_key(512)) + b"\n")
    except FileExistsError as error:
        raise ArtifactError(
            f"{file} is there already, and what was sealed with its key opens with no other; give another name"
        ) from error
    except OSError as error:
        raise ArtifactError(
            f"{file} cannot be written ({error.strerror}); give another name"
        ) from error


def _addresses(text: str) -> Iterable[Hit]:
    """Give addresses of computers that are somebody's: not those of every house, and no version numbers."""
    for match in _IP.finditer(text):
        if _VERSION.search(text, max(0, match.start() - _LOOK_BACK_CHARS), match.start()):
            continue
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            continue
        if address.is_global:
            yield Hit("ip", *match.span())


def _siv() -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV
    except ImportError as error:
        raise MissingExtra("Sealing private data", "corpus") from error
    return AESSIV
