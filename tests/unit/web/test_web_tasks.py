"""The views of calls of tasks: all that wait or run, on any worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.web_parts import HOOK, TOKEN, FakeParts, FakeSettings, serving

from streamhooks.records.weight import LARGE

PATH = "/api/tasks"


def owner_of_half(second: FakeParts) -> Any:
    return lambda _topic, partition: second.settings.advertised_url if partition >= 2 else None


@asynccontextmanager
async def two_workers(settings: FakeSettings | None = None) -> AsyncIterator[tuple[FakeParts, FakeParts, TestClient]]:
    """Each owns half of the partitions; the client calls the first."""
    settings = settings or FakeSettings()
    halves = [{("t.delayed", number) for number in numbers} for numbers in ((0, 1), (2, 3))]
    first, second = FakeParts(settings=settings, mine=halves[0]), FakeParts(settings=replace(settings), mine=halves[1])
    async with serving(first) as near, serving(second) as far:
        second.settings.advertised_url = str(far.make_url("")).rstrip("/")
        first.owner_of = owner_of_half(second)
        yield first, second, near


async def page(client: TestClient, query: str = "") -> tuple[list[str], Any]:
    answer = await client.get(PATH + query)
    assert answer.status == 200, await answer.text()
    found = await answer.json()
    return [one["call_id"] for one in found["calls"]], found


async def test_what_waits_and_runs_is_listed_the_next_one_first() -> None:
    parts = FakeParts()
    parts.wait_task("c2", due=7000, partition=3)
    parts.wait_task("c1", due=7000, partition=1, last={"error": "ValueError: v"}, source="t.events:0:1")
    parts.wait_task("c0", due=9000)
    parts.wait_call(HOOK, "of a hook")
    parts.pending.get(3, "c2").state = "running"
    async with serving(parts) as client:
        ids, found = await page(client)
        assert ids == ["c1", "c2", "c0"]
        assert found["calls"][0] == {
            "call_id": "c1", "task": "shop.t", "state": "waiting", "attempt": 2, "due": 7000, "created": 1000,
            "reason": "retry", "last": {"error": "ValueError: v"}, "source": "t.events:0:1",
        }  # fmt: skip
        assert found["tasks"] == [{"task": "shop.t", "waiting": 2, "queued": 0, "unknown": 0, "running": 1}]
        assert (await client.get(PATH)).headers["X-Total-Count"] == "3"
        assert "secret args" not in await (await client.get(PATH)).text()


async def test_they_are_chosen_by_task_and_state() -> None:
    parts = FakeParts()
    for number in range(3):
        parts.wait_task(f"a{number}", "shop.a")
        parts.wait_task(f"b{number}", "shop.b")
    parts.pending.get(0, "a1").state = "running"
    parts.pending.get(0, "b2").state = "queued"
    parts.pending.get(0, "b1").state = "unknown"
    async with serving(parts) as client:
        ids, found = await page(client, "?task=shop.a&state=waiting")
        assert ids == ["a0", "a2"]
        assert found["tasks"] == [{"task": "shop.a", "waiting": 2, "queued": 0, "unknown": 0, "running": 1}]
        assert (await page(client, "?state=queued"))[0] == ["b2"]
        assert (await page(client, "?state=unknown"))[0] == ["b1"]
        assert (await page(client, "?task=shop.none"))[0] == []
        for wrong in ("state=dead", "cursor=x", "cursor=1.zz", "limit=0", "colour=red"):
            assert (await client.get(f"{PATH}?{wrong}")).status == 400


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages_have_each_call_once_on_whichever_worker_it_is(limit: int) -> None:
    async with two_workers() as (first, second, client):
        for number in range(8):
            parts = (first, second)[number % 2]
            parts.wait_task(f"c{number}", due=5000 + number // 4, partition=2 * (number % 2))
        second.wait_task("é" * 2000, due=9000, partition=3)
        found: list[str] = []
        query: str | None = f"?limit={limit}"
        while query is not None:
            ids, answer = await page(client, query)
            found += ids
            query = answer["next_cursor"] and f"?limit={limit}&cursor={answer['next_cursor']}"
            assert answer["tasks"] == [{"task": "shop.t", "waiting": 9, "queued": 0, "unknown": 0, "running": 0}]
        assert found == [*(f"c{number}" for number in range(8)), "é" * 2000]


async def test_the_total_is_that_of_all_workers() -> None:
    async with two_workers() as (first, second, client):
        first.wait_task("a")
        second.wait_task("b", partition=2)
        for answer in (await client.get(f"{PATH}?limit=1"), await client.head(PATH)):
            assert (answer.status, answer.headers["X-Total-Count"]) == (200, "2")
            assert "X-Streamhooks-Covered" not in answer.headers


@pytest.mark.parametrize("on_second", [False, True])
async def test_a_call_is_shown_whole_run_and_dropped_by_its_owner(on_second: bool) -> None:
    async with two_workers() as (*both, client):
        owner, other = (both[1], both[0]) if on_second else both
        place = (2 if on_second else 1, "c 1/ü?&")
        owner.wait_task(place[1], partition=place[0], kwargs={"n": 1})
        url = f"{PATH}/c%201%2F%C3%BC%3F%26"
        whole = await (await client.get(url)).json()
        assert (whole["args"], whole["kwargs"], whole["task"]) == (["secret args"], {"n": 1}, "shop.t")
        answer = await client.post(f"{url}/run", json={})
        assert (answer.status, (await answer.json())["call_id"]) == (202, place[1])
        assert (await client.post(f"{url}/run", json={"a": 1})).status == 400
        assert (await client.delete(url)).status == 204
        assert (owner.retried, owner.dropped) == ([place], [place])
        owner.pending.get(*place).state = "running"
        answer = await client.delete(url)
        assert (answer.status, await answer.json()) == (409, {"detail": "the call is running"})
        assert (other.retried, other.dropped) == ([], [])
        assert (await client.delete(f"{PATH}/none")).status == 404


async def test_a_call_of_a_hook_is_no_call_of_a_task() -> None:
    parts = FakeParts()
    parts.wait_call(HOOK, "c1")
    async with serving(parts) as client:
        for method, path in (("GET", ""), ("POST", "/run"), ("DELETE", "")):
            assert (await client.request(method, f"{PATH}/c1{path}")).status == 404
    assert parts.retried == parts.dropped == []


async def test_arguments_that_kafka_has_lost_are_null_and_of_a_kafka_that_is_away_a_503() -> None:
    parts = FakeParts()
    parts.wait_task("c1", args=["x" * 2 * LARGE])
    async with serving(parts) as client:
        whole = await (await client.get(f"{PATH}/c1")).json()
        assert (whole["args"], whole["kwargs"]) == (None, None)
        parts.failure = TimeoutError()
        assert (await client.get(f"{PATH}/c1")).status == 503


async def test_a_reading_token_sees_all_and_drives_nothing() -> None:
    settings = FakeSettings(TOKEN, (("read", "only-reading"),))
    async with two_workers(settings) as (_, second, client):
        second.wait_task("c1", partition=2)
        client.session.headers["Authorization"] = "Bearer only-reading"
        assert (await page(client))[0] == ["c1"]
        assert (await client.get(f"{PATH}/c1")).status == 200
        assert (await client.post(f"{PATH}/c1/run")).status == 403
        assert (await client.delete(f"{PATH}/c1")).status == 403
        assert second.retried == second.dropped == []


def moved(first: FakeParts, _second: FakeParts) -> None:
    first.owner_of = lambda _topic, _partition: None


def unread(first: FakeParts, _second: FakeParts) -> None:
    first.whole = False


def unread_there(_first: FakeParts, second: FakeParts) -> None:
    second.whole = False


def taken_meanwhile(_first: FakeParts, second: FakeParts) -> None:
    second.mine = {("t.delayed", 2)}


def gone(first: FakeParts, _second: FakeParts) -> None:
    first.owner_of = lambda _topic, _partition: "http://127.0.0.1:1"


@pytest.mark.parametrize("arrange", [moved, unread, unread_there, taken_meanwhile, gone])
async def test_nothing_is_said_of_what_nobody_can_answer_for(arrange: Any) -> None:
    async with two_workers() as (first, second, client):
        arrange(first, second)
        for method, path in (("GET", ""), ("GET", "/c1"), ("POST", "/c1/run"), ("DELETE", "/c1")):
            answer = await client.request(method, PATH + path)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1"), (method, path)
            assert "maybe_applied" not in await answer.json()


async def test_a_worker_of_an_older_version_is_not_taken_for_one_without_calls() -> None:
    async def unknown(_: web.Request) -> web.Response:
        return web.json_response({"detail": "not found"}, status=404)

    older = web.Application()
    older.router.add_route("*", "/{path:.*}", unknown)
    async with two_workers() as (first, _, client), TestServer(older) as server:
        first.owner_of = lambda _topic, _partition: str(server.make_url("")).rstrip("/")
        for path in ("", "/c1"):
            assert (await client.get(PATH + path)).status == 503


@pytest.mark.parametrize("hangs_up", [True, False])
async def test_a_change_that_may_have_been_made_is_said_to_be(hangs_up: bool) -> None:
    async def hang_up(request: web.Request) -> web.Response:
        if hangs_up:
            request.transport.close()
        return web.json_response({"detail": "internal error"}, status=500)

    strange = web.Application()
    strange.router.add_route("*", "/{path:.*}", hang_up)
    async with two_workers() as (first, _, client), TestServer(strange) as server:
        first.owner_of = lambda _topic, _partition: str(server.make_url("")).rstrip("/")
        answer = await client.delete(f"{PATH}/c1")
        assert (answer.status, (await answer.json())["maybe_applied"]) == (503, True)
