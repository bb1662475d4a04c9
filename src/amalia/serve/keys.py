"""Keys that let clients in: a file of their digests, and what each may ask for in a minute.

A key is 256 random bits, shown once when it is made; the file holds its SHA-256. Nothing slower is needed:
slow digests protect what people can guess, and nobody guesses 256 bits. What was revoked stays in the file,
so that a name in the log means one key for ever.

A server looks at the file at most once a second and reads it when it has changed. While the file is missing
or damaged nobody is let in: a server that went on with what it knew could not be told that a key is revoked.

Not covered: who a key was given to, and more than one server writing the file (a lock keeps apart only
programs on one machine).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from amalia.errors import ArtifactError, RequestError
from amalia.records import Sha256

PREFIX = "amalia-"
"""What every key begins with, so that scanners of code find one that was published."""
_KEY_BYTES = 32
_MAX_HEADER_CHARS = 200
_LOOK_EVERY_S = 1.0
_BEARER = re.compile(r"bearer +(?P<key>[!-~]+)", re.IGNORECASE)

_log = logging.getLogger(__name__)


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RateLimits(_Stored):
    """What a key may take in a minute; None is without limit."""

    requests_per_minute: int | None = Field(default=None, gt=0)
    tokens_per_minute: int | None = Field(default=None, gt=0)
    """Of prompts and answers together."""
    images_per_minute: int | None = Field(default=None, gt=0)


class Key(_Stored):
    """What is known of a key."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """What the log calls its holder."""
    sha256: Sha256
    created: date
    expires: date | None = None
    """Last day on which it is good, in UTC."""
    revoked: date | None = None
    limits: RateLimits = RateLimits()

    def is_good(self, today: date) -> bool:
        """Whether the key lets anybody in."""
        return self.revoked is None and (self.expires is None or today <= self.expires)


class KeyFile(_Stored):
    """All keys of a server, as they lie in the file."""

    version: int = Field(default=1, ge=1, le=1)
    keys: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _are_distinct(self) -> KeyFile:
        names = [key.name for key in self.keys]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands twice")
        return self


class Caller(NamedTuple):
    """Who asks."""

    id: str
    """Name of the key; empty for anybody on a loopback address."""
    limits: RateLimits = RateLimits()


class Keys:
    """The keys of a running server."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        """Read the file.

        Args:
            path: As ``new_key`` makes it.
            clock: Seconds that never jump.
            today: The day in UTC.

        Raises:
            ArtifactError: It is missing or damaged, or others may write it.
        """
        self._path = path
        self._clock = clock
        self._today = today
        self._state = _state(path)
        self._looked_s = clock()
        self._known: dict[bytes, Key] | None = _by_digest(read_keys(path))

    @classmethod
    def load(cls, path: Path) -> Keys:
        """Read a file of keys; as the constructor, with the clocks of this machine."""
        return cls(path)

    def authenticate(self, header: str | None) -> Caller:
        """Know who asks by the ``Authorization`` header.

        Raises:
            RequestError: It is missing or is no good key (401), or no key can be known now (503).
        """
        self._look()
        if self._known is None:
            raise RequestError(
                "keys cannot be checked now; ask again later",
                status=503,
                code="keys_unavailable",
                retry_after_s=5.0,
            )
        if not header:
            raise RequestError(
                "there is no key; send the header Authorization: Bearer KEY",
                status=401,
                code="missing_api_key",
            )
        found = _BEARER.fullmatch(header) if len(header) <= _MAX_HEADER_CHARS else None
        digest = hashlib.sha256(found["key"].encode() if found else b"").digest()
        # How long the look-up takes may tell of the beginning of a digest, which nobody can choose a key
        # for; the comparison that decides takes the same time whatever differs.
        key = self._known.get(digest[:8])
        if key is None or not hmac.compare_digest(bytes.fromhex(key.sha256), digest):
            raise _refused("is not known here")
        if not key.is_good(self._today()):
            raise _refused("was revoked" if key.revoked else f"expired on {key.expires}")
        return Caller(key.name, key.limits)

    def _look(self) -> None:
        now_s = self._clock()
        if now_s - self._looked_s < _LOOK_EVERY_S:
            return
        self._looked_s = now_s
        state = _state(self._path)
        if state == self._state:
            return
        self._state = state
        try:
            self._known = _by_digest(read_keys(self._path))
        except ArtifactError as error:
            if self._known is not None:
                _log.error("nobody is let in until the keys are repaired: %s", error)
            self._known, self._state = None, None  # read again with the next look
        else:
            _log.warning("read the keys again: %d in %s", len(self._known), self._path)


def new_key(path: Path, name: str, *, limits: RateLimits, expires: date | None = None) -> str:
    """Make a key, and the file where there is none.

    Args:
        path: File of keys.
        name: What the log will call its holder.
        limits: What it may take in a minute.
        expires: Last day on which it is good.

    Returns:
        The key, which cannot be had again.

    Raises:
        ArtifactError: The name is taken or no name, or the file is damaged or cannot be written.
    """
    path = path.resolve()  # a link stays one
    key = PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    digest = hashlib.sha256(key.encode()).hexdigest()
    today = datetime.now(UTC).date()
    if expires is not None and expires < today:
        raise ArtifactError(f"the key would expire on {expires}, which is past; give a later day")
    with _locked(path):
        kept = read_keys(path) if path.exists() else KeyFile()
        if any(known.name == name for known in kept.keys):
            raise ArtifactError(f"{path} has a key of the name {name} already; give another name")
        try:
            made = Key(name=name, sha256=digest, created=today, expires=expires, limits=limits)
        except ValidationError as error:
            raise ArtifactError(
                f"{name!r} is no name of a key; expected up to 64 of A-Z, a-z, 0-9, . _ - and first a letter "
                "or digit"
            ) from error
        _write(path, KeyFile(keys=(*kept.keys, made)))
    return key


def revoke_key(path: Path, name: str) -> None:
    """Let a key be good no more; running servers know within about a second.

    Raises:
        ArtifactError: There is no good key of that name, or the file is damaged or cannot be written.
    """
    path = path.resolve()
    with _locked(path):
        kept = read_keys(path)
        good = [key.name for key in kept.keys if key.revoked is None]
        if name not in good:
            raise ArtifactError(
                f"{path} has no key {name} to revoke; it has {', '.join(sorted(good)) or 'none'}"
            )
        today = datetime.now(UTC).date()
        changed = (
            key.model_copy(update={"revoked": today}) if key.name == name else key
            for key in kept.keys
        )
        _write(path, KeyFile(keys=tuple(changed)))


def read_keys(path: Path) -> KeyFile:
    """Read a file of keys.

    Raises:
        ArtifactError: It is missing or damaged, or others may write it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read()
    except OSError as error:
        raise ArtifactError(
            f"cannot read the keys in {path} ({error.strerror}); make some with  amalia keys new {path} NAME"
        ) from error
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ArtifactError(
            f"others may write the keys in {path} (mode {stat.S_IMODE(mode):o}) and let themselves in; run  "
            f"chmod 600 {path}"
        )
    try:
        return KeyFile.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ArtifactError(
            f"the keys in {path} are damaged ({place + ': ' if place else ''}{first['msg']}); restore the file "
            "or make it again"
        ) from error


def _refused(why: str) -> RequestError:
    return RequestError(
        f"the key {why}; send the header Authorization: Bearer KEY with a key of this server",
        status=401,
        code="invalid_api_key",
    )


def _by_digest(file: KeyFile) -> dict[bytes, Key]:
    return {bytes.fromhex(key.sha256)[:8]: key for key in file.keys}


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactError(
            f"the keys in {path} cannot be written ({error.strerror}); give a file in a folder that exists and "
            "can be written"
        ) from error


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other programs of this machine from writing; the folder is locked, since the file is replaced."""
    with _written(path):
        folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(path: Path, file: KeyFile) -> None:
    """Write the file whole or not at all, for its owner only; one that exists keeps its owner and mode."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    text = file.model_dump_json(indent=1, exclude_none=True) + "\n"
    with _written(path):
        temporary.unlink(missing_ok=True)  # of a program that was killed
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                if path.exists():
                    before = path.stat()
                    os.fchmod(out.fileno(), stat.S_IMODE(before.st_mode))
                    if (before.st_uid, before.st_gid) != (os.getuid(), os.getgid()):
                        os.fchown(out.fileno(), before.st_uid, before.st_gid)
                out.write(text.encode())
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
