"""What is kept of addresses, subjects and texts, identifiers that sort, and settings that make sense."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta, timezone

import make_audit
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia import recipe
from amalia.errors import RecipeError
from amalia.serve import audit_chain as chain
from amalia.serve.audit_record import (
    AuditSettings,
    ClientPolicy,
    TextPolicy,
    canonical,
    hashed,
    kept,
    kept_client,
    microseconds,
    moment,
    new_trace_id,
    storable,
)

SALT = b"sal"


@pytest.mark.parametrize(
    ("address", "truncated", "full"),
    [
        ("203.0.113.77", "203.0.113.0/24", "203.0.113.77"),
        ("127.0.0.1", "127.0.0.0/24", "127.0.0.1"),
        ("2001:db8:1:2::7", "2001:db8:1::/48", "2001:db8:1:2::7"),
        ("::ffff:203.0.113.77", "203.0.113.0/24", "203.0.113.77"),
        ("fe80::1%eth0", "fe80::/48", "fe80::1"),
        ("testclient", "", "testclient"),
        ("", "", ""),
    ],
)
def test_addresses_are_shortened(address: str, truncated: str, full: str) -> None:
    assert kept_client("truncated", address) == truncated
    assert kept_client("full", address) == full
    assert kept_client("none", address) == ""


@pytest.mark.parametrize(
    ("policy", "question"),
    [
        ("none", None),
        ("hash", hashed(SALT, "text", make_audit.QUESTION)),
        ("masked", make_audit.QUESTION),
        ("full", make_audit.QUESTION),
    ],
)
def test_texts_are_kept_by_policy(policy: TextPolicy, question: str | None) -> None:
    stored = kept(make_audit.record(), AuditSettings(text=policy), SALT)
    assert stored.question == question
    assert stored.text_policy == policy
    assert kept(make_audit.record(question=""), AuditSettings(text=policy), SALT).question is None


def test_nothing_plain_is_left_of_a_subject() -> None:
    stored = kept(make_audit.record(subject="leitora-17"), AuditSettings(), SALT)
    assert "leitora" not in json.dumps(stored.as_json())
    assert stored.subject == hashed(SALT, "subject", "leitora-17")
    assert stored.subject != hashed(b"outro", "subject", "leitora-17")
    assert stored.subject != hashed(SALT, "text", "leitora-17")
    assert kept(make_audit.record(subject=None), AuditSettings(), SALT).subject is None


def test_the_text_of_passages_is_not_kept() -> None:
    passage = {"id": "dre-4", "source": "dre.pt", "text": "Artigo 1.º", "score": 0.5}
    (stored,) = kept(make_audit.record(passages=(passage,)), AuditSettings(), SALT).passages
    assert stored == {"id": "dre-4", "source": "dre.pt", "score": 0.5}


def test_what_others_choose_is_cut() -> None:
    long = kept(make_audit.record(request_id="r" * 9999, error="e" * 9999), AuditSettings(), SALT)
    assert len(long.request_id) == 200
    assert len(long.error or "") == 500


def test_trace_ids_sort_by_time_and_are_uuids_of_version_7() -> None:
    ids = []
    for _ in range(20):
        ids.append(new_trace_id())
        time.sleep(0.000_01)
    assert ids == sorted(ids)
    assert {uuid.UUID(made).version for made in ids} == {7}
    assert {uuid.UUID(made).variant for made in ids} == {uuid.RFC_4122}
    assert len({new_trace_id() for _ in range(2000)}) == 2000
    made_at = moment((int(ids[0], 16) >> 80) * 1000)
    assert abs(made_at - datetime.now(UTC)) < timedelta(minutes=1)


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9))])))
def test_times_come_back_to_the_microsecond(at: datetime) -> None:
    assert moment(microseconds(at)) == at


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_can_be_stored(text: str) -> None:
    stored = storable(text)
    assert len(stored) == len(text)
    assert "\0" not in stored
    stored.encode()
    assert json.loads(canonical([stored])) == [stored]
    canonical([text]).encode()


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        chain.row_of(make_audit.record(total_s=float("nan")))


def test_a_record_comes_back_from_its_row() -> None:
    stored = kept(make_audit.record(error="o motor parou"), AuditSettings(), SALT)
    assert chain.record_of(chain.row_of(stored)) == stored


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"log": "mysql://h/d"}, "mysql:// is no place for a log"),
        ({"log": "postgresql://u:segredo@h/d"}, "holds a password"),
        ({"log": "postgresql://h/d?password=segredo"}, "holds a password"),
        ({"log": ""}, "log"),
        ({"keep_text_days": 0}, "keep_text_days"),
        ({"keep_text_days": 60, "keep_records_days": 30}, "keep_text_days is 60"),
        ({"text": "plain"}, "text"),
        ({"client": "half"}, "client"),
        ({"on_failure": "ignore"}, "on_failure"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tree: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe.parse(tree, AuditSettings, name="server.yaml")


@pytest.mark.parametrize("client", ["none", "truncated", "full"])
def test_settings_by_default_keep_little(client: ClientPolicy) -> None:
    assert AuditSettings(client=client).text == "masked"
    assert AuditSettings().client == "truncated"
    assert AuditSettings().on_failure == "stop"
    assert not AuditSettings().is_postgres
    assert AuditSettings(log="postgresql://h/d").is_postgres
