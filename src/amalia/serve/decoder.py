"""Decode foreign pictures in other processes, whose memory and time are capped.

No decoder runs on foreign data in this process: the header is looked at here without one (``pictures.look``),
then a worker decodes, and what it gives back is a bitmap of exactly the expected size, whose header is
compared byte by byte, so that reading it later needs no decompression either. A worker lives until it fails:
one that dies, takes too long or answers nonsense is replaced with the next picture, and only the picture
that it had in hand is refused. Workers get no environment and no files of this process.

Pipes are read in threads, and not by the event loop, because a large picture is 75 MB of pixels.

Not covered: see ``decoder_worker``. On systems other than Linux the cap on memory may have no effect.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, NamedTuple

from amalia import pictures
from amalia.errors import PictureError, RequestError
from amalia.records import Image
from amalia.serve.decoder_worker import (
    ANSWER,
    PICTURE,
    READY,
    REQUEST,
    bitmap_bytes,
    bitmap_header,
)
from amalia.serve.dialogue import Picture
from amalia.serve.picture_addresses import too_long
from amalia.serve.picture_memory import PictureMemory
from amalia.serve.picture_settings import PictureSettings

_log = logging.getLogger(__name__)

_PIPE_BYTES = 2**20
_MAX_TOLD_BYTES = 10_000
_LONG_BYTES = 2**20
"""Longer pictures are digested beside the event loop: it takes a millisecond."""
_END_S = 2.0
"""How long a worker may take to end by itself."""
_STATUS = {"image_too_large": 413, "image_memory": 413}
# OpenAI's words for what is wrong with a picture.
_CODES = {
    "image_too_large": "image_too_large",
    "image_memory": "image_too_large",
    "image_too_small": "image_too_small",
    "image_kind": "unsupported_image_media_type",
    "image_aspect": "invalid_image",
    "image_unreadable": "image_parse_error",
}


class Decoder:
    """Decodes pictures; one for a server, used from one event loop."""

    def __init__(self, settings: PictureSettings) -> None:
        """Start nothing yet."""
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="decoder")
        self._slots = asyncio.Semaphore(settings.workers)
        self._memory = PictureMemory(settings.kept_bytes)
        self._idle: list[_Worker] = []
        self._jobs: set[asyncio.Task[Picture]] = set()
        self._is_closed = False

    async def start(self) -> None:
        """Start the workers, so that the first pictures need not wait for them.

        Raises:
            RequestError: They cannot be started (503).
        """
        missing = self._settings.workers - len(self._idle)
        loop = asyncio.get_running_loop()
        started = (
            loop.run_in_executor(self._threads, _started, self._settings) for _ in range(missing)
        )
        self._idle += await asyncio.gather(*started)

    async def aclose(self) -> None:
        """End the workers; pictures in hand are refused."""
        self._is_closed = True
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        loop = asyncio.get_running_loop()
        ending = [loop.run_in_executor(self._threads, worker.end) for worker in self._idle]
        self._idle.clear()
        await asyncio.gather(*ending)
        self._threads.shutdown(wait=False)

    async def decode(self, data: bytes) -> Picture:
        """Decode a picture.

        Args:
            data: The encoded picture, of any origin.

        Returns:
            Its record, named by the digest of ``data``, with the upright size; bytes for engines elsewhere,
            which are ``data`` where that is a PNG or JPEG in which every reader sees the same pixels and
            else the decoded picture written anew, and whose media type the record has; and a bitmap.

        Raises:
            RequestError: It is no picture, or of a kind that is not taken (400), too large (413), or too many
                wait (429).
        """
        settings = self._settings
        if len(data) > settings.max_bytes:
            raise too_long(len(data), settings)
        try:
            pictures.look(
                data,
                name=PICTURE,
                max_pixels=settings.max_pixels,
                max_aspect=settings.max_aspect,
                kinds=settings.kinds,
            )
        except PictureError as error:
            raise _of_reason(str(error), error.reason) from error
        digest = await _digest(data)
        known = self._memory.find(digest)
        if known is not None:
            return known
        if len(self._jobs) >= settings.workers + settings.max_waiting or self._is_closed:
            raise RequestError(
                "too many pictures are waiting to be decoded; ask again soon",
                status=429,
                code="queue_full",
                retry_after_s=1.0,
            )
        # A task of its own, which goes on when the client leaves: a worker that is interrupted is lost,
        # and starting another takes longer than the picture.
        job = asyncio.create_task(self._done(data, digest))
        self._jobs.add(job)
        job.add_done_callback(self._forget)
        return await asyncio.shield(job)

    def _forget(self, job: asyncio.Task[Picture]) -> None:
        self._jobs.discard(job)
        if not job.cancelled():
            job.exception()  # looked at, or asyncio would say that nobody did

    async def _done(self, data: bytes, digest: str) -> Picture:
        async with self._slots:
            loop = asyncio.get_running_loop()
            worker = await self._worker()
            answering = loop.run_in_executor(self._threads, worker.ask, data, digest)
            try:
                async with asyncio.timeout(self._settings.decode_timeout_s):
                    picture = await asyncio.shield(answering)
            except RequestError:
                self._idle.append(worker)
                raise
            except BaseException as error:
                worker.kill()
                # The thread is free at once, since its pipe has ended.
                await asyncio.gather(answering, return_exceptions=True)
                worker.end()
                if (refusal := self._lost(error)) is not None:
                    raise refusal from error
                raise
            self._idle.append(worker)
            self._memory.keep(picture)
            return picture

    async def _worker(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
            _log.warning("a process that decodes pictures had ended; another is started")
            worker.end()
        starting = asyncio.get_running_loop().run_in_executor(
            self._threads, _started, self._settings
        )
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            (await starting).end()
            raise

    def _lost(self, error: BaseException) -> RequestError | None:
        match error:
            case TimeoutError():
                limit = f"{self._settings.decode_timeout_s:g} s"
                return _of_reason(
                    f"picture {PICTURE}: it was not decoded after {limit}; send it smaller", "slow"
                )
            case _Broken():
                _log.warning("a process that decodes pictures ended over a picture: %s", error)
                return _of_reason(
                    f"picture {PICTURE}: decoding it failed; save it anew", "image_unreadable"
                )
            case _:  # closed, or a bug
                return None


class _Broken(Exception):
    """A worker ended or answered what no worker answers."""


class _Answer(NamedTuple):
    told: Mapping[str, Any]
    handed_on: bytes
    bitmap: bytes


class _Worker:
    """One process; used by one thread at a time."""

    def __init__(self, settings: PictureSettings) -> None:
        told = {
            "memory_bytes": settings.worker_memory_bytes,
            "timeout_s": settings.decode_timeout_s,
            "max_pixels": settings.max_pixels,
            "max_aspect": settings.max_aspect,
            "kinds": settings.kinds,
        }
        self._settings = settings
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "amalia.serve.decoder_worker", json.dumps(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            # Nothing but where the program lies; one thread, since each would take memory of the cap; and
            # memory kept between pictures, which halves the time of small ones.
            env={
                "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path),  # noqa: PTH100
                "OPENBLAS_NUM_THREADS": "1",
                "OMP_NUM_THREADS": "1",
                "MALLOC_MMAP_THRESHOLD_": str(2**25),
                "MALLOC_TRIM_THRESHOLD_": str(2**26),
            },
            bufsize=-1,
            start_new_session=True,  # an interrupt of the terminal is for the server, which ends it
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        for pipe in (self._requests, self._answers):
            _widen(pipe)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> None:
        """Wait until the first picture may come."""
        if self._answers.read(len(READY)) != READY:
            self.end()
            raise _Broken("it did not start")

    def ask(self, data: bytes, digest: str) -> Picture:
        """Decode a picture of a known digest; ends with _Broken when the process ends."""
        try:
            self._requests.write(REQUEST.pack(len(data)))
            self._requests.write(data)
            self._requests.flush()
            answer = self._answer()
        except (OSError, ValueError) as error:  # ValueError: a pipe was closed meanwhile
            raise _Broken(str(error)) from error
        if "reason" in answer.told:
            raise _of_reason(str(answer.told["message"]), str(answer.told["reason"]))
        return self._checked(answer, data, digest)

    def _answer(self) -> _Answer:
        head = self._exactly(ANSWER.size)
        told_bytes, handed_on_bytes, pixels_bytes = ANSWER.unpack(head)
        # A picture written anew may be a little larger than its pixels.
        limit = 4 * self._settings.max_pixels + 2**20
        if told_bytes > _MAX_TOLD_BYTES or handed_on_bytes > limit or pixels_bytes > limit:
            raise _Broken("its answer is too long")
        told = json.loads(self._exactly(told_bytes))
        return _Answer(told, self._exactly(handed_on_bytes), self._exactly(pixels_bytes))

    def _exactly(self, count: int) -> bytes:
        found = self._answers.read(count)
        if len(found) < count:
            raise _Broken("it ended")
        return found

    def _checked(self, answer: _Answer, data: bytes, digest: str) -> Picture:
        width, height = answer.told.get("width_px"), answer.told.get("height_px")
        media_type = answer.told.get("media_type")
        if (
            not isinstance(width, int)
            or not isinstance(height, int)
            or media_type not in pictures.MEDIA_TYPES
            or not 0 < width * height <= self._settings.max_pixels
            or len(answer.bitmap) != bitmap_bytes(width, height)
            or not answer.bitmap.startswith(bitmap_header(width, height))
        ):
            raise _Broken("its answer makes no sense")
        image = Image(sha256=digest, width_px=width, height_px=height, media_type=media_type)
        return Picture(image, answer.handed_on or data, answer.bitmap)

    def end(self) -> None:
        """Let the process end, and end it where it does not."""
        with contextlib.suppress(OSError):
            self._requests.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()

    def kill(self) -> None:
        """Stop the process now; who reads from it finds its end."""
        self._process.kill()


async def _digest(data: bytes) -> str:
    if len(data) > _LONG_BYTES:
        return await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
    return hashlib.sha256(data).hexdigest()


def _started(settings: PictureSettings) -> _Worker:
    try:
        worker = _Worker(settings)
        worker.wait()
    except (OSError, _Broken) as error:
        _log.error("no process can be started to decode pictures: %s", error)
        raise RequestError(
            "pictures cannot be decoded now; ask again later",
            status=503,
            code="decoder_unavailable",
            retry_after_s=5.0,
        ) from error
    return worker


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold more, for fewer switches between the processes; where the system allows."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _of_reason(message: str, reason: str) -> RequestError:
    return RequestError(
        message, status=_STATUS.get(reason, 400), code=_CODES.get(reason, "invalid_image")
    )
