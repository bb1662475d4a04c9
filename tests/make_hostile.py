"""Pictures and addresses that somebody might send to a server to hurt it, made here and nowhere kept."""

from __future__ import annotations

import base64
import io
import struct
import zlib

import numpy as np
from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width: int = 64, height: int = 64) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *extra: bytes, rows: bytes = b"\0" * 9, depth: int = 8) -> bytes:
    """A PNG that claims a size, and has other chunks before its pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return PNG + head + b"".join(extra) + pixels + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    """A JPEG whose frame claims another size than it has."""
    data = bytearray(saved(noise(), "JPEG"))
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def gif(width: int, height: int, frame: tuple[int, int] | None = None) -> bytes:
    data = bytearray(saved(noise(8, 8), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    if frame:
        place = data.index(b"\x2c\0\0\0\0")
        data[place + 5 : place + 9] = struct.pack("<HH", *frame)
    return bytes(data)


def webp(width: int, height: int, *, frame: bytes = b"") -> bytes:
    """A WebP whose canvas claims a size."""
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    still = frame or saved(noise(8, 8), "WEBP")[12:]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size + still
    return b"RIFF" + struct.pack("<I", len(body)) + body


def animated_webp(canvas: int, frame: int) -> bytes:
    """An animation whose frame claims a size."""
    still = saved(noise(8, 8), "WEBP")[12:]
    sides = struct.pack("<I", frame - 1)[:3] * 2
    anmf = b"\0" * 6 + sides + b"\x64\0\0\0" + still
    frames = b"ANIM" + struct.pack("<I", 6) + b"\0" * 6
    frames += b"ANMF" + struct.pack("<I", len(anmf)) + anmf
    data = bytearray(webp(canvas, canvas, frame=frames))
    data[20] = 2
    return bytes(data)


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, *[0] * 6)


def tiff(width: int, height: int) -> bytes:
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: 4}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + b"\0" * 4


def scans(num_scans: int, side: int = 4096) -> bytes:
    """A progressive JPEG in which one pass over all pixels stands many times: minutes for a few kB."""
    data = saved(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    places = [n for n in range(len(data) - 1) if data[n : n + 2] == b"\xff\xda"]
    # A pass over higher frequencies, which are all zero, with the table of codes before it.
    start = data.rindex(b"\xff\xc4", 0, places[1])
    end = next(
        n for n in range(places[1] + 2, len(data) - 1)
        if data[n] == 0xFF and data[n + 1] not in (0, *range(0xD0, 0xD8))
    )  # fmt: skip
    return data[:end] + data[start:end] * num_scans + data[end:]


def wrong_crc(place: int) -> bytes:
    """A PNG in which a bit of a chunk's checksum is turned."""
    data = bytearray(saved(noise()))
    at = len(PNG)
    for _ in range(place):
        at += 12 + struct.unpack_from(">I", data, at)[0]
    (size,) = struct.unpack_from(">I", data, at)
    data[at + 8 + size] ^= 1
    return bytes(data)


