"""Several engines that answer alike: who is asked, who is not, and what happens when they come and go."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fake_engine import FakeEngine, Reply, chunk, engines, said
from test_remote import post, serving, wait_for

from amalia.errors import GenerationError, RequestError
from amalia.serve.replicas import Replica, Replicas

NO_SESSION: Any = None


def well(num: int) -> list[Replica]:
    return [Replica(f"http://e{number}/v1", NO_SESSION, is_well=True) for number in range(num)]


def with_members(
    members: list[Replica], use: Callable[[Replicas], Awaitable[Any]], **more: Any
) -> Any:
    async def main() -> Any:
        async with aiohttp.ClientSession() as session:
            settings = {"model": None, "check_every_s": 5.0, "max_waiting": 100, **more}
            for member in members:
                member.session = session
            return await use(Replicas(members=members, **settings))

    return asyncio.run(main())


def test_requests_go_to_whoever_has_least_to_do() -> None:
    members = well(3)

    async def use(replicas: Replicas) -> None:
        taken = [replicas.least_loaded() for _ in range(7)]
        for one in taken:
            one.__enter__()
        assert sorted(member.num_under_way for member in members) == [2, 2, 3]
        for one in taken:
            one.__exit__(None, None, None)
        assert [member.num_under_way for member in members] == [0, 0, 0]

    with_members(members, use)


def test_idle_ones_are_taken_in_turn() -> None:
    async def use(replicas: Replicas) -> list[str]:
        asked = []
        for _ in range(6):
            with replicas.least_loaded() as member:
                asked.append(member.url)
        return asked

    asked = with_members(well(3), use)
    assert asked[:3] == asked[3:]
    assert len(set(asked)) == 3


def test_who_fails_comes_last_and_who_is_ill_never() -> None:
    members = well(3)
    members[2].is_well = False

    async def use(replicas: Replicas) -> None:
        replicas.doubt(members[0])
        for _ in range(4):
            with replicas.least_loaded() as member:
                assert member is members[1]
        with replicas.least_loaded(failed={members[1]}) as member:
            assert member is members[0]
        members[1].is_well = False
        with replicas.least_loaded(failed={members[0]}) as member:
            assert member is members[0]
        members[0].is_well = False
        with pytest.raises(GenerationError, match="no engine can answer: 0 of 3 engines are well"):
            replicas.least_loaded().__enter__()

    with_members(members, use)


def test_there_is_a_limit_to_what_is_under_way() -> None:
    async def use(replicas: Replicas) -> None:
        with (
            replicas.least_loaded(),
            replicas.least_loaded(),
            pytest.raises(RequestError, match="2 requests are under way") as caught,
        ):
            replicas.least_loaded().__enter__()
        assert caught.value.status == 429
        with replicas.least_loaded():
            pass

    with_members(well(1), use, max_waiting=2)


@pytest.mark.parametrize(
    ("models", "wanted", "detail"),
    [
        (
            {"data": [{"id": "a"}, {"id": "b"}]},
            None,
            "has a, b; expected one model; set engine.model",
        ),
        ({"data": [{"id": "a"}, {"id": "b"}]}, "b", "is well"),
        ({"data": [{"id": "a"}]}, "c", "has a; expected c; set engine.model"),
        ({"data": []}, None, "has no models; expected one model; set engine.model"),
        ({"data": 5}, None, "has no models; expected one model; set engine.model"),
        ([], None, "has no models; expected one model; set engine.model"),
    ],
)
def test_the_model_of_a_replica(models: Any, wanted: str | None, detail: str) -> None:
    with engines() as (engine,):
        engine.models = models
        member = Replica(engine.url, NO_SESSION)

        async def use(replicas: Replicas) -> None:
            await replicas.check_all()

        with_members([member], use, model=wanted)
        assert member.detail == detail
        assert member.is_well == (detail == "is well")


def test_health_as_it_is_told() -> None:
    with engines() as (engine,):
        member = Replica(engine.url, NO_SESSION)

        async def use(replicas: Replicas) -> list[str]:
            details = []
            for status in (503, 200, 404):
                engine.health = status
                await replicas.check_all()
                details.append(member.detail)
            await asyncio.to_thread(engine.stop)
            await replicas.check_all()
            return [*details, member.detail, replicas.state().detail]

        details = with_members([member], use)
    assert details[:3] == ["says 503 of its health", "is well", "is well"]
    assert details[3] == "cannot be reached (ClientConnectorError)"
    assert details[4] == f"0 of 1 engines are well ({member.url} {details[3]})"


# --- behind a server ------------------------------------------------------------------------------


def test_load_is_spread_over_three(tmp_path: Path) -> None:
    with engines(3) as behind, serving(tmp_path, *behind) as up:
        for engine in behind:
            engine.answer = lambda _: said("Olá", pause_s=0.05)
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            done = list(pool.map(lambda _: post(up).status_code, range(24)))
        assert done == [200] * 24
        assert all(5 <= len(engine.asked) <= 11 for engine in behind)


def test_a_replica_that_dies_and_comes_back(tmp_path: Path) -> None:
    with engines(2) as (first, second), serving(tmp_path, first, second) as up:
        first.stop()
        assert [post(up).status_code for _ in range(6)] == [200] * 6
        assert len(second.asked) == 6
        wait_for(lambda: "1 of 2" in up.built.front.state().detail)
        back = FakeEngine(port=first.port)
        back.start()
        try:
            wait_for(lambda: "2 of 2" in up.built.front.state().detail)
            assert [post(up).status_code for _ in range(6)] == [200] * 6
            assert back.asked
        finally:
            back.stop()


def test_a_request_that_breaks_off_before_it_has_begun_goes_to_another(tmp_path: Path) -> None:
    with engines(2) as behind, serving(tmp_path, *behind) as up:
        for reply in (Reply(is_cut=True), Reply(status=503), Reply(is_done=False)):
            before = [len(engine.asked) for engine in behind]
            for engine in behind:
                engine.replies.append(reply)
                engine.replies.append(said("Cá estou."))
            # Whoever is asked first breaks off; then the other one does, for the same request.
            behind[1].replies.clear()
            behind[1].answer = lambda _: said("Cá estou.")
            behind[0].answer = lambda _: said("Cá estou.")
            assert [post(up).status_code for _ in range(3)] == [200] * 3
            asked = [len(engine.asked) - old for engine, old in zip(behind, before, strict=True)]
            assert sum(asked) in (3, 4)
            behind[0].replies.clear()


def test_no_replica_left(tmp_path: Path) -> None:
    with engines(2) as behind, serving(tmp_path, *behind) as up:
        for engine in behind:
            engine.stop()
        refused = post(up)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        wait_for(lambda: "0 of 2" in up.built.front.state().detail)
        refused = post(up, stream=True)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["error"]["code"] == "not_ready"


def test_a_replica_that_fails_fast_does_not_draw_every_request(tmp_path: Path) -> None:
    with engines(2) as (broken, fine), serving(tmp_path, broken, fine) as up:
        broken.answer = lambda _: Reply([chunk("Olá")], is_cut=True)
        fine.answer = lambda _: said("Olá", pause_s=0.01)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda _: post(up).status_code, range(20)))
        assert done.count(503) <= 4
        assert len(fine.asked) >= 16
