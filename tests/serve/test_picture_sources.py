"""Pictures come in the request or from allowed hosts; every other address is refused and nothing opened."""

from __future__ import annotations

import asyncio
import base64
import builtins
import io
import os
import socket
from pathlib import Path

import make_hostile
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_hostile import noise, saved
from pydantic import ValidationError

from amalia.errors import RequestError
from amalia.serve.picture_addresses import WebAddress, web_address
from amalia.serve.picture_sources import PictureSettings, PictureSource, data_of

PLAIN = saved(noise(8, 8))
SETTINGS = PictureSettings(allowed_hosts=make_hostile.HOSTS)


class Remote:
    """Stands for the network: keeps what would be fetched."""

    def __init__(self) -> None:
        self.fetched: list[WebAddress] = []

    async def fetch(self, address: WebAddress) -> bytes:
        self.fetched.append(address)
        return PLAIN

    async def aclose(self) -> None:
        pass


def read(url: str, settings: PictureSettings = SETTINGS, remote: Remote | None = None) -> bytes:
    source = PictureSource(settings, remote or Remote())  # type: ignore[arg-type]
    return asyncio.run(source.read(url))


def refusal(url: str, settings: PictureSettings = SETTINGS) -> RequestError:
    remote = Remote()
    with pytest.raises(RequestError) as caught:
        read(url, settings, remote)
    assert remote.fetched == []
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    return caught.value


def data_url(data: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "gif", "jpg", "PNG", "x-png", "pjpeg"])
def test_a_picture_in_the_request_comes_as_its_bytes_whatever_it_calls_itself(kind):
    assert read(data_url(PLAIN, kind)) == PLAIN
    assert read(data_url(PLAIN, kind).replace("data:image", "DATA:Image")) == PLAIN


@given(data=st.binary(max_size=300))
def test_base64_comes_back(data):
    assert read(data_url(data)) == data


@pytest.mark.parametrize("num_bytes", [0, 1, 196_607, 196_608, 196_609, 500_000, 1_000_001])
def test_large_pictures_are_decoded_in_pieces(num_bytes):
    data = os.urandom(num_bytes)
    assert read(data_url(data)) == data


@pytest.mark.parametrize("url", make_hostile.refused_data(), ids=lambda url: repr(url[:40]))
def test_data_addresses_are_read_strictly(url):
    error = refusal(url)
    assert error.status == 400
    assert error.code in (
        "invalid_image_url",
        "unsupported_image_media_type",
        "invalid_base64_image",
    )


def test_broken_base64_is_found_in_every_piece():
    whole = base64.b64encode(os.urandom(600_000)).decode()
    for place in (10, 2**18 - 1, 2**18, 2**18 + 1, 2**19, len(whole) - 1):
        for letter in ("!", "\n", "é", "="):
            url = f"data:image/png;base64,{whole[:place]}{letter}{whole[place + 1 :]}"
            if letter == "=" and place == len(whole) - 1:
                continue
            assert refusal(url).code == "invalid_base64_image"


