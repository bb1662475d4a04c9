"""Kept answers: what counts as the same question, what is kept, what a file survives."""

from __future__ import annotations

import itertools
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator

import make
import pytest

from amalia.errors import AmaliaError, ArtifactError, GenerationError
from amalia.inference import (
    Answer,
    Generate,
    LogProb,
    Sampling,
    Scripted,
    complete,
    complete_many,
    log_probs,
)
from amalia.inference.cache import AnswerCache, Cached, Rate
from amalia.inference.cache_file import Question

PLAIN = Sampling()


class Drawing:
    """An engine whose answer says with which seed and at which place of a call it was drawn."""

    name = "sorteio"

    def __init__(self, fails: Iterable[str] = (), window: int = 1) -> None:
        self.fails = set(fails)
        self.window = window
        self.num_calls = 0

    def answer_many(self, prompts, sampling: Sampling) -> Iterator[Answer | AmaliaError]:
        self.num_calls += 1
        waiting = enumerate(prompts)
        while window := list(itertools.islice(waiting, self.window)):
            for place, row in window:
                text = row.record.turns[-1].text
                if text in self.fails:
                    yield GenerationError(f"{text} falha")
                else:
                    yield Answer(f"{text} {sampling.seed}/{place}", "stop", 2, 5)


@pytest.fixture
def cache(tmp_path) -> Iterator[AnswerCache]:
    with AnswerCache.open(tmp_path / "novo" / "respostas.sqlite") as opened:
        yield opened


def ask(text: str, id: str = "c1"):
    return make.conversation(("user", text), id=id)


def texts(engine: Generate, asked: str, sampling: Sampling = PLAIN) -> list[str]:
    """Ask one-letter questions and give the texts of the answers."""
    return [answer.text for answer in complete_many(engine, map(ask, asked), sampling)]


def test_a_question_is_asked_once(cache):
    engine = Scripted(lambda row: row.record.turns[-1].text.upper())
    cached: Generate = Cached(engine, cache)
    assert cached.name == "scripted"
    assert texts(cached, "abc") == ["A", "B", "C"]
    again = Cached(engine, cache)
    assert texts(again, "abxc") == ["A", "B", "X", "C"]
    assert (again.num_hits, again.num_misses) == (3, 1)
    assert [call.prompt.record.turns[0].text for call in engine.calls] == ["a", "b", "c", "x"]
    assert texts(cached, "") == []


def test_an_answer_comes_back_as_it_was(cache):
    said = [
        Answer("«É» 🚌\n\x00\ud800", "length", 7, 12),
        Answer("", "content_filter", 0),
    ]

    class Saying(Drawing):
        def answer_many(self, prompts, _):
            yield from (answer for answer, _ in zip(said, prompts, strict=False))

    for _ in range(2):
        assert list(Cached(Saying(), cache).answer_many(map(ask, "ab"), PLAIN)) == said


RED, BLUE = make.picture(color="red"), make.picture(color="blue")
BASE = (("system", "Sê breve."), ("user", RED, "O que é?"))


@pytest.mark.parametrize(
    ("turns", "id", "source", "is_same"),
    [
        (BASE, "outro", "outra fonte", True),
        ((("system", "Sê breve."), ("user", BLUE, "O que é?")), "c1", "test", False),
        ((("system", "Sê breve."), ("user", "O que é?", RED)), "c1", "test", False),
        ((("system", "Sê longo."), ("user", RED, "O que é?")), "c1", "test", False),
        ((("user", RED, "O que é?"),), "c1", "test", False),
        ((("user", "Sê breve."), ("user", RED, "O que é?")), "c1", "test", False),
        ((("system", "Sê breve."), ("user", "O que é?")), "c1", "test", False),
    ],
)
def test_the_same_question_is_one_with_the_same_turns_and_pictures(
    cache, turns, id, source, is_same
):
    engine = Scripted(lambda _: "Um quadrado.")
    cached = Cached(engine, cache)
    complete(cached, make.conversation(*BASE), PLAIN)
    complete(cached, make.conversation(*turns, id=id, source=source), PLAIN)
    assert cached.num_hits == int(is_same)