def refused_pictures() -> dict[str, bytes]:
    """Pictures that must be refused, by what is wrong with them."""
    found = {}
    for width, height in ((20_000, 20_000), (65_500, 65_500), (65_535, 400), (6_000, 5_000)):
        makers = {"png": png, "jpeg": jpeg, "gif": gif, "webp": webp, "bmp": bmp, "tiff": tiff}
        for kind, make in makers.items():
            found[f"{kind} that claims {width}x{height}"] = make(width, height)
    for width, height in ((0, 64), (64, 0), (0, 0), (1, 1), (3, 64), (16, 900), (900, 16)):
        found[f"png of {width}x{height}"] = png(width, height)
        found[f"jpeg of {width}x{height}"] = jpeg(width, height)
        found[f"gif of {width}x{height}"] = gif(width, height)
    found["png of 2^32-1"] = png(2**32 - 1, 2**32 - 1)
    found["png of 2^31-1 by 4"] = png(2**31 - 1, 4)
    flat = zlib.compress(b"\0" * (3 * 6_000 + 1) * 6_000)
    found["png of one color, 36 megapixels"] = (
        png(6_000, 6_000).split(b"\0\0\0", 1)[0] + png(6_000, 6_000)[8:33] + chunk(b"IDAT", flat)
    )
    for kind in ("PNG", "JPEG", "WEBP", "GIF"):
        data = saved(noise(), kind)
        for tenth in range(1, 20):
            cut = len(data) * tenth // 21
            found[f"{kind} cut at byte {cut}"] = data[:cut]
        found[f"{kind} with zeros in its middle"] = data[: len(data) // 4] + b"\0" * 40
        found[f"{kind} signature and nothing"] = data[:12]
        found[f"{kind} signature and noise"] = data[:12] + noise().tobytes()[:2000]
    found["png with a wrong checksum of its header"] = wrong_crc(0)
    found["gif with a frame beyond its screen"] = gif(64, 64, frame=(60_000, 60_000))
    found["webp animation with a huge canvas"] = animated_webp(16_383, 8)
    found["webp of VP8L that claims 16384x16384"] = (
        b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8L" + struct.pack("<IBI", 18, 0x2F, 0x0FFFFFFF) + b"\0" * 9
    )  # fmt: skip
    foreign = {
        "nothing": b"",
        "text": "Olá, isto não é uma imagem.".encode(),
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "html": b"<!doctype html><img src=x>",
        "pdf": b"%PDF-1.7\n1 0 obj\n",
        "zip": b"PK\x03\x04" + b"\0" * 60,
        "program": b"\x7fELF\x02\x01\x01" + b"\0" * 60,
        "gzip": b"\x1f\x8b\x08" + b"\0" * 60,
        "avif": b"\0\0\0\x1cftypavif" + b"\0" * 60,
        "heic": b"\0\0\0\x18ftypheic" + b"\0" * 60,
        "icon": b"\0\0\x01\0\x01\0" + b"\0" * 60,
        "photoshop": b"8BPS\0\x01" + b"\0" * 60,
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9999 9999\n",
        "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 60,
        "numpy": b"\x93NUMPY\x01\0v\0{'descr': '|O'}",
        "pickle": b"\x80\x04\x95\x1f\0\0\0",
        "wave": b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 60,
        "portable pixmap": b"P6 64 64 255\n" + b"\0" * 64 * 64 * 3,
        "gif and script": b"GIF89a/*" + b"a" * 40 + b"*/=1;alert(1)",
        "jpeg and php": b"\xff\xd8\xff\xfe\0\x20<?php system($_GET['c']); ?>" + b"\0" * 60,
        "png and zip": PNG + b"PK\x03\x04" + b"\0" * 60,
        "jpeg of fill bytes": b"\xff\xd8" + b"\xff" * 500_000,
        "jpeg of empty segments": b"\xff\xd8" + b"\xff\xe1\0\x02" * 100_000,
        "jpeg of segments that overlap": b"\xff\xd8\xff\xe1\0\0" * 1000,
        "png of empty chunks": PNG + chunk(b"tEXt", b"") * 20_000,
        "webp of empty chunks": b"RIFF\xff\xff\xff\xffWEBP" + b"ABCD\0\0\0\0" * 20_000,
        "bitmap": saved(noise(), "BMP"),
        "tiff": saved(noise(), "TIFF"),
        "tiff that leads to itself": b"II*\0\x08\0\0\0" + b"\x01\0" + b"\0" * 12 + b"\x08\0\0\0",
        "png with a missing palette": PNG
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 3, 0, 0, 0))
        + chunk(b"IEND", b""),
        "png of depth 7": png(64, 64, depth=7),
        "png with ten bytes of pixels": png(64, 64),
    }
    return found | foreign


