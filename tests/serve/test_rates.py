"""Buckets fill up with time, refuse with the moment to come again, and forget whom nobody asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.errors import RequestError
from amalia.serve import rates as rates_module
from amalia.serve.keys import Caller, RateLimits
from amalia.serve.rates import Rates, duration


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def caller(name: str = "museu", **limits: int) -> Caller:
    return Caller(name, RateLimits(**{f"{kind}_per_minute": n for kind, n in limits.items()}))


def refusal(rates: Rates, who: Caller, **amounts: int) -> RequestError:
    with pytest.raises(RequestError) as caught:
        rates.admit(who, **amounts)
    return caught.value


def test_a_minute_s_worth_at_once_and_then_as_it_fills():
    clock = Clock()
    rates, who = Rates(clock), caller(requests=3)
    for _ in range(3):
        rates.admit(who, requests=1)
    error = refusal(rates, who, requests=1)
    assert (error.status, error.code, error.retry_after_s) == (429, "rate_limit_exceeded", 20.0)
    assert str(error) == (
        "this key may take 3 requests a minute and has 0 left; ask again in 20.0 s"
    )
    clock.now_s += 19.9
    refusal(rates, who, requests=1)
    clock.now_s += 0.1
    rates.admit(who, requests=1)
    clock.now_s += 3600
    for _ in range(3):
        rates.admit(who, requests=1)
    refusal(rates, who, requests=1)


def test_all_or_nothing_is_taken_and_the_longest_wait_is_told():
    clock = Clock()
    rates, who = Rates(clock), caller(requests=60, images=6, tokens=600)
    rates.admit(who, requests=1, images=5)
    error = refusal(rates, who, requests=1, images=3, tokens=10)
    assert error.retry_after_s == pytest.approx(20)
    assert "6 images a minute and has 1 left" in str(error)
    assert rates.headers(who)["x-ratelimit-remaining-requests"] == "59"
    assert rates.headers(who)["x-ratelimit-remaining-tokens"] == "600"


def test_what_can_never_be_had_is_told_as_too_large():
    error = refusal(Rates(Clock()), caller(images=4), images=5)
    assert (error.status, error.retry_after_s) == (413, None)
    assert "takes 5 images; expected at most 4" in str(error)


def test_tokens_are_settled_and_a_debt_has_to_fill_up():
    clock = Clock()
    rates, who = Rates(clock), caller(tokens=60)
    rates.admit(who, tokens=50)
    rates.settle(who, tokens=20, estimate=50)
    assert rates.headers(who)["x-ratelimit-remaining-tokens"] == "40"
    rates.admit(who)
    rates.settle(who, tokens=70)
    assert rates.headers(who)["x-ratelimit-remaining-tokens"] == "0"
    error = refusal(rates, who)
    assert error.retry_after_s == pytest.approx(30)
    clock.now_s += 30
    rates.admit(who)
    rates.settle(who, tokens=0, estimate=500)  # never more than a bucket holds
    assert rates.headers(who)["x-ratelimit-remaining-tokens"] == "60"


def test_headers_are_openai_s():
    clock = Clock()
    rates, who = Rates(clock), caller(requests=60, tokens=6000, images=2)
    rates.admit(who, requests=2)
    rates.settle(who, tokens=9000)
    assert rates.headers(who) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "58",
        "x-ratelimit-reset-requests": "2s",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "1m30s",
    }


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0ms"), (0.02, "20ms"), (1, "1s"), (1.5, "1.5s"), (59.123, "59.12s"), (60, "1m0s"), (61.5, "1m1.5s"),
     (360, "6m0s"), (59.9999, "1m0s")],
)  # fmt: skip
def test_times_are_written_as_openai_writes_them(seconds, written):
    assert duration(seconds) == written


def test_who_has_no_limit_is_not_remembered():
    rates = Rates(Clock())
    for n in range(1000):
        rates.admit(Caller(f"n{n}"), requests=1, images=8, tokens=10**9)
        rates.settle(Caller(f"n{n}"), tokens=10**9)
    assert rates.headers(Caller("n1")) == {}
    assert len(rates._callers) == 0


def test_memory_is_bounded_and_callers_do_not_share(monkeypatch):
    monkeypatch.setattr(rates_module, "MAX_CALLERS", 3)
    rates = Rates(Clock())
    for name in "abcd":
        rates.admit(caller(name, requests=1), requests=1)
    assert list(rates._callers) == ["b", "c", "d"]
    refusal(rates, caller("d", requests=1), requests=1)
    rates.admit(caller("a", requests=1), requests=1)


def test_a_limit_that_changes_holds_at_once():
    rates = Rates(Clock())
    for _ in range(2):
        rates.admit(caller(requests=2), requests=1)
    rates.admit(caller(requests=5), requests=1)
    assert rates.headers(caller(requests=5))["x-ratelimit-remaining-requests"] == "4"


@given(
    steps=st.lists(st.tuples(st.floats(0, 30), st.integers(0, 5)), max_size=60),
    limit=st.integers(1, 40),
)
def test_never_more_than_twice_the_limit_in_any_minute(steps, limit):
    clock = Clock()
    rates, who = Rates(clock), caller(images=limit)
    taken: list[tuple[float, int]] = []
    for pause_s, amount in steps:
        clock.now_s += pause_s
        try:
            rates.admit(who, images=amount)
        except RequestError as error:
            if error.status == 429:  # and what it says about time is true
                clock.now_s += error.retry_after_s or 0
                rates.admit(who, images=amount)
                taken.append((clock.now_s, amount))
        else:
            taken.append((clock.now_s, amount))
        recent = sum(amount for at, amount in taken if at > clock.now_s - 60)
        assert recent <= 2 * limit