@pytest.mark.parametrize(
    "other",
    [
        {"max_new_tokens": 9},
        {"top_p": 0.5},
        {"seed": 1},
        {"stop": ("a",)},
        {"stop": ("b", "a")},
        {"temperature": 0.5, "seed": 1},
    ],
)
def test_other_settings_are_another_question(cache, other):
    cached = Cached(Scripted(lambda _: "sim"), cache)
    texts(cached, "a")
    texts(cached, "a", Sampling(**other))
    assert (cached.num_hits, cached.num_misses) == (0, 2)


def test_other_weights_are_another_engine(cache):
    for name in ("um@1", "um@2"):
        cached = Cached(Scripted({"a": name}, name=name), cache)
        assert texts(cached, "aa") == [name, name]


def test_errors_are_never_kept(cache):
    engine = Drawing(fails="b")
    kinds = [type(one) for one in Cached(engine, cache).answer_many(map(ask, "abc"), PLAIN)]
    assert kinds == [Answer, GenerationError, Answer]
    engine.fails.clear()
    again = Cached(engine, cache)
    assert texts(again, "abc") == ["a None/0", "b None/0", "c None/2"]
    assert (again.num_hits, again.num_misses) == (2, 1)


@pytest.mark.parametrize("window", [1, 3, 50])
@pytest.mark.parametrize("known", ["", "a", "d", "bc", "acd", "abcd", "eaeae"])
def test_the_order_is_that_of_the_prompts_whatever_is_known(cache, known, window):
    engine = Drawing(window=window)
    list(Cached(engine, cache).answer_many(map(ask, known), PLAIN))
    cached = Cached(engine, cache)
    found = texts(cached, "abcdab")
    assert [text[0] for text in found] == list("abcdab")
    assert cached.num_hits + cached.num_misses == 6


def test_prompts_without_end_are_taken_as_they_are_needed(cache):
    taken = itertools.count()
    prompts = (ask(f"pergunta {next(taken)}") for _ in itertools.count())
    answers = Cached(Drawing(window=4), cache).answer_many(prompts, PLAIN)
    assert len(list(itertools.islice(answers, 10))) == 10
    answers.close()
    assert next(taken) <= 13


def test_much_that_is_known_behind_one_that_is_not_is_not_piled_up(cache):
    texts(Cached(Drawing(), cache), "a")
    engine = Drawing(window=1000)
    taken = itertools.count()
    prompts = (ask("novo" if next(taken) % 1000 == 0 else "a") for _ in range(3000))
    answers = Cached(engine, cache).answer_many(prompts, PLAIN)
    next(answers)
    assert next(taken) < 300
    assert len(list(answers)) == 2999
    assert engine.num_calls == 1


def test_what_stops_the_engine_stops_the_run_and_loses_nothing(cache):
    class Stopping(Drawing):
        def answer_many(self, prompts, sampling):
            yield from itertools.islice(super().answer_many(prompts, sampling), 2)
            raise GenerationError("the server is gone")

    cached = Cached(Stopping(), cache)
    answers = cached.answer_many(map(ask, "abcd"), PLAIN)
    assert len([next(answers), next(answers)]) == 2
    with pytest.raises(GenerationError, match="is gone"):
        next(answers)
    again = Cached(Drawing(), cache)
    texts(again, "abcd")
    assert (again.num_hits, again.num_misses) == (2, 2)


# --- drawn answers --------------------------------------------------------------------------------


def test_answers_drawn_without_a_seed_are_not_kept(cache):
    cached = Cached(Drawing(), cache)
    drawn = Sampling(temperature=1.0)
    texts(cached, "aa", drawn)
    texts(cached, "aa", drawn)
    assert cached.num_hits == 0


