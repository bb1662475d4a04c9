"""Fetch a picture from an allowed host, and reach no machine that the public could not reach itself.

A host is looked up once for a connection, every address it has is checked, and one of those is dialled: the
look-up is the connector's own (a resolver of aiohttp's that checks), so there is no second look-up that
could answer otherwise. TLS is verified against the name as usual. Redirects are followed by hand, each as
strictly as the first address, and never from https to http. Of an answer only ``200``, ``image/*`` and no
encoding is taken, up to the limit of bytes, before one deadline for everything. No proxy, cookie,
credential or setting of the environment is used, except where OpenSSL finds its certificates.

aiohttp and not httpx, because a resolver is part of its interface, while httpx would need its pool replaced.

Not covered: a public machine that passes requests on into a private network, and a host of one's own
network: pictures from there have to come in the request.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from amalia.errors import RequestError
from amalia.serve.picture_addresses import WebAddress, too_long, web_address
from amalia.serve.picture_settings import PictureSettings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LookUp = Callable[[str], Sequence[str]]
"""Host → its addresses; may block, raises OSError where there are none."""

_AT_ONCE = 16
"""Fetches under way; the others wait within their deadline."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {
    "Accept": "image/*",
    # A compressed answer would have to be decompressed here, where no memory is capped.
    "Accept-Encoding": "identity",
    "User-Agent": "amalia",
}

# Written out, since what Python's own flags say differs between its versions. Sources: the special-purpose
# registries of IANA; 168.63.129.16 is the host behind every machine of one large cloud, though its address
# looks public. The other clouds' metadata are link-local, 100.100.100.200, 192.0.0.192 or fd00:ec2::254.
_NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    )
)  # fmt: skip
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
"""All that was ever given out; loopback, mapped, translated, local and multicast addresses lie outside."""
_NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20",
    )
)  # fmt: skip


def is_public(address: Address) -> bool:
    """Whether anybody on the internet may reach an address, so that reaching it gives nothing away."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    # An address of a scope (fe80::1%eth0) is of this machine's links.
    return (
        address.scope_id is None
        and address in _PUBLIC_V6
        and not any(address in network for network in _NOT_PUBLIC_V6)
    )


class RemotePictures:
    """Fetches pictures; one for a server."""

    def __init__(
        self,
        settings: PictureSettings,
        *,
        look_up: LookUp | None = None,
        is_public: Callable[[Address], bool] = is_public,
    ) -> None:
        """Open nothing yet.

        Args:
            settings: Hosts, limits and times.
            look_up: By default the system's.
            is_public: Which addresses may be dialled.
        """
        self._settings = settings
        self._resolver = _Checking(look_up or _addresses_of, is_public)
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, address: WebAddress) -> bytes:
        """Get a picture's bytes, which nothing has looked at yet.

        Args:
            address: As ``web_address`` gives it.

        Raises:
            RequestError: The host leads where it must not, does not answer in time or answers something
                else (400), or the picture has too many bytes (413).
        """
        timeout_s = self._settings.fetch_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                return await self._followed(address)
        except RequestError:
            raise
        except TimeoutError as error:
            raise _failed(address, f"it had not come after {timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Only the kind of error: its text would tell of the network around this machine.
            hidden = error.__cause__ if isinstance(error.__cause__, _NotPublic) else error
            told = str(hidden) if isinstance(hidden, _NotPublic) else type(error).__name__
            raise _failed(address, told) from error

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        await self._resolver.close()

    async def _followed(self, address: WebAddress) -> bytes:
        for _ in range(self._settings.max_redirects + 1):
            async with self._opened().get(
                URL(address.url, encoded=True), allow_redirects=False, headers=_HEADERS
            ) as answer:
                if answer.status not in _REDIRECTS:
                    return await self._read(address, answer)
                location = answer.headers.get("Location", "")
            following = web_address(urljoin(address.url, location), self._settings)
            if address.scheme == "https" and following.scheme == "http":
                raise _failed(address, "it redirects from https to http")
            address = following
        raise _failed(address, f"there were more than {self._settings.max_redirects} redirects")

    async def _read(self, address: WebAddress, answer: aiohttp.ClientResponse) -> bytes:
        if answer.status != 200:
            raise _failed(address, f"it answered {answer.status}")
        if not answer.content_type.startswith("image/"):
            raise _failed(address, f"it is {answer.content_type[:40]!r} and no image")
        encoding = answer.headers.get("Content-Encoding", "identity")
        if encoding.strip().lower() not in ("", "identity"):
            raise _failed(
                address, f"it came with the encoding {encoding[:20]!r}, which nobody asked for"
            )
        limit = self._settings.max_bytes
        if (answer.content_length or 0) > limit:
            raise too_long(answer.content_length or 0, self._settings)
        data = bytearray()
        async for piece in answer.content.iter_any():
            data += piece
            if len(data) > limit:
                raise too_long(len(data), self._settings)
        return bytes(data)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:  # made here, because it belongs to the loop that runs
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=self._resolver,
                    use_dns_cache=False,
                    ssl=ssl.create_default_context(),
                    limit=_AT_ONCE,
                    # A connection that is kept could be one of a host that has moved since.
                    force_close=True,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=self._settings.fetch_timeout_s),
            )
        return self._session


class _NotPublic(OSError):
    """A host has an address that must not be dialled."""


class _Checking(AbstractResolver):
    """Looks a host up and gives its addresses only if all of them may be dialled."""

    def __init__(self, look_up: LookUp, is_public: Callable[[Address], bool]) -> None:
        self._look_up = look_up
        self._is_public = is_public
        # Threads of its own: a look-up that hangs cannot be ended, and others need the loop's threads.
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="look-up")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._look_up, host)
        addresses = [ipaddress.ip_address(text) for text in found]
        if not addresses or not all(self._is_public(address) for address in addresses):
            raise _NotPublic("its host leads to an address that is not public")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
            if family
            in (socket.AF_UNSPEC, socket.AF_INET if address.version == 4 else socket.AF_INET6)
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses_of(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _failed(address: WebAddress, why: str) -> RequestError:
    return RequestError(
        f"the picture at {address.scheme}://{address.host}:{address.port} could not be fetched: {why}; send the "
        "picture itself as data:image/…;base64,…",
        code="failed_to_download_image",
    )
