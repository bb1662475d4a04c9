"""Keys are digests at rest, let their holders in, and stop doing so while the server runs."""

from __future__ import annotations

import json
import os
import stat
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from amalia.errors import ArtifactError, RequestError
from amalia.serve.keys import Caller, Keys, RateLimits, new_key, read_keys, revoke_key

NO_LIMITS = RateLimits()


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.today = date(2026, 12, 1)

    def keys(self, path: Path) -> Keys:
        return Keys(path, clock=lambda: self.now_s, today=lambda: self.today)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chaves.json"


def refusal(keys: Keys, header: str | None) -> RequestError:
    with pytest.raises(RequestError) as caught:
        keys.authenticate(header)
    return caught.value


def test_a_key_lets_its_holder_in_under_its_name_and_limits(path):
    limits = RateLimits(requests_per_minute=60, images_per_minute=5)
    key = new_key(path, "museu", limits=limits)
    other = new_key(path, "jornal.2", limits=NO_LIMITS)
    keys = Keys.load(path)
    assert keys.authenticate(f"Bearer {key}") == Caller("museu", limits)
    assert keys.authenticate(f"bearer  {other}") == Caller("jornal.2", NO_LIMITS)


def test_only_the_digest_is_kept_and_for_the_owner_only(path):
    before = os.umask(0)
    try:
        key = new_key(path, "museu", limits=NO_LIMITS)
    finally:
        os.umask(before)
    assert key.startswith("amalia-")
    assert len(key) == 7 + 43  # 256 bits
    assert key[7:] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["chaves.json"]
    assert new_key(path, "b", limits=NO_LIMITS) != key


def test_who_has_no_good_key_is_refused_and_never_told_another_s(path):
    key = new_key(path, "museu", limits=NO_LIMITS)
    keys = Keys.load(path)
    assert (refusal(keys, None).status, refusal(keys, None).code) == (401, "missing_api_key")
    wrong = (
        key, f"Basic {key}", "Bearer", "Bearer ", f"Bearer {key} ", f"Bearer {key[:-1]}", f"Bearer {key}a",
        f"Bearer {key.upper()}", f"Bearer {key}\n", "Bearer ção", "Bearer " + "a" * 10_000, f"Bearer  \t{key}",
        "Bearer amalia-", f"Bearer {json.loads(path.read_text())['keys'][0]['sha256']}",
    )  # fmt: skip
    for header in wrong:
        error = refusal(keys, header)
        assert (error.status, error.code) == (401, "invalid_api_key"), header
        assert key not in str(error)
        assert "museu" not in str(error)


def test_a_key_expires_after_its_last_day(path):
    clock = Clock()
    key = new_key(path, "museu", limits=NO_LIMITS, expires=date(2100, 1, 31))
    keys = clock.keys(path)
    clock.today = date(2100, 1, 31)
    keys.authenticate(f"Bearer {key}")
    clock.today += timedelta(days=1)
    assert "expired on 2100-01-31" in str(refusal(keys, f"Bearer {key}"))


def test_a_running_server_knows_within_a_second_what_was_revoked_and_made(path):
    clock = Clock()
    key = new_key(path, "museu", limits=NO_LIMITS)
    keys = clock.keys(path)
    other = new_key(path, "jornal", limits=NO_LIMITS)
    revoke_key(path, "museu")
    clock.now_s = 0.9
    keys.authenticate(f"Bearer {key}")  # not looked at again yet
    clock.now_s = 1.0
    assert "was revoked" in str(refusal(keys, f"Bearer {key}"))
    assert keys.authenticate(f"Bearer {other}").id == "jornal"


def test_while_the_file_is_damaged_nobody_is_let_in_and_the_log_says_so_once(path, caplog):
    clock = Clock()
    key = new_key(path, "museu", limits=NO_LIMITS)
    keys = clock.keys(path)
    good = path.read_bytes()
    for damage in (b"", b"{", b"[]", good[:40], good.replace(b"sha256", b"sha512")):
        caplog.clear()
        path.write_bytes(damage)
        for _ in range(2):
            clock.now_s += 1
            error = refusal(keys, f"Bearer {key}")
            assert (error.status, error.code) == (503, "keys_unavailable")
            assert str(path) not in str(error)
        assert caplog.text.count("nobody is let in") == 1
        path.write_bytes(good)
        clock.now_s += 1
        keys.authenticate(f"Bearer {key}")
    path.unlink()
    clock.now_s += 1
    assert refusal(keys, f"Bearer {key}").status == 503
    path.write_bytes(good)
    path.chmod(0o666)
    clock.now_s += 1
    assert refusal(keys, f"Bearer {key}").status == 503
    path.chmod(0o644)
    clock.now_s += 1
    keys.authenticate(f"Bearer {key}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file"),
        ("", "damaged"),
        ("{}", None),
        ('{"version": 2, "keys": []}', "version"),
        ('{"keys": [{"name": "a"}]}', "keys.0.sha256"),
        ('{"keys": [], "extra": 1}', "extra"),
    ],
)
def test_a_server_does_not_start_with_a_damaged_file(path, text, words):
    if text is not None:
        path.write_text(text)
        path.chmod(0o600)
    if words is None:
        Keys.load(path)
        return
    with pytest.raises(ArtifactError, match=words) as caught:
        Keys.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_are_for_ever(path):
    new_key(path, "museu", limits=NO_LIMITS)
    with pytest.raises(ArtifactError, match="has a key of the name museu already"):
        new_key(path, "museu", limits=NO_LIMITS)
    revoke_key(path, "museu")
    with pytest.raises(ArtifactError, match="has a key of the name museu already"):
        new_key(path, "museu", limits=NO_LIMITS)
    with pytest.raises(ArtifactError, match="has no key museu to revoke; it has none"):
        revoke_key(path, "museu")
    twice = read_keys(path).model_dump(mode="json")
    twice["keys"] *= 2
    path.write_text(json.dumps(twice))
    with pytest.raises(ArtifactError, match="museu stands twice"):
        read_keys(path)


@pytest.mark.parametrize("name", ["", "a b", "-a", "é", "a/b", "a\n", "a" * 65, "a\x1b[31m"])
def test_a_name_is_plain(path, name):
    with pytest.raises(ArtifactError, match="is no name of a key"):
        new_key(path, name, limits=NO_LIMITS)
    assert not path.exists()


def test_what_cannot_be_is_refused_when_it_is_made(path, tmp_path):
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with pytest.raises(ArtifactError, match="is past"):
        new_key(path, "a", limits=NO_LIMITS, expires=yesterday)
    with pytest.raises(ArtifactError, match="cannot be written"):
        new_key(tmp_path / "nada" / "chaves.json", "a", limits=NO_LIMITS)


def test_a_link_to_the_file_stays_a_link(path, tmp_path):
    new_key(path, "a", limits=NO_LIMITS)
    link = tmp_path / "ligação.json"
    link.symlink_to(path)
    new_key(link, "b", limits=NO_LIMITS)
    assert link.is_symlink()
    assert [key.name for key in read_keys(path).keys] == ["a", "b"]


def test_programs_that_write_at_once_lose_nothing(path):
    threads = [
        threading.Thread(target=new_key, args=(path, f"k{n}"), kwargs={"limits": NO_LIMITS})
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key.name for key in read_keys(path).keys) == [f"k{n}" for n in range(8)]
