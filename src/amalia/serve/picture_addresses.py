"""Addresses of pictures, read strictly, and what is said of those that are refused.

Read by a pattern and not by a forgiving parser, since two parsers that read an address differently are how
such checks are got around: hosts are names, never numbers; no user names, no backslashes, nothing but ASCII.
What is asked for afterwards is written anew from the parts.

Not covered: where a name leads; see ``remote_pictures``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from amalia.errors import RequestError
from amalia.serve.picture_settings import PictureSettings

MAX_URL_CHARS = 2048
_TOLD_CHARS = 60
_WEB = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<rest>[/?][!$&-;=?-Z_a-z~%\[\]|]*)?(?:#[!-~]*)?",
    re.IGNORECASE | re.ASCII,  # without, the Kelvin sign would be a k
)


class WebAddress(NamedTuple):
    """An http(s) address that was taken apart and whose host is allowed."""

    scheme: str
    host: str
    port: int
    target: str
    """Path and query."""

    @property
    def url(self) -> str:
        """The address written anew from its parts, so that no other reading of it is possible."""
        port = "" if self.port == {"http": 80, "https": 443}[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.target}"


def web_address(url: str, settings: PictureSettings) -> WebAddress:
    """Take an http(s) address apart, if it is well-formed and its host is allowed.

    Raises:
        RequestError: It is neither, or it is another kind of address (400).
    """
    found = _WEB.fullmatch(url) if len(url) <= MAX_URL_CHARS else None
    if not found:
        raise refused(url, settings)
    scheme, host = found["scheme"].lower(), found["host"].lower()
    port = int(found["port"] or {"http": 80, "https": 443}[scheme])
    if not settings.allows(host, port):
        raise refused(url, settings)
    target = found["rest"] or "/"
    return WebAddress(scheme, host, port, target if target.startswith("/") else f"/{target}")


def refused(
    url: str, settings: PictureSettings, *, code: str = "invalid_image_url"
) -> RequestError:
    """Say that an address is not taken, and which are."""
    # An address with a user name may hold a password, which nobody wants in a log.
    got = (
        "with a user name"
        if "@" in url
        else repr(url[:_TOLD_CHARS]).encode("ascii", "backslashreplace").decode()
    )
    more = "…" if len(url) > _TOLD_CHARS and "@" not in url else ""
    hosts = ", ".join(settings.allowed_hosts[:5]) + (
        ", …" if len(settings.allowed_hosts) > 5 else ""
    )
    data = f"data:image/{'|'.join(settings.formats)};base64,…"
    web = f" or http(s) of {hosts}" if hosts else "; no host is allowed here"
    return RequestError(
        f"the address of the picture {got}{more} is refused; expected {data}{web}; send the picture itself",
        code=code,
    )


def too_long(num_bytes: int, settings: PictureSettings) -> RequestError:
    """Say that a picture has too many bytes."""
    return RequestError(
        f"the picture has {num_bytes:,} bytes; expected at most {settings.max_bytes:,}; make it smaller",
        status=413,
        code="image_file_too_large",
    )
