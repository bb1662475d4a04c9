"""Remote pictures: which machine is dialled, and what of its answer is taken. Servers here play the remote."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from make_hostile import noise, saved

from amalia.errors import RequestError
from amalia.serve.picture_addresses import web_address
from amalia.serve.picture_settings import PictureSettings
from amalia.serve.remote_pictures import RemotePictures, is_public

PLAIN = saved(noise(8, 8))
HOST = "fotos.example.pt"
Serve = Callable[[list[bytes], asyncio.StreamWriter], Awaitable[None]]


def answer(
    body: bytes = PLAIN, *headers: str, status: str = "200 OK", kind: str = "image/png"
) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *headers]
    if not any(
        header.lower().startswith(("content-length", "transfer-encoding")) for header in headers
    ):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Site:
    """A server on a loopback address that gives one answer after another and keeps what it was asked."""

    def __init__(self, *answers: bytes | Serve) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []
        self.port = 0

    @asynccontextmanager
    async def open(
        self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[Site]:
        server = await asyncio.start_server(self._serve, host, self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            given = self.answers[min(len(self.asked), len(self.answers)) - 1]
            if isinstance(given, bytes):
                writer.write(given)
                await writer.drain()
            else:
                await given(self.asked, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


class Names:
    """A look-up that gives one list of addresses after another."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def fetch(
    site: Site,
    *,
    names: Names | None = None,
    path: str = "/a.png",
    public: Callable[[Any], bool] = lambda _: True,
    **settings: Any,
) -> bytes:
    async def run() -> bytes:
        async with site.open():
            allowed = PictureSettings(allowed_hosts=(f"{HOST}:{site.port}",), **settings)
            remote = RemotePictures(
                allowed, look_up=names or Names(["127.0.0.1"]), is_public=public
            )
            try:
                return await remote.fetch(web_address(f"http://{HOST}:{site.port}{path}", allowed))
            finally:
                await remote.aclose()

    return asyncio.run(run())


