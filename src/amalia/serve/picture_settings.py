"""Which pictures a server takes, from where, and what reading them may cost: settings of a recipe."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from amalia import pictures
from amalia.recipe import Settings

_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
# The last label has a letter first: no number in any notation is a name.
_NAME = rf"(?:{_LABEL}\.)*(?!-)[a-z][a-z0-9-]{{0,62}}(?<!-)"
_HOST = re.compile(rf"(?=[^:]{{1,253}}(?::|$))(?P<name>{_NAME})(?::(?P<port>[1-9][0-9]{{0,4}}))?")
_WEB_PORTS = (80, 443)
_MAX_PORT = 65535


class PictureSettings(Settings):
    """Which pictures a server takes, from where, and what reading them may cost."""

    max_bytes: int = Field(default=20 * 2**20, gt=0)
    """Of one picture, encoded."""
    max_pixels: int = Field(default=25_000_000, gt=0, le=pictures.MAX_PIXELS)
    """Width times height; each pixel takes three bytes of the server's memory while its request is served."""
    max_aspect: float = Field(default=pictures.MAX_ASPECT, ge=1, le=pictures.MAX_ASPECT)
    """Longer side divided by shorter side."""
    formats: tuple[str, ...] = Field(default=("png", "jpeg", "webp", "gif"), min_length=1)
    """Kinds that are taken, told by their bytes: ``png``, ``jpeg``, ``webp``, ``gif``, ``bmp``, ``tiff``."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts pictures may be fetched from, none by default: ``fotos.example.pt``, ``*.example.pt`` for every
    name below, with ``:8443`` behind it where the port is neither 80 nor 443."""
    fetch_timeout_s: float = Field(default=10.0, gt=0)
    """Longest time from looking up a host to the last byte, redirects included."""
    max_redirects: int = Field(default=3, ge=0, le=20)
    """Redirects that are followed; each leads to an allowed host or nowhere."""
    workers: int = Field(default=2, gt=0, le=64)
    """Processes that decode pictures."""
    worker_memory_bytes: int = Field(default=2**30, ge=2**28)
    """Memory that each of them may have, 0.13 GB for the program itself included."""
    decode_timeout_s: float = Field(default=10.0, gt=0)
    """Longest time for one picture; the process that needs longer is ended."""
    max_waiting: int = Field(default=64, ge=0)
    """Pictures that may wait for a process; the next one is refused with 429."""

    kept_bytes: int = Field(default=2**26, ge=0)
    """Memory for decoded pictures and the text read in them, which a conversation sends again with every turn;
    nothing of them is written to a disk. 0 keeps none."""

    @field_validator("formats")
    @classmethod
    def _are_readable(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        known = sorted(kind.removeprefix("image/") for kind in pictures.MEDIA_TYPES)
        for name in formats:
            if name not in known:
                raise ValueError(
                    f"{name} is no kind of picture; expected some of {', '.join(known)}"
                )
        return formats

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            found = _HOST.fullmatch(host.removeprefix("*."))
            if not found or int(found["port"] or 1) > _MAX_PORT:
                raise ValueError(
                    f"{host!r} is no host; expected a lower-case name like fotos.example.pt, *.example.pt or "
                    "fotos.example.pt:8443 (names with accents in their xn-- form, no addresses of numbers)"
                )
            if host.startswith("*.") and "." not in found["name"]:
                raise ValueError(f"{host} would allow a whole top-level domain; name the hosts")
        return hosts

    @model_validator(mode="after")
    def _fits_in_memory(self) -> PictureSettings:
        # Measured: 28 bytes a pixel for floating-point greys, 25 for WebP, 12 to 20 for the rest.
        needed = 30 * self.max_pixels + self.max_bytes + 2**27
        if self.worker_memory_bytes < needed:
            raise ValueError(
                f"worker_memory_bytes is {self.worker_memory_bytes:,}, too little for a picture of "
                f"{self.max_pixels:,} pixels; give {needed:,} or lower max_pixels"
            )
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """Media types that are taken."""
        return tuple(f"image/{name}" for name in self.formats)

    def allows(self, host: str, port: int) -> bool:
        """Whether pictures may be fetched from a host, written in lower case, at a port."""
        if not _HOST.fullmatch(host) or port > _MAX_PORT:
            return False
        for allowed in self.allowed_hosts:
            name, _, own_port = allowed.partition(":")
            is_named = host.endswith(name[1:]) if name.startswith("*.") else host == name
            if is_named and (port == int(own_port) if own_port else port in _WEB_PORTS):
                return True
        return False