def test_drawn_answers_are_those_of_the_engine_and_come_back(cache):
    drawn = Sampling(temperature=1.0, seed=7)
    engine = Drawing()
    alone = texts(engine, "aab", drawn)
    assert alone == ["a 7/0", "a 7/1", "b 7/2"]
    assert texts(Cached(engine, cache), "aab", drawn) == alone
    assert texts(Cached(engine, cache), "aba", drawn) == ["a 7/0", "b 7/2", "a 7/1"]


def test_a_draw_is_never_given_twice_to_one_question(cache):
    """The third of three must not be drawn like the first because it stands alone in its call."""
    drawn = Sampling(temperature=1.0, seed=7)
    engine = Drawing()
    first = texts(Cached(engine, cache), "aa", drawn)
    cached = Cached(engine, cache)
    found = texts(cached, "aaaa", drawn)
    assert found[:2] == first
    assert len(set(found)) == 4
    assert (cached.num_hits, cached.num_misses) == (2, 2)
    assert texts(Cached(engine, cache), "aaaa", drawn) == found


# --- likelihoods and streams ----------------------------------------------------------------------


def test_likelihoods_are_kept_by_prompt_and_answer(cache):
    def likelihood(row, answer):
        if answer == "mau":
            raise GenerationError("cannot be weighed")
        return -len(row.record.turns[-1].text + answer) / 3

    engine = Scripted([], likelihood=likelihood)
    cached = Cached(engine, cache)
    prompts = [ask("a"), ask("a"), ask("bb")]
    found = log_probs(cached, prompts, ["sim", "não é", "sim"])
    assert found == [LogProb(-4 / 3, 2), LogProb(-2.0, 3), LogProb(-5 / 3, 2)]
    pairs = ([ask("a"), *prompts], ["mau", "sim", "não é", "sim"])
    error, *again = cached.weigh_many(*pairs)
    assert again == found
    assert isinstance(error, GenerationError)
    assert (cached.num_hits, cached.num_misses) == (3, 4)
    with pytest.raises(ValueError, match="shorter"):
        list(cached.weigh_many([ask("a")] * 2, ["sim"]))


def test_an_answer_and_its_likelihood_are_two_things(cache):
    cached = Cached(Scripted(["sim"]), cache)
    assert complete(cached, ask("a"), PLAIN).text == "sim"
    assert log_probs(cached, [ask("a")], ["sim"]) == [LogProb(-2.0, 2)]
    assert cached.num_hits == 0


def test_a_bound_stays_a_bound(cache):
    question = Question(b"1", "weigh", "m")
    cache.keep(question, LogProb(-1 / 3, 1, is_bound=True), seconds=0.0)
    assert cache.find(question, LogProb) == LogProb(-1 / 3, 1, is_bound=True)


def test_streams_pass_through(cache):
    cached = Cached(Scripted(["um dois", "três"]), cache)
    assert list(cached.stream(ask("a"), PLAIN)) == ["um", " dois"]
    assert list(cached.stream(ask("a"), PLAIN)) == ["três"]


# --- how fast -------------------------------------------------------------------------------------


def test_it_knows_how_fast_an_engine_was(cache):
    ticks = itertools.chain.from_iterable((start, start + 2.0) for start in itertools.count(0, 100))
    cached = Cached(Drawing(fails="b"), cache, clock=lambda: next(ticks))
    assert cache.rate("sorteio") is None
    list(cached.answer_many(map(ask, "abc"), PLAIN))
    # Two answers of two tokens for prompts of five; the time of the failure counts, the caller's not.
    assert cache.rate("sorteio") == Rate(2 / 6.0, 4 / 6.0, 10 / 6.0)
    list(cached.answer_many(map(ask, "ac"), PLAIN))
    assert cache.rate("sorteio") == Rate(2 / 6.0, 4 / 6.0, 10 / 6.0)
    assert cache.rate("sorteio", kind="weigh") is None
    assert cache.rate("outro") is None


def test_engines_that_do_not_count_the_prompt(cache):
    ticks = itertools.count()
    cached = Cached(Scripted(lambda _: "sim"), cache, clock=lambda: float(next(ticks)))
    texts(cached, "ab")
    assert cache.rate("scripted") == Rate(1.0, 1.0, None)


