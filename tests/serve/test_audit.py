"""The audit log on both databases: what is kept and found, reports, erasing, ageing, and the chain over it all."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import make_audit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_audit import ANSWER, AT, QUESTION, append, record

from amalia.errors import ArtifactError, RecordError
from amalia.serve.audit import MAX_COMMENT_CHARS, Log, Query
from amalia.serve.audit_record import AuditSettings, hashed, kept, now, storable

DAY = timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AuditSettings]:
    """Settings with a place for a log; the one in PostgreSQL skips itself without a server."""
    with make_audit.place(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def log(place: AuditSettings) -> Iterator[Log]:
    """An empty log that keeps texts for 30 days and records for 365."""
    with Log.open(place) as opened:
        yield opened


def ids(log: Log, **asked: Any) -> list[str]:
    return [found.record.trace_id for found in log.search(Query(**asked))]


def assert_whole(log: Log) -> None:
    assert log.verify().faults == ()


def test_a_record_comes_back_as_it_was_kept(log: Log) -> None:
    given_record = record(error="o motor parou")
    log.append(given_record).result(timeout=30)
    (found,) = log.search(Query())
    assert found.seq == 1
    assert found.record == kept(given_record, AuditSettings(), log._salt)
    assert found.record.client == "203.0.113.0/24"
    assert found.record.question == QUESTION
    assert_whole(log)


def test_records_are_there_for_others_once_the_future_is_done(
    log: Log, place: AuditSettings
) -> None:
    traces = [append(log) for _ in range(3)]
    with Log.open(place, create=False) as other:
        assert ids(other) == traces
        assert other.verify().head == log.verify().head


def test_what_is_asked_for_is_found(log: Log) -> None:
    hate = {"place": "answer", "category": "hate", "action": "block", "check": "rules@2"}
    first = append(log)
    second = append(log, key_id="museu", subject="leitor-18", started_at=AT + DAY, verdicts=(hate,))
    third = append(
        log, subject=None, started_at=AT + 2 * DAY, finish_reasons=("stop", "length"), verdicts=(),
        question="Onde fica a Sé?", answer="Em Lisboa, na Alfama.",
    )  # fmt: skip
    for asked, found in (
        ({}, [first, second, third]),
        ({"trace_id": second}, [second]),
        ({"trace_id": "nada"}, []),
        ({"key_id": "biblioteca"}, [first, third]),
        ({"subject": "leitor-18"}, [second]),
        ({"subject": hashed(log._salt, "subject", "leitor-18")}, []),
        ({"since": AT + DAY}, [second, third]),
        ({"until": AT + DAY}, [first]),
        ({"since": AT + DAY, "until": AT + 2 * DAY}, [second]),
        ({"verdict": "hate"}, [second]),
        ({"verdict": "hat"}, []),
        ({"verdict": "answer"}, []),
        ({"finish_reason": "length"}, [third]),
        ({"finish_reason": "chat.completions"}, []),
        ({"text": "NA ALFAMA"}, [third]),
        ({"text": "elétrico", "key_id": "museu"}, [second]),
        ({"text": "%"}, []),
    ):
        assert ids(log, **asked) == found, asked
    newest = list(log.search(Query(), newest_first=True))
    assert [found.record.trace_id for found in newest] == [third, second, first]


def test_hashed_texts_are_found_by_the_whole_text(place: AuditSettings) -> None:
    with Log.open(place.model_copy(update={"text": "hash"})) as log:
        trace = append(log, question="Onde fica a Sé?")
        (found,) = log.search(Query(text="Onde fica a Sé?"))
        assert found.record.question == hashed(log._salt, "text", "Onde fica a Sé?")
        assert found.record.trace_id == trace
        assert ids(log, text="a Sé?") == []


def test_pages_of_a_long_log_follow_each_other(log: Log) -> None:
    futures = [log.append(record()) for _ in range(1203)]
    for future in futures:
        future.result(timeout=30)
    assert [found.seq for found in log.search(Query())] == [*range(1, 1204)]
    assert [found.seq for found in log.search(Query(), newest_first=True)] == [*range(1203, 0, -1)]
    assert log.verify().num_records == 1203
    assert_whole(log)


def test_records_of_many_threads_make_one_chain(log: Log) -> None:
    with ThreadPoolExecutor(16) as threads:
        traces = list(threads.map(lambda _: append(log), range(160)))
    assert sorted(ids(log)) == sorted(traces)
    assert_whole(log)


def test_two_logs_on_one_place_make_one_chain(log: Log, place: AuditSettings) -> None:
    with Log.open(place) as other, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: append(other if n % 2 else log), range(80)))
    assert log.verify().num_records == 80
    assert_whole(log)


def test_a_second_record_of_a_trace_is_refused_and_its_neighbours_are_not(log: Log) -> None:
    trace = append(log)
    futures = [log.append(record(**more)) for more in ({}, {"trace_id": trace}, {})]
    futures[0].result(timeout=30)
    futures[2].result(timeout=30)
    with pytest.raises(ArtifactError, match="in the log already"):
        futures[1].result(timeout=30)
    twins = [log.append(record(trace_id="duas-vezes")) for _ in range(2)]
    assert [twin.exception(timeout=30) is None for twin in twins] == [True, False]
    assert log.verify().num_records == 4
    assert_whole(log)


def test_who_leaves_while_waiting_does_not_take_the_record_along(log: Log) -> None:
    async def leave() -> str:
        made = record()
        waiting = asyncio.ensure_future(asyncio.wrap_future(log.append(made)))
        await asyncio.sleep(0)
        waiting.cancel()
        return made.trace_id

    trace = asyncio.run(leave())
    append(log)
    assert ids(log)[0] == trace


def test_a_closed_log_says_so(place: AuditSettings) -> None:
    with Log.open(place) as log:
        last = log.append(record())
    assert last.result(timeout=0) is None
    with pytest.raises(ArtifactError, match="is closed"):
        log.append(record()).result(timeout=30)
    log.close()


def test_nothing_is_made_where_a_log_is_looked_for(place: AuditSettings) -> None:
    with pytest.raises(ArtifactError, match="there is no log"):
        Log.open(place, create=False)
    with pytest.raises(ArtifactError, match="there is no log"):
        Log.open(place, create=False)


# Reports.


def test_a_report_is_kept_with_its_trace(log: Log) -> None:
    trace = append(log)
    made = log.report(trace, category="wrong", comment="É a Sé do Porto.\0", reporter="leitora-17")
    (found,) = log.reports()
    assert dataclasses.asdict(found) == {
        "report_id": made,
        "trace_id": trace,
        "at": found.at,
        "category": "wrong",
        "comment": "É a Sé do Porto.\ufffd",
        "reporter": hashed(log._salt, "subject", "leitora-17"),
        "closed_at": None,
    }
    assert now() - found.at < timedelta(minutes=1)
    log.close_report(made)
    assert log.reports() == []
    (closed,) = log.reports(only_open=False)
    assert closed.closed_at is not None
    with pytest.raises(RecordError, match=f"no open report {made}"):
        log.close_report(made)


def test_reports_that_cannot_be_kept_are_refused(log: Log) -> None:
    trace = append(log)
    with pytest.raises(KeyError, match="nada"):
        log.report("nada", category="wrong")
    with pytest.raises(RecordError, match="'mau' is no category"):
        log.report(trace, category="mau")
    with pytest.raises(RecordError, match="4001 characters"):
        log.report(trace, category="other", comment="x" * (MAX_COMMENT_CHARS + 1))
    assert log.reports(only_open=False) == []


# What goes by age.


def test_texts_go_before_records(log: Log) -> None:
    old, new = append(log), append(log, started_at=AT + 29 * DAY)
    assert log.purge(AT + 31 * DAY).num_texts == 1
    blanked, whole = log.search(Query())
    assert (blanked.record.trace_id, whole.record.trace_id) == (old, new)
    assert blanked.are_texts_erased
    assert not blanked.is_person_erased
    assert blanked.record.question is blanked.record.answer is None
    assert blanked.record.num_answer_tokens == 20
    assert whole.record.question == QUESTION
    assert_whole(log)
    done = log.purge(AT + 366 * DAY)
    assert (done.num_records, done.num_texts) == (1, 1)
    assert ids(log) == [new]
    assert_whole(log)
    assert log.purge(AT + 366 * DAY).num_records == 0
    assert log.verify().num_erasures == 3


def test_a_log_goes_on_when_all_of_it_has_gone(log: Log) -> None:
    for _ in range(3):
        append(log)
    head = log.verify().head
    assert log.purge(AT + 400 * DAY).num_records == 3
    assert ids(log) == []
    found = log.verify(head)
    assert (found.num_records, found.num_removed, found.first_seq) == (0, 1, 3)
    trace = append(log)
    assert ids(log) == [trace]
    assert log.verify(head).faults == ()


def test_a_clock_that_jumps_takes_nothing_by_mistake(log: Log) -> None:
    future = append(log, started_at=AT + 10_000 * DAY)
    past = append(log, started_at=AT - 10_000 * DAY)
    present = append(log)
    assert ids(log) == [future, past, present]
    assert log.purge(AT - 20_000 * DAY).num_records == 0
    assert log.purge(AT).num_records == 1
    assert ids(log) == [future, present]
    assert_whole(log)
    assert log.purge(AT + 400 * DAY).num_records == 1
    assert ids(log) == [future]
    assert_whole(log)


def test_a_reported_record_stays_until_the_report_is_closed(log: Log) -> None:
    reported, other = append(log), append(log)
    report = log.report(reported, category="harmful", comment="Isto magoa.")
    done = log.purge(AT + 400 * DAY)
    assert (done.num_records, done.num_texts) == (1, 0)
    (found,) = log.search(Query())
    assert (found.record.trace_id, found.record.answer) == (reported, ANSWER)
    assert_whole(log)
    log.close_report(report)
    assert log.purge(AT + 400 * DAY).num_records == 1
    assert log.reports(only_open=False) == []
    assert ids(log) == []
    assert_whole(log)
    with pytest.raises(KeyError):
        log.report(other, category="wrong")


def test_what_stands_for_ever_is_not_touched(place: AuditSettings) -> None:
    for_ever = place.model_copy(update={"keep_text_days": None, "keep_records_days": None})
    with Log.open(for_ever) as log:
        append(log)
        assert log.purge(AT + 10_000 * DAY) == dataclasses.replace(
            log.purge(AT), num_texts=0, num_records=0
        )
        assert log.verify().num_erasures == 0


def test_more_than_one_transaction_of_records_goes(log: Log) -> None:
    for future in [log.append(record()) for _ in range(450)]:
        future.result(timeout=30)
    assert log.purge(AT + 40 * DAY).num_texts == 450
    assert log.purge(AT + 400 * DAY).num_records == 450
    assert log.verify().num_removed == 1
    assert_whole(log)


# What goes on request.


def test_a_subject_is_erased_and_nobody_else(log: Log) -> None:
    mine = [append(log), append(log, started_at=AT + DAY)]
    theirs = append(log, subject="leitor-18")
    log.report(mine[0], category="wrong", comment="Eu sou a Ana.", reporter="outra pessoa")
    log.report(theirs, category="private", comment="Sou a Ana.", reporter="leitora-17")
    done = log.erase_subject("leitora-17")
    assert (done.num_records, done.num_reports) == (2, 2)
    assert ids(log, subject="leitora-17") == []
    assert {(report.comment, report.reporter) for report in log.reports()} == {("", "")}
    for found in log.search(Query()):
        is_mine = found.record.trace_id in mine
        assert found.is_person_erased is found.are_texts_erased is is_mine
        assert (found.record.subject is None) is is_mine
        assert (found.record.question is None) is is_mine
        assert (found.record.client == "") is is_mine
        assert (found.record.pictures == ()) is is_mine
        assert (found.record.request_id == "") is is_mine
        assert found.record.key_id == "biblioteca"
    assert_whole(log)
    again = log.erase_subject("leitora-17")
    assert (again.num_records, again.num_reports) == (0, 0)
    assert log.purge(AT + 400 * DAY).num_records == 1  # theirs is reported, and mine[0] too
    assert_whole(log)


def test_a_trace_is_erased(log: Log) -> None:
    first, second = append(log), append(log)
    log.report(first, category="private", comment="É o meu cartão.")
    done = log.erase_trace(first)
    assert (done.num_records, done.num_reports) == (1, 1)
    assert [found.are_texts_erased for found in log.search(Query())] == [True, False]
    assert log.erase_trace("nada").num_records == 0
    assert ids(log, trace_id=second) == [second]
    assert_whole(log)


def test_a_subject_whose_texts_have_gone_is_erased_too(log: Log) -> None:
    append(log)
    log.purge(AT + 31 * DAY)
    assert log.erase_subject("leitora-17").num_records == 1
    (found,) = log.search(Query())
    assert found.record.subject is None
    assert_whole(log)


def test_everything_about_a_subject_is_exported(log: Log) -> None:
    mine, theirs = append(log), append(log, subject="leitor-18")
    log.report(mine, category="wrong", comment="Não.")
    log.report(theirs, category="other", comment="Sim.", reporter="leitora-17")
    record_tree, report_tree = log.export(Query(subject="leitora-17"))
    assert record_tree["kind"] == "record"
    assert record_tree["trace_id"] == mine
    assert record_tree["question"] == QUESTION
    assert record_tree["started_at"] == "2024-11-30T12:00:00.000000+00:00"
    assert [report["comment"] for report in record_tree["reports"]] == ["Não."]
    assert (report_tree["kind"], report_tree["comment"]) == ("report", "Sim.")
    assert [tree["kind"] for tree in log.export(Query(since=AT, until=AT + DAY))] == ["record"] * 2


# Whatever happens, the chain holds.

ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 3), st.integers(-500, 500)),
        st.tuples(st.just("erase"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("purge"), st.just(0), st.integers(-100, 900)),
        st.tuples(st.just("report"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("close"), st.just(0), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=25)
@given(ACTS)
def test_the_chain_holds_whatever_is_done(acts: list[tuple[str, int, int]]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Log.open(AuditSettings(log=f"{folder}/audit.sqlite")) as log,
    ):
        standing: dict[str, tuple[int, int]] = {}
        for act, who, days in acts:
            reported = {report.trace_id for report in log.reports()}
            match act:
                case "append":
                    trace = append(log, subject=f"pessoa {who}", started_at=AT + days * DAY)
                    standing[trace] = (who, days)
                case "erase":
                    log.erase_subject(f"pessoa {who}")
                    assert ids(log, subject=f"pessoa {who}") == []
                case "purge":
                    log.purge(AT + days * DAY)
                    standing = {
                        trace: (subject, date)
                        for trace, (subject, date) in standing.items()
                        if date >= days - 365 or trace in reported
                    }
                case "report" if standing:
                    log.report([*standing][who % len(standing)], category="other", comment="?")
                case "close" if reported:
                    log.close_report(log.reports()[0].report_id)
            assert ids(log) == [*standing]
            assert_whole(log)


@settings(max_examples=20)
@given(st.lists(st.text(st.characters(exclude_categories=[])), min_size=1, max_size=4))
def test_any_text_comes_back(texts: list[str]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Log.open(AuditSettings(log=f"{folder}/audit.sqlite", text="full")) as log,
    ):
        for text in texts:
            append(log, question=text, error=text, key_id=text, subject=text, request_id=text)
        for found, text in zip(log.search(Query()), texts, strict=True):
            assert found.record.question == (storable(text) or None)
            assert found.record.key_id == storable(text)[:200]
        assert_whole(log)