def refusal(site: Site, **how: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        fetch(site, **how)
    assert "\n" not in str(caught.value)
    return caught.value


def failed(site: Site, words: str, **how: Any) -> None:
    error = refusal(site, **how)
    assert (error.status, error.code) == (400, "failed_to_download_image")
    assert words in str(error)


def test_a_picture_is_fetched_as_anybody_and_without_encoding(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site = Site(answer())
    assert fetch(site, path="/a%20b.png?x=%C3%A7&y=a+b") == PLAIN
    (asked,) = site.asked
    lines = asked.decode().split("\r\n")
    assert lines[0] == "GET /a%20b.png?x=%C3%A7&y=a+b HTTP/1.1"
    assert f"Host: {HOST}:{site.port}" in lines
    assert "Accept-Encoding: identity" in lines
    assert "User-Agent: amalia" in lines
    assert not any(
        line.lower().startswith(("cookie", "authorization", "referer")) for line in lines
    )


def test_chunks_and_answers_without_length_are_read():
    chunked = answer(
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(PLAIN), PLAIN),
        "Transfer-Encoding: chunked",
        kind="image/webp; a=b",
    )
    assert fetch(Site(chunked)) == PLAIN
    assert fetch(Site(b"HTTP/1.0 200 OK\r\nContent-Type: IMAGE/PNG\r\n\r\n" + PLAIN)) == PLAIN


PRIVATE = (
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1",
    "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "100.127.255.255", "192.0.0.192",
    "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "168.63.129.16", "::", "::1", "::7f00:1", "::127.0.0.1", "::8.8.8.8",
    "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:169.254.169.254", "::ffff:0:8.8.8.8", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000::1",
    "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1", "3ffe::1",
    "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fe80::1%eth0",
    "2a00:1450:4003::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
)  # fmt: skip
PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255",
    "172.32.0.0", "168.63.129.15", "193.136.0.1", "223.255.255.255", "2606:4700::1111", "2001:690::1", "2001:200::1",
    "2a00:1450:4003::1",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_everybody_s_are_not_dialled(address):
    assert not is_public(ipaddress.ip_address(address))
    site = Site(answer())
    for found in ([address], ["8.8.8.8", address], [address, "8.8.8.8"]):
        failed(site, "not public", names=Names(found), public=is_public)
    assert site.asked == []


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_are_public(address):
    assert is_public(ipaddress.ip_address(address))


def test_every_address_that_python_calls_private_is_not_public():
    for first in range(256):
        for second in (0, 1, 16, 31, 64, 100, 127, 168, 254, 255):
            address = ipaddress.IPv4Address(f"{first}.{second}.0.1")
            if is_public(address):
                assert address.is_global
                assert not address.is_multicast
    for first in range(0, 2**16, 37):
        six = ipaddress.IPv6Address(f"{first:x}::1")
        if is_public(six):
            assert six.is_global
            assert not (
                six.is_multicast
                or six.is_reserved
                or six.sixtofour
                or six.teredo
                or six.ipv4_mapped
            )


def test_a_name_is_looked_up_once_and_the_checked_address_is_dialled():
    """Rebinding: the second answer would lead to another machine."""
    site = Site(answer())
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    only_first = ipaddress.ip_address("127.0.0.1").__eq__
    assert fetch(site, names=names, public=only_first) == PLAIN
    assert names.asked == [HOST]


def test_each_hop_is_looked_up_and_checked_again():
    site = Site(answer(b"", "Location: /b.png", status="302 Found"), answer())
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    only_first = ipaddress.ip_address("127.0.0.1").__eq__
    failed(site, "not public", names=names, public=only_first)
    assert names.asked == [HOST, HOST]
    assert len(site.asked) == 1


@pytest.mark.parametrize("found", [[], ["nem.endereço"], ["1.2.3"], ["127.0.0.1/8"]])
def test_a_look_up_that_gives_nonsense_is_a_refusal(found):
    site = Site(answer())
    assert refusal(site, names=Names(found)).code == "failed_to_download_image"
    assert site.asked == []


def test_a_look_up_that_fails_or_hangs_is_a_refusal():
    def failing(_: str) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    def hanging(_: str) -> list[str]:
        time.sleep(0.6)
        return ["127.0.0.1"]

    failed(Site(answer()), "ClientConnectorDNSError", names=failing)
    failed(Site(answer()), "had not come after 0.2 s", names=hanging, fetch_timeout_s=0.2)


@pytest.mark.parametrize("status", ["301 A", "302 A", "303 A", "307 A", "308 A"])
@pytest.mark.parametrize(
    "location", ["/b.png", "b.png", "?x=1", "//{site}/b.png", "http://{site}/b.png"]
)
def test_redirects_within_what_is_allowed_are_followed(status, location):
    site = Site(b"", answer())

    async def redirect(_: list[bytes], writer: asyncio.StreamWriter) -> None:
        place = location.format(site=f"{HOST}:{site.port}")
        writer.write(answer(b"", f"Location: {place}", "Set-Cookie: a=b", status=status))

    site.answers[0] = redirect
    assert fetch(site) == PLAIN
    assert len(site.asked) == 2
    assert b"ookie" not in site.asked[1]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/", "http://127.0.0.1:8000/v1/models", "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/", "http://localhost/", "http://metadata.google.internal/", "//127.0.0.1/", "file:///etc/passwd",
        "ftp://fotos.example.pt/a", "http://fotos.example.pt:22/", "http://fotos.example.pt@127.0.0.1/",
        "//evil.example/", "http://2130706433/", "data:image/png;base64,AAAA", "javascript:alert(1)",
        "http://evil.example/\\@fotos.example.pt",
    ],
)  # fmt: skip
def test_redirects_to_anything_else_are_refused(location):
    site = Site(answer(b"", f"Location: {location}", status="302 Found"), answer())
    error = refusal(site)
    assert error.status == 400
    assert len(site.asked) == 1


@pytest.mark.parametrize("header", ["X: y", "Location: ", "Location: http://fotos.example.pt/\xe7"])
def test_a_redirect_to_nowhere_ends(header):
    site = Site(answer(b"", header, status="302 Found"))
    assert refusal(site).status == 400
    assert len(site.asked) <= 4