# --- the file -------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from amalia.inference import Answer
from amalia.inference.cache_file import AnswerCache, Question

cache = AnswerCache.open(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    cache.keep(Question(str(number).encode(), "answer", "m"), Answer(f"r{number}", "stop", 1), seconds=0.1)
if sys.argv[4] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run(path, first: int, end: int, how: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path), str(first), str(end), how],
        stderr=subprocess.PIPE,
    )


def kept(path, numbers) -> list[str]:
    with AnswerCache.open(path) as cache:
        found = [
            cache.find(Question(str(number).encode(), "answer", "m"), Answer) for number in numbers
        ]
    return [answer.text for answer in found if answer]


def test_a_kill_loses_nothing_that_came(tmp_path):
    path = tmp_path / "respostas.sqlite"
    with run(path, 0, 50, "kill") as process:
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert kept(path, range(50)) == [f"r{number}" for number in range(50)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["respostas.sqlite"]


def test_several_processes_share_a_file(tmp_path):
    path = tmp_path / "respostas.sqlite"
    processes = [run(path, number * 20, number * 20 + 30, "end") for number in range(3)]
    for process in processes:
        assert process.communicate()[1] == b""
        assert process.returncode == 0
    assert kept(path, range(70)) == [f"r{number}" for number in range(70)]


def test_several_threads_share_a_file(cache):
    cached = Cached(Scripted(lambda row: row.record.turns[-1].text), cache)
    found: dict[int, list[str]] = {}

    def work(number: int) -> None:
        found[number] = texts(cached, "abcdefghij")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: list("abcdefghij") for number in range(4)}


def test_an_empty_file_becomes_one_and_a_second_opening_finds_it(tmp_path):
    path = tmp_path / "respostas.sqlite"
    path.touch()
    for _ in range(2):
        assert kept(path, [1]) == []


def foreign(path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE receitas (nome TEXT)")
    database.close()


def newer(path) -> None:
    AnswerCache.open(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 9")
    database.close()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            lambda path: path.write_text("bom dia " * 99),
            "is no file of kept answers, or is damaged",
        ),
        (foreign, "is a database of something else; expected kept answers, or no file"),
        (newer, "are of version 9; expected 1; give another path, or remove the file"),
        (lambda path: path.mkdir(), "cannot be used .*give another path"),
        (lambda path: (path.parent / "a").touch() or path.symlink_to("a/b"), "cannot be used"),
    ],
)
def test_files_that_are_no_cache_are_refused_and_left_alone(tmp_path, spoil, says):
    path = tmp_path / "respostas.sqlite"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ArtifactError, match=says) as raised:
        AnswerCache.open(path)
    assert "\n" not in str(raised.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(ArtifactError, match="cannot be used"):
        AnswerCache.open(tmp_path / "a" / "respostas.sqlite")


def test_damage_is_told_when_it_is_met(tmp_path):
    path = tmp_path / "respostas.sqlite"
    with AnswerCache.open(path) as cache:
        for number in range(200):
            question = Question(str(number).encode(), "answer", "m")
            cache.keep(question, Answer("bla " * 50, "stop", 1), seconds=0.1)
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with AnswerCache.open(path) as cache, pytest.raises(ArtifactError, match=r"is damaged .*-wal"):
        cache.find(Question(b"1", "answer", "m"), Answer)


def test_a_full_disk_is_told(cache):
    cache._database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(ArtifactError, match=r"cannot be used \(.*full\); .*make room"):
        for number in range(99):
            question = Question(str(number).encode(), "answer", "m")
            cache.keep(question, Answer("bla " * 999, "stop", 1), seconds=0.1)


def test_an_answer_that_is_none(cache):
    question = Question(b"1", "answer", "m")
    cache.keep(question, LogProb(-1.0, 1), seconds=0.0)
    with pytest.raises(ArtifactError, match="holds an answer that cannot be read"):
        cache.find(question, Answer)