def odd_pictures() -> dict[str, bytes]:
    """Pictures that carry something large or broken beside their pixels: read or refused, as Pillow likes."""
    bomb = zlib.compress(b"\0" * 100_000_000)
    rows = (b"\0" + b"\x50" * 3 * 64) * 64
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" * 5_000
    still = saved(noise(), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 65_533) + exif[:65_531].ljust(65_531, b"\0")
    profile = b"\xff\xe2" + struct.pack(">H", 65_533) + b"ICC_PROFILE\0\x01\xff".ljust(65_531, b"x")
    return {
        "png with 100 MB of profile": png(64, 64, chunk(b"iCCP", b"icc\0\0" + bomb), rows=rows),
        "png with 100 MB of text": png(64, 64, chunk(b"zTXt", b"a\0\0" + bomb), rows=rows),
        "png with 50 times 100 MB of text": png(
            64, 64, chunk(b"zTXt", b"a\0\0" + bomb) * 50, rows=rows
        ),
        "png with 100 MB of pixels too many": png(64, 64, rows=rows + b"\0" * 100_000_000),
        "png with broken exif": png(64, 64, chunk(b"eXIf", exif), rows=rows),
        "jpeg with 65,535 entries of exif": still[:2] + segment + still[2:],
        "jpeg with 200 segments of exif": still[:2] + segment * 200 + still[2:],
        "jpeg with 255 segments of a profile": still[:2] + profile * 255 + still[2:],
        "jpeg and zip": still + b"PK\x03\x04" + b"\0" * 1000,
        "png with a wrong checksum of its pixels": wrong_crc(1),
        "webp animation with a huge frame": animated_webp(64, 16_384),
        "png and program": saved(noise()) + b"\x7fELF" + b"\0" * 1000,
        "gif of 5,000 frames": saved(noise(8, 8), "GIF")[:-1]
        + saved(noise(8, 8), "GIF")[13 + 768 : -1] * 5_000
        + b";",
    }


HOSTS = ("fotos.example.pt", "*.museu.example.pt", "arquivo.example.pt:8443")
"""What is allowed where these addresses are tried."""


def refused_addresses() -> list[str]:
    """Addresses that must be refused before anything is opened."""
    numbers = (
        "127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1",
        "017700000001", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0xa9fea9fe", "2852039166",
        "0251.0376.0251.0376", "100.100.100.200", "192.0.0.192", "168.63.129.16", "1.1.1.1", "255.255.255.255",
        "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fd00:ec2::254]", "[fe80::1%25eth0]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]", "127.0.0.1.", "127。0。0。1", "①②⑦.⓪.⓪.①",
    )  # fmt: skip
    names = (
        "localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "ip6-localhost", "metadata",
        "metadata.google.internal", "instance-data", "127.0.0.1.nip.io", "example.pt", "museu.example.pt",
        "fotos.example.pt.evil.example", "evilfotos.example.pt", "fotos.example.pt.", "xmuseu.example.pt",
        "fotos.example.pt@127.0.0.1", "127.0.0.1@fotos.example.pt", "user:pass@fotos.example.pt",
        "fotos.example.pt:22", "fotos.example.pt:0", "fotos.example.pt:99999", "fotos.example.pt:08080",
        "fotos.example.pt:", "fotos.example.pt:443:80", "arquivo.example.pt", "arquivo.example.pt:443",
        "fotos.example.pt\\@127.0.0.1", "fotos.example.pt\\.evil.example", "fotos.example.pt%2f@evil.example",
        "fotos.example.pt%00.evil.example", "fotos.example.pt%0d%0aHost:x", "fotоs.example.pt",
        "fotos.example。pt", "fotoſ.example.pt", "ｆotos.example.pt", "fotos.example.pt\u200b",
        "-a.museu.example.pt", "a-.museu.example.pt", ".museu.example.pt", "a..museu.example.pt",
        "a_b.museu.example.pt", "*.museu.example.pt", f"{'a' * 64}.museu.example.pt",
        f"{'a.' * 130}museu.example.pt", "fotos example.pt", "fotos.example.pt\n", "",
    )  # fmt: skip
    found = [f"{scheme}://{host}/a.png" for host in numbers for scheme in ("http", "https")]
    found += [f"https://{host}/a.png" for host in names]
    found += [
        "/etc/passwd", "etc/passwd", "./a.png", "../a.png", "~/a.png", "C:\\a.png", "\\\\host\\a.png", "a.png",
        "file:///etc/passwd", "FILE:///etc/passwd", "file:/etc/passwd", "file:a.png", "file://localhost/etc/passwd",
        "ftp://fotos.example.pt/a.png", "gopher://fotos.example.pt/", "dict://fotos.example.pt:11211/stat",
        "ldap://fotos.example.pt/", "jar:http://fotos.example.pt!/a", "netdoc:///etc/passwd", "s3://bucket/a.png",
        "gs://bucket/a.png", "sftp://fotos.example.pt/a", "tftp://fotos.example.pt/a", "unix:/run/a.sock",
        "php://filter/resource=a", "javascript:alert(1)", "about:blank", "blob:https://fotos.example.pt/1",
        "view-source:http://fotos.example.pt/", "ws://fotos.example.pt/", "//fotos.example.pt/a.png",
        "///fotos.example.pt/a.png", "http:fotos.example.pt", "http:/fotos.example.pt/a", "http:///a.png",
        "https:\\\\fotos.example.pt\\a", "http//fotos.example.pt", "://fotos.example.pt", ":", "", " ", "\0",
        " https://fotos.example.pt/a.png", "https://fotos.example.pt/a.png ", "https://fotos.example.pt/a b",
        "https://fotos.example.pt/a\tb", "https://fotos.example.pt/a\r\nHost: x", "https://fotos.example.pt/ç",
        "https://fotos.example.pt/\\..\\", "https://fotos.example.pt/<a>", 'https://fotos.example.pt/"a"',
        "https://fotos.example.pt/" + "a" * 3000, "https://" + "a" * 100_000, "Kttp://fotos.example.pt/",
        "url:https://fotos.example.pt/a.png", "<https://fotos.example.pt/a.png>",
    ]  # fmt: skip
    return found