def test_length_is_checked_before_anything_is_decoded(monkeypatch):
    settings = PictureSettings(max_bytes=1000)
    assert read(data_url(b"a" * 1000), settings) == b"a" * 1000

    def decoded(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("binascii.a2b_base64", decoded)
    for num_bytes in (1001, 1003, 3_000_000):
        error = refusal(data_url(b"a" * num_bytes), settings)
        assert (error.status, error.code) == (413, "image_file_too_large")
        assert "expected at most 1,000" in str(error)


@pytest.mark.parametrize("url", make_hostile.refused_addresses(), ids=lambda url: repr(url[:50]))
def test_every_other_address_is_refused_without_opening_or_asking_anything(url, monkeypatch):
    def opened(*arguments: object, **_: object) -> None:
        raise AssertionError(arguments)

    loop_needs = socket.socketpair  # asyncio's own
    for owner, name in (
        (builtins, "open"), (io, "open"), (os, "open"), (os, "stat"), (Path, "open"), (Path, "read_bytes"),
        (Path, "exists"), (Path, "is_file"), (socket, "getaddrinfo"), (socket, "create_connection"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, opened)
    assert socket.socketpair is loop_needs
    error = refusal(url)
    assert (error.status, error.code) == (400, "invalid_image_url")
    assert "data:image/png|jpeg|webp|gif;base64" in str(error)
    assert "fotos.example.pt, *.museu.example.pt" in str(error)


def test_at_least_a_hundred_of_each_kind_are_tried():
    assert len(set(make_hostile.refused_addresses())) >= 150
    assert len(make_hostile.refused_pictures()) >= 150


def test_no_host_is_allowed_by_default():
    error = refusal("https://fotos.example.pt/a.png", PictureSettings())
    assert str(error) == (
        "the address of the picture 'https://fotos.example.pt/a.png' is refused; expected "
        "data:image/png|jpeg|webp|gif;base64,… ; no host is allowed here; send the picture itself"
    ).replace("… ;", "…;")


def test_a_password_is_not_repeated():
    assert "segredo" not in str(refusal("https://ana:segredo@fotos.example.pt/a.png"))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://fotos.example.pt/a.png", ("https", "fotos.example.pt", 443, "/a.png")),
        ("http://fotos.example.pt", ("http", "fotos.example.pt", 80, "/")),
        ("HTTPS://Fotos.Example.PT/A.png", ("https", "fotos.example.pt", 443, "/A.png")),
        ("http://fotos.example.pt:443/a", ("http", "fotos.example.pt", 443, "/a")),
        ("https://a.museu.example.pt?x=%C3%A7&y=[1]|2#fim", ("https", "a.museu.example.pt", 443, "/?x=%C3%A7&y=[1]|2")),
        ("https://a.b.museu.example.pt/a@b:c;d,e'(f)!$*+=~_-.", ("https", "a.b.museu.example.pt", 443,
                                                              "/a@b:c;d,e'(f)!$*+=~_-.")),
        ("https://arquivo.example.pt:8443/a", ("https", "arquivo.example.pt", 8443, "/a")),
        ("https://xn--aa-eja.museu.example.pt/", ("https", "xn--aa-eja.museu.example.pt", 443, "/")),
    ],
)  # fmt: skip
def test_addresses_of_allowed_hosts_are_taken_apart(url, address):
    assert web_address(url, SETTINGS) == address
    remote = Remote()
    assert read(url, SETTINGS, remote) == PLAIN
    assert remote.fetched == [address]
    assert web_address(address_url(address), SETTINGS) == address


def address_url(address: tuple[str, str, int, str]) -> str:
    return WebAddress(*address).url


@given(
    url=st.text(max_size=60) | st.from_regex(r"https?://[a-z0-9.@:\\/\[\]%-]{0,40}", fullmatch=True)
)
def test_no_address_leads_to_a_host_that_is_not_allowed(url):
    try:
        address = web_address(url, SETTINGS)
    except RequestError:
        return
    assert SETTINGS.allows(address.host, address.port)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"allowed_hosts": ("*",)}, "is no host"),
        ({"allowed_hosts": ("*.pt",)}, "whole top-level domain"),
        ({"allowed_hosts": ("a.*.pt",)}, "is no host"),
        ({"allowed_hosts": ("127.0.0.1",)}, "is no host"),
        ({"allowed_hosts": ("10.0.0.1:80",)}, "is no host"),
        ({"allowed_hosts": ("[::1]",)}, "is no host"),
        ({"allowed_hosts": ("Fotos.example.pt",)}, "lower-case"),
        ({"allowed_hosts": ("https://fotos.example.pt",)}, "is no host"),
        ({"allowed_hosts": ("fotos.example.pt/a",)}, "is no host"),
        ({"allowed_hosts": ("fotos.example.pt:99999",)}, "is no host"),
        ({"allowed_hosts": ("exposição.pt",)}, "xn--"),
        ({"formats": ("svg",)}, "expected some of bmp, gif, jpeg, png, tiff, webp"),
        ({"formats": ()}, "at least 1"),
        ({"max_pixels": 40_000_001}, "40000000"),
        ({"max_pixels": 40_000_000}, "worker_memory_bytes is 1,073,741,824, too little"),
        ({"max_aspect": 51}, "50"),
        ({"folder": "/"}, "Extra inputs"),
    ],
)
def test_settings_that_would_let_anything_in_are_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        PictureSettings(**settings)


def test_a_worker_s_thread_decodes_what_is_large(monkeypatch):
    called = []
    threads = asyncio.to_thread

    async def to_thread(*arguments: object) -> object:
        called.append(arguments[0])
        return await threads(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    asyncio.run(data_of(data_url(b"a" * 1000), SETTINGS))
    assert called == []
    asyncio.run(data_of(data_url(b"a" * 300_000), SETTINGS))
    assert len(called) == 1