def test_redirects_have_an_end():
    site = Site(answer(b"", "Location: /a.png", status="302 Found"))
    failed(site, "more than 3 redirects")
    assert len(site.asked) == 4
    site = Site(answer(b"", "Location: /a.png", status="302 Found"))
    failed(site, "more than 0 redirects", max_redirects=0)
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (answer(status="404 Not Found"), "it answered 404"),
        (answer(status="206 Partial Content"), "it answered 206"),
        (answer(b"", status="204 No Content"), "it answered 204"),
        (answer(b"", status="304 Not Modified"), "it answered 304"),
        (answer(status="500 No"), "it answered 500"),
        (answer(kind="text/html"), "'text/html' and no image"),
        (answer(kind="application/json"), "no image"),
        (answer(kind="imagem/png"), "no image"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "no image"),
        (
            answer(gzip.compress(b"\0" * 50_000_000), "Content-Encoding: gzip"),
            "the encoding 'gzip'",
        ),
        (answer(PLAIN, "Content-Encoding: br"), "the encoding 'br'"),
        (answer(PLAIN, "Content-Encoding: gzip, gzip"), "the encoding"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "ClientResponseError"),
        (b"", "ServerDisconnectedError"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\nContent-Type: image/png\r\n\r\n",
            "could not be fetched",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\nContent-Type: image/png\r\n\r\n",
            "could not be fetched",
        ),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", "could not be fetched"),
        (answer(PLAIN[:20], f"Content-Length: {len(PLAIN)}"), "ClientPayloadError"),
        (answer(b"zz\r\n", "Transfer-Encoding: chunked"), "could not be fetched"),
    ],
)
def test_answers_that_are_no_picture_are_refused(given, words):
    failed(Site(given), words)


def test_a_length_beyond_the_limit_is_refused_before_the_body():
    async def said(_: list[bytes], writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", "Content-Length: 200000000"))
        await writer.drain()
        await asyncio.sleep(5)

    started = time.monotonic()
    error = refusal(Site(said))
    assert (error.status, error.code) == (413, "image_file_too_large")
    assert "200,000,000 bytes" in str(error)
    assert time.monotonic() - started < 3


def test_a_body_without_end_is_cut_at_the_limit():
    sent = 0

    async def endless(_: list[bytes], writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: image/png\r\n\r\n")
        while True:
            writer.write(b"\0" * 65_536)
            await writer.drain()
            sent += 65_536

    error = refusal(Site(endless), max_bytes=300_000)
    assert (error.status, error.code) == (413, "image_file_too_large")
    assert sent < 20_000_000


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 5000\r\n\r\n"]
)
def test_a_server_that_drips_is_left_at_the_deadline(head):
    async def drip(_: list[bytes], writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for letter in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100:
            writer.write(bytes([letter]))
            await writer.drain()
            await asyncio.sleep(0.02)

    started = time.monotonic()
    failed(Site(drip), "had not come after 0.3 s", fetch_timeout_s=0.3)
    assert time.monotonic() - started < 2


def test_a_port_where_nobody_listens_is_a_refusal():
    site = Site(answer())

    async def run() -> None:
        async with site.open():
            pass
        allowed = PictureSettings(allowed_hosts=(f"{HOST}:{site.port}",))
        remote = RemotePictures(allowed, look_up=Names(["127.0.0.1"]), is_public=lambda _: True)
        with pytest.raises(RequestError, match="ClientConnectorError") as caught:
            await remote.fetch(web_address(f"http://{HOST}:{site.port}/", allowed))
        assert "127.0.0.1" not in str(caught.value)  # nothing of the network is told
        await remote.aclose()
        await remote.aclose()

    asyncio.run(run())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


def over_tls(certificate: Path, host: str, *answers: bytes) -> tuple[Site, Callable[[], bytes]]:
    site = Site(*answers)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    async def run() -> bytes:
        async with site.open(tls=tls):
            allowed = PictureSettings(allowed_hosts=(f"{host}:{site.port}",))
            remote = RemotePictures(allowed, look_up=Names(["127.0.0.1"]), is_public=lambda _: True)
            try:
                return await remote.fetch(web_address(f"https://{host}:{site.port}/a.png", allowed))
            finally:
                await remote.aclose()

    return site, lambda: asyncio.run(run())


def test_a_certificate_is_verified_for_the_name_though_an_address_is_dialled(
    certificate, monkeypatch
):
    _, run = over_tls(certificate, HOST, answer())
    with pytest.raises(RequestError, match="ClientConnectorCertificateError"):
        run()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    _, run = over_tls(certificate, HOST, answer())
    assert run() == PLAIN
    site, run = over_tls(certificate, "outro.example.pt", answer())
    with pytest.raises(RequestError, match="ClientConnectorCertificateError"):
        run()
    assert site.asked == []


def test_no_redirect_leads_from_https_to_http(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    site, run = over_tls(certificate, HOST, b"")

    async def redirect(_: list[bytes], writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", f"Location: http://{HOST}:{site.port}/", status="302 Found"))

    site.answers[0] = redirect
    with pytest.raises(RequestError, match="from https to http"):
        run()
