"""Foreign pictures are decoded elsewhere; whatever they do there, this process gets a bitmap or a refusal."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import make
import make_hostile
import numpy as np
import pytest
from make_hostile import noise, saved
from PIL import Image

from amalia import pictures
from amalia.errors import RequestError
from amalia.model.decode import tiles_of
from amalia.serve.decoder import Decoder
from amalia.serve.decoder_worker import bitmap_bytes, bitmap_header
from amalia.serve.dialogue import Picture
from amalia.serve.picture_settings import PictureSettings


def within(use: Callable[[Decoder], Awaitable[Any]], **settings: Any) -> Any:
    async def run() -> Any:
        decoder = Decoder(PictureSettings(**{"workers": 1, "kept_bytes": 0} | settings))
        try:
            return await use(decoder)
        finally:
            await decoder.aclose()

    return asyncio.run(run())


def decoded(data: bytes, **settings: Any) -> Picture:
    return within(lambda decoder: decoder.decode(data), **settings)


def pid_of(decoder: Decoder) -> int:
    return decoder._idle[0]._process.pid


async def refusal(answer: Awaitable[Picture]) -> RequestError:
    with pytest.raises(RequestError) as caught:
        await answer
    return caught.value


def turned(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(noise(40, 24), kind, exif=exif)


def test_a_picture_comes_back_named_upright_and_as_the_pixels_that_reading_gives():
    async def use(decoder: Decoder) -> None:
        for kind in ("PNG", "JPEG", "WEBP", "GIF"):
            data = saved(noise(41, 23), kind)
            picture = await decoder.decode(data)
            assert picture.image.sha256 == hashlib.sha256(data).hexdigest()
            assert (picture.image.width_px, picture.image.height_px) == (41, 23)
            expected = np.asarray(pictures.read(data))
            assert np.array_equal(np.asarray(pictures.read(picture.pixels)), expected)

    within(use)


def test_engines_elsewhere_get_the_original_where_all_readers_agree_and_else_the_upright_picture():
    async def use(decoder: Decoder) -> None:
        for kind in ("PNG", "JPEG"):
            data = saved(noise(40, 24), kind)
            picture = await decoder.decode(data)
            assert picture.data == data
            assert picture.image.media_type == f"image/{kind.lower()}"
            data = turned(kind)
            picture = await decoder.decode(data)
            assert (picture.image.width_px, picture.image.height_px) == (24, 40)
            assert picture.image.sha256 == hashlib.sha256(data).hexdigest()
            assert picture.image.media_type == f"image/{kind.lower()}"
            with Image.open(io.BytesIO(picture.data)) as anew:
                assert anew.size == (24, 40)
                assert anew.getexif().get(0x0112, 1) == 1
                difference = np.abs(
                    np.asarray(anew).astype(int) - np.asarray(pictures.read(picture.pixels))
                )
            # Noise is the worst there is for a JPEG.
            assert difference.mean() <= (0 if kind == "PNG" else 4)
        picture = await decoder.decode(saved(noise(40, 24), "WEBP"))
        assert picture.image.media_type == "image/png"
        assert np.array_equal(
            np.asarray(pictures.read(picture.data)), np.asarray(pictures.read(picture.pixels))
        )

    within(use)


def test_tiles_are_those_of_the_original():
    async def use(decoder: Decoder) -> None:
        for kind in ("PNG", "JPEG"):
            for mode in ("RGB", "L"):
                for size in ((40, 24), (17, 61), (200, 150)):
                    data = saved(noise(*size).convert(mode), kind)
                    pixels = (await decoder.decode(data)).pixels
                    found = tiles_of(pixels, make.GRID, is_exact=True)
                    assert np.array_equal(found, tiles_of(data, make.GRID, is_exact=True))

    within(use)


def test_a_bitmap_is_what_pillow_would_write():
    for width, height in ((4, 4), (5, 7), (6, 9), (7, 4)):
        image = noise(width, height)
        written = saved(image, "BMP")
        header = bitmap_header(width, height)
        rows = image.tobytes("raw", "BGR", (3 * width + 3) // 4 * 4, -1)
        assert len(header + rows) == bitmap_bytes(width, height) == len(written)
        assert np.array_equal(np.asarray(pictures.read(header + rows)), np.asarray(image))


def test_hostile_pictures_are_refused_and_the_worker_lives_on():
    async def use(decoder: Decoder) -> None:
        await decoder.start()
        pid = pid_of(decoder)
        for name, data in make_hostile.refused_pictures().items():
            error = await refusal(decoder.decode(data))
            assert error.status in (400, 413), name
            assert "\n" not in str(error), name
            assert len(str(error)) < 400, name
            assert error.code in (
                "image_parse_error", "image_too_large", "image_too_small", "invalid_image",
                "unsupported_image_media_type",
            ), name  # fmt: skip
        assert pid_of(decoder) == pid
        await decoder.decode(saved(noise()))

    within(use)


def test_odd_pictures_are_read_or_refused():
    async def use(decoder: Decoder) -> list[str]:
        read = []
        for name, data in make_hostile.odd_pictures().items():
            try:
                picture = await decoder.decode(data)
            except RequestError as error:
                assert error.status in (400, 413), name
            else:
                assert len(picture.pixels) < 20_000, name
                read.append(name)
        return read

    assert "jpeg and zip" in within(use, max_bytes=30 * 2**20)


@pytest.mark.parametrize(
    ("settings", "data", "status", "code"),
    [
        ({"max_bytes": 1000}, saved(noise()), 413, "image_file_too_large"),
        ({"max_pixels": 4095}, saved(noise()), 413, "image_too_large"),
        ({"max_aspect": 2}, saved(noise(60, 29)), 400, "invalid_image"),
        ({"formats": ("jpeg",)}, saved(noise()), 400, "unsupported_image_media_type"),
        ({}, b"", 400, "image_parse_error"),
        ({}, saved(noise(3, 3)), 400, "image_too_small"),
        ({}, saved(noise(8, 8), "TIFF"), 400, "unsupported_image_media_type"),
    ],
)
def test_what_is_beyond_a_setting_never_reaches_a_worker(settings, data, status, code):
    async def use(decoder: Decoder) -> RequestError:
        error = await refusal(decoder.decode(data))
        assert decoder._idle == []
        return error

    error = within(use, **settings)
    assert (error.status, error.code) == (status, code)


def test_a_picture_that_takes_too_long_is_refused_and_the_next_one_served():
    slow = make_hostile.scans(4000)
    pictures.look(slow)

    async def use(decoder: Decoder) -> None:
        await decoder.start()
        pid = pid_of(decoder)
        started = time.monotonic()
        error = await refusal(decoder.decode(slow))
        assert time.monotonic() - started < 3
        assert error.status == 400
        assert "not decoded after 0.3 s" in str(error)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        await decoder.start()
        await decoder.decode(saved(noise()))

    within(use, decode_timeout_s=0.3)


def test_memory_beyond_the_cap_is_a_refusal():
    # The setting refuses a cap that is too small for what is let in, so the check is passed by here.
    settings = PictureSettings(workers=1, formats=("png", "tiff")).model_copy(
        update={"worker_memory_bytes": 2**28, "max_pixels": 40_000_000}
    )
    wide = saved(
        Image.fromarray(np.zeros((4000, 4000), np.float32)), "TIFF", compression="tiff_lzw"
    )

    async def run() -> None:
        decoder = Decoder(settings)
        try:
            error = await refusal(decoder.decode(wide))
            assert (error.status, error.code) == (413, "image_too_large")
            assert "more memory than allowed" in str(error)
            await decoder.decode(saved(noise()))
        finally:
            await decoder.aclose()

    asyncio.run(run())


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads what Linux tells of a process")
def test_a_worker_has_no_environment_no_files_and_no_room():
    os.environ["AMALIA_TEST_SECRET"] = "segredo"
    try:
        with Path("/dev/null").open("rb") as file:
            os.set_inheritable(file.fileno(), True)

            async def use(decoder: Decoder) -> None:
                await decoder.start()
                process = Path(f"/proc/{pid_of(decoder)}")
                assert b"segredo" not in (process / "environ").read_bytes()
                assert {b.split(b"=")[0] for b in (process / "environ").read_bytes().split(b"\0") if b} == {
                    b"PYTHONPATH", b"OPENBLAS_NUM_THREADS", b"OMP_NUM_THREADS", b"MALLOC_MMAP_THRESHOLD_",
                    b"MALLOC_TRIM_THRESHOLD_",
                }  # fmt: skip
                targets = [str(link.readlink()) for link in (process / "fd").iterdir()]
                assert all(t.startswith("pipe:") or t == "/dev/null" for t in targets), targets
                limits = (process / "limits").read_text().splitlines()
                told = {line[:26].strip(): line[26:47].strip() for line in limits}
                assert told["Max address space"] == str(2**30)
                assert told["Max file size"] == "0"
                assert told["Max core file size"] == "0"
                assert os.getsid(pid_of(decoder)) != os.getsid(0)

            within(use)
    finally:
        del os.environ["AMALIA_TEST_SECRET"]


def test_a_worker_imports_no_model():
    program = (
        "import sys, amalia.serve.decoder_worker\n"
        "print([m for m in ('torch', 'transformers', 'fastapi', 'aiohttp', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_worker_that_was_killed_is_replaced():
    async def use(decoder: Decoder) -> None:
        await decoder.start()
        pid = pid_of(decoder)
        os.kill(pid, signal.SIGKILL)
        while decoder._idle[0].is_alive:
            await asyncio.sleep(0.01)
        await decoder.decode(saved(noise()))
        assert pid_of(decoder) != pid

    within(use)


def test_a_worker_that_dies_over_a_picture_costs_that_picture_only():
    async def use(decoder: Decoder) -> None:
        await decoder.start()
        pid = pid_of(decoder)
        os.kill(pid, signal.SIGSTOP)
        waiting = asyncio.create_task(refusal(decoder.decode(saved(noise()))))
        await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        error = await waiting
        assert (error.status, error.code) == (400, "image_parse_error")
        await decoder.decode(saved(noise()))

    within(use)


def test_a_client_that_leaves_costs_no_worker():
    async def use(decoder: Decoder) -> None:
        await decoder.start()
        pid = pid_of(decoder)
        for _ in range(5):
            task = asyncio.create_task(decoder.decode(saved(noise(300, 300))))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await decoder.decode(saved(noise()))
        assert pid_of(decoder) == pid

    within(use)


def test_more_than_may_wait_are_told_to_come_again():
    async def use(decoder: Decoder) -> list[object]:
        await decoder.start()
        data = saved(noise(300, 300))
        return await asyncio.gather(
            *(decoder.decode(data) for _ in range(6)), return_exceptions=True
        )

    answers = within(use, max_waiting=2)
    refused = [answer for answer in answers if isinstance(answer, RequestError)]
    assert len(refused) == 3
    assert {(error.status, error.code) for error in refused} == {(429, "queue_full")}
    assert all(error.retry_after_s for error in refused)


def test_pictures_are_decoded_at_the_same_time_and_each_client_gets_its_own():
    async def use(decoder: Decoder) -> None:
        sizes = [(40 + n, 30 + n) for n in range(12)]
        found = await asyncio.gather(*(decoder.decode(saved(noise(*size))) for size in sizes))
        assert [(p.image.width_px, p.image.height_px) for p in found] == sizes
        assert len(decoder._idle) == 2

    within(use, workers=2)


def test_closing_ends_the_processes_and_refuses_what_is_in_hand():
    async def run() -> None:
        decoder = Decoder(PictureSettings(workers=1))
        await decoder.start()
        pid = pid_of(decoder)
        task = asyncio.create_task(decoder.decode(make_hostile.scans(4000)))
        await asyncio.sleep(0.1)
        await decoder.aclose()
        with pytest.raises((asyncio.CancelledError, RequestError)):
            await task
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        error = await refusal(decoder.decode(saved(noise())))
        assert error.status == 429

    asyncio.run(run())


def test_closing_while_a_process_starts_leaves_none_behind():
    async def run() -> None:
        decoder = Decoder(PictureSettings(workers=1))
        task = asyncio.create_task(decoder.decode(saved(noise())))
        await asyncio.sleep(0.05)
        await decoder.aclose()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    gc.collect()  # an open pipe would warn, and a warning fails the test


def test_what_cannot_start_is_told(monkeypatch, caplog):
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    error = within(lambda decoder: refusal(decoder.decode(saved(noise()))))
    assert (error.status, error.code) == (503, "decoder_unavailable")
    assert "no process can be started" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"ready", b"ready" + b"\xff" * 20, b"ready" + b"\0" * 20,
        b"ready" + (2).to_bytes(4, "big") + (0).to_bytes(8, "big") * 2 + b"{}",
        b"ready" + (60).to_bytes(4, "big") + (0).to_bytes(8, "big") + (4).to_bytes(8, "big")
        + b'{"width_px": 64, "height_px": 64, "media_type": "image/png"}' + b"RIFF",
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_not_believed(answer, monkeypatch, tmp_path):
    script = tmp_path / "python"
    (tmp_path / "answer").write_bytes(answer)
    script.write_text(f"#!/bin/sh\ncat {tmp_path}/answer\ncat > /dev/null &\nsleep 0.2\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    error = within(lambda decoder: refusal(decoder.decode(saved(noise()))))
    assert error.status in (400, 503)