def refused_data() -> list[str]:
    """``data:`` addresses that must be refused."""
    plain = base64.b64encode(saved(noise(8, 8))).decode()
    return [
        "data:", "data:,", "data:;base64,", "data:image/png", "data:image/png,", "data:image/png;base64",
        f"data:image/png,{plain}", f"data:;base64,{plain}", f"data:text/plain;base64,{plain}",
        f"data:text/html;base64,{plain}", f"data:image/svg+xml;base64,{plain}", f"data:image/bmp;base64,{plain}",
        f"data:application/octet-stream;base64,{plain}", f"data:application/x-npy;base64,{plain}",
        f"data:image/*;base64,{plain}", f"data:image/;base64,{plain}", f"data:image/png;charset=utf-8;base64,{plain}",
        f"data:image/png;base64;base64,{plain}", f"data: image/png;base64,{plain}", f"data:image/png; base64,{plain}",
        f"data:image/png;base64 ,{plain}", f"data://image/png;base64,{plain}", f"data:image/pnɡ;base64,{plain}",
        f"data:image/png;base64,{plain}\n", f"data:image/png;base64,{plain[:40]}\n{plain[40:]}",
        f"data:image/png;base64,{plain[:40]} {plain[40:]}", f"data:image/png;base64, {plain}",
        f"data:image/png;base64,{plain.replace('A', '%41')}", f"data:image/png;base64,{plain[:-1]}",
        f"data:image/png;base64,{plain}=", f"data:image/png;base64,{plain}====", f"data:image/png;base64,={plain}",
        f"data:image/png;base64,{plain[:40]}={plain[41:]}", f"data:image/png;base64,{plain}AA==AAAA",
        f"data:image/png;base64,{plain[:39]}-{plain[40:]}", f"data:image/png;base64,{plain[:39]}_{plain[40:]}",
        f"data:image/png;base64,{plain[:39]}é{plain[40:]}", f"data:image/png;base64,{plain[:39]}\0{plain[40:]}",
        f"data:image/png;base64,{plain}#a", f"data:image/png;base64,{plain}?a=b", "data:image/png;base64,%89PNG",
        "data:image/png;base64,AAAA=", "data:image/png;base64,AAAA==", "data:image/png;base64,AAA",
        "data:image/png;base64,/etc/passwd!", "data:image/png;base64,file:///etc/passwd",
        "data:image/" + "a" * 100_000, "data:" + "image/png;" * 10_000, f"data:image/png;base32,{plain}",
        f"data:image/png;BASE64,{plain}.", f"DATA:TEXT/HTML;base64,{plain}",
    ]  # fmt: skip
