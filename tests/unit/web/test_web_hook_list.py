"""The list of hooks: who needs a person comes first, filters combine, and it is quick with many."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from support.web_parts import NOW, FakeParts, created, serving

from streamhooks.hooks.trouble import STATES, TROUBLES, place_of_shown
from streamhooks.kafka.reader import Record
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState
from streamhooks.web.rules.hook_list import find, wanted_of

SECRET = "x" * 16


def hook_id(number: int) -> str:
    return f"{number:032x}"


def put(parts: FakeParts, number: int, found: dict[str, Any] | None = None, **fields: Any) -> str:
    """Put a hook, and what was found about it, as the topics have them."""
    one = hook_id(number)
    given = {"id": one, "organization_id": "1", "url": f"https://example.com/{number}", "secret": SECRET}
    hook = Hook.from_fields({**given, "events": ["event.created"], **fields})
    offset = parts.position.get(("t.hooks", 0), 0)
    parts.position["t.hooks", 0] = offset + 1
    assert parts.hooks.apply([Record("t.hooks", 0, offset, 0, one.encode(), hook.to_json())]) == []
    if found is not None:
        state = HookState(one, **found)
        assert parts.hooks.apply([Record("t.hook-states", 0, offset, 0, one.encode(), state.to_json())]) == []
    return one


def troubled(parts: FakeParts) -> dict[str, str]:
    """One hook a trouble, and those without: their ids by what they are; the ids tell nothing about the order."""
    parts.hooks.go_live()  # what was found was found now
    return {
        "disabled_by_owner": put(parts, 1, status="disabled"),
        "active": put(parts, 2),
        "paused": put(parts, 3, {"paused_until": NOW * 2, "paused_for": 300.0}),
        "failing": put(parts, 4, {"failing_since": NOW - 50}),
        "breaker_open": put(parts, 5, {"open_since": NOW, "failing_since": NOW - 20}),
        "blocked": put(parts, 6, events=[f"a.b{n}" for n in range(101)], app_id="1"),
        "disabled_by_system": put(parts, 7, {"disabled_since": NOW, "status_reason": "410 Gone", "failing_since": 5.0}),
    }


async def ids_of(client, query: str) -> list[str]:
    return [hook["id"] for hook in await listed(client, query)]


async def listed(client, query: str = "") -> list[dict[str, Any]]:
    answer = await client.get(f"/api/hooks?{query}")
    assert answer.status == 200, await answer.text()
    body = await answer.json()
    assert int(answer.headers["X-Total-Count"]) == len(body["hooks"])
    return body["hooks"]


async def test_who_needs_a_person_comes_first_and_what_its_owner_disabled_last() -> None:
    parts = FakeParts()
    ids = troubled(parts)
    async with serving(parts) as client:
        shown = await listed(client, "sort=trouble")
        by_id = await listed(client)
        same = await listed(client, "sort=id")
    order = [*TROUBLES, "active", "disabled_by_owner"]
    assert [hook["id"] for hook in shown] == [ids[name] for name in order]
    assert [hook["trouble"] for hook in shown] == [*TROUBLES, None, None]
    # Ids alone: until when a hook is paused is reckoned anew for each answer, and may differ by a millisecond.
    assert [hook["id"] for hook in by_id] == [hook["id"] for hook in same] == sorted(ids.values())
    assert [hook["id"] for hook in sorted(by_id, key=place_of_shown)] == [hook["id"] for hook in shown]


async def test_what_fails_for_longest_comes_first() -> None:
    parts = FakeParts()
    put(parts, 1, {"failing_since": NOW - 10})
    put(parts, 2, {"failing_since": NOW - 30})
    put(parts, 3, {"disabled_since": NOW - 1, "status_reason": "410 Gone"})
    put(parts, 4, {"disabled_since": 2.0**60, "status_reason": "410 Gone"})  # no calendar holds it
    put(parts, 5, {"disabled_since": NOW - 2, "status_reason": "410 Gone"})
    put(parts, 6, {"failing_since": NOW - 20, "open_since": NOW})
    put(parts, 7, {"failing_since": NOW - 40, "open_since": NOW})
    put(parts, 8, {"open_since": 1.0})
    async with serving(parts) as client:
        shown = await listed(client, "sort=trouble")
    assert [int(hook["id"], 16) for hook in shown] == [5, 3, 4, 7, 6, 8, 2, 1]
    mixed = sorted(shown, key=lambda hook: hook["id"])
    assert sorted(mixed, key=place_of_shown) == shown


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("active", {"active", "paused", "failing", "breaker_open", "blocked"}),
        ("disabled", {"disabled_by_owner", "disabled_by_system"}),
        ("failing", {"failing", "breaker_open"}),  # a hook may be in several
        *((name, {name}) for name in ("disabled_by_owner", "disabled_by_system", "blocked", "breaker_open", "paused")),
        ("trouble", set(TROUBLES)),
    ],
)
async def test_each_state_can_be_asked_for(state: str, found: set[str]) -> None:
    parts = FakeParts()
    ids = troubled(parts)
    async with serving(parts) as client:
        shown = await listed(client, f"state={state}")
        assert {hook["id"] for hook in shown} == {ids[name] for name in found}
        if state in ("active", "disabled"):
            # Until when a hook is paused is told anew each time, by the steady clock.
            assert await ids_of(client, f"status={state}") == [hook["id"] for hook in shown]
            assert await listed(client, f"status={state}&state=trouble&sort=trouble")


def test_every_state_is_tried_here() -> None:
    tried = {"active", "disabled", "disabled_by_owner", "trouble", *TROUBLES}
    assert tried == set(STATES)


async def test_the_numbers_of_the_overview_are_those_of_the_list() -> None:
    parts = FakeParts()
    troubled(parts)
    async with serving(parts) as client:
        overview = await (await client.get("/api/overview")).json()
        for state, name in (
            ("active", "active"), ("disabled", "disabled"), ("failing", "failing"), ("breaker_open", "breakers_open"),
        ):  # fmt: skip
            assert len(await listed(client, f"state={state}")) == overview[name], state


async def test_filters_combine() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        found = {"failing_since": NOW}
        right = {"organization_id": "7", "app_id": "ops", "project_ids": ["3"], "name": "Pager of Ops"}
        put(parts, 1, found, **right, events=["issue"])
        for number, other in enumerate(
            ({"organization_id": "8"}, {"app_id": "x"}, {"project_ids": []}, {"name": "x"}), 2
        ):
            put(parts, number, found, **(right | other), events=["issue"])
        put(parts, 9, None, **right, events=["issue"])
        query = "organization_id=7&app_id=ops&project_id=3&state=failing&q=pager&sort=trouble"
        assert [hook["id"] for hook in await listed(client, query)] == [hook_id(1)]


@pytest.mark.parametrize("q", ["orders", "ORDERS", "ders, lIVE", "example.COM/In", "0F" * 4, "straße"])
async def test_it_is_looked_for_in_names_urls_and_ids(q: str) -> None:
    async with serving(FakeParts()) as client:
        await created(client)
        named = await created(client, name="Orders, live. STRASSE", url="https://example.com/in/2")
        found = {hook["id"] for hook in (await (await client.get("/api/hooks", params={"q": q})).json())["hooks"]}
        assert (named["id"] in found) == ("0F" not in q)
        assert len(found) == (2 if "example" in q else 0 if "0F" in q else 1)


@pytest.mark.parametrize("query", ["state=x", "state=broken", "sort=name", "sort=ID", "cursor=1.2", "cursor=1.2.x"])
async def test_what_is_none_of_these(query: str) -> None:
    async with serving(FakeParts()) as client:
        answer = await client.get(f"/api/hooks?{query}")
        assert answer.status == 400
        assert (await answer.json()).keys() == {query.partition("=")[0]}


@pytest.mark.parametrize("sort", ["id", "trouble"])
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_pages_hold_each_hook_once(sort: str, limit: int) -> None:
    parts = FakeParts()
    troubled(parts)
    for number in range(20, 40):
        put(parts, number, {"failing_since": NOW - number % 3} if number % 2 else None)
    async with serving(parts) as client:
        whole = [hook["id"] for hook in await listed(client, f"sort={sort}")]
        seen, cursor = list[str](), ""
        while cursor is not None:
            body = await (await client.get(f"/api/hooks?sort={sort}&limit={limit}&cursor={cursor}")).json()
            seen += [hook["id"] for hook in body["hooks"]]
            cursor = body["next_cursor"]
    assert seen == whole
    assert len(set(seen)) == 27


async def test_a_cursor_of_the_other_order_is_no_error() -> None:
    parts = FakeParts()
    troubled(parts)
    async with serving(parts) as client:
        for sort in ("id", "trouble"):
            for cursor in (hook_id(2), f"3.5.{hook_id(2)}", "9.999999999999999." + "F" * 32):
                assert (await client.get(f"/api/hooks?sort={sort}&cursor={cursor}")).status == 200


async def test_what_a_hook_becomes_between_two_pages_moves_it_alone() -> None:
    parts = FakeParts()
    for number in range(1, 7):
        put(parts, number, {"failing_since": NOW + number})
    async with serving(parts) as client:
        body = await (await client.get("/api/hooks?sort=trouble&limit=3")).json()
        parts.find(hook_id(2))  # it has recovered
        body = await (await client.get(f"/api/hooks?sort=trouble&limit=9&cursor={body['next_cursor']}")).json()
        assert [int(hook["id"], 16) for hook in body["hooks"]] == [4, 5, 6, 2]


async def test_others_get_their_turn_while_ten_thousand_are_looked_through() -> None:
    parts = FakeParts()
    numbers = list(range(10_000))
    random.Random(1).shuffle(numbers)
    for number in numbers:
        put(parts, number, {"failing_since": NOW} if number % 10 == 0 else None)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(others())
    page = await find(parts.hooks, wanted_of({"sort": "trouble", "limit": "25", "state": "failing", "q": "example"}))
    other.cancel()
    assert ([int(hook.id, 16) for hook in page.hooks], page.total) == (list(range(0, 250, 10)), 1000)
    assert turns >= 3


async def test_list_filters() -> None:
    async with serving(FakeParts()) as client:
        one = await created(client, organization_id="1", project_ids=["1", "2"])
        two = await created(client, organization_id="1", app_id="a", events=["issue"], status="disabled")
        three = await created(client, organization_id="2", project_ids=["2"])

        async def found(query: str) -> set[str]:
            answer = await client.get(f"/api/hooks?{query}")
            assert answer.status == 200
            body = await answer.json()
            assert body["next_cursor"] is None
            assert all(hook["secret"] == "whsec_********" for hook in body["hooks"])
            return {hook["id"] for hook in body["hooks"]}

        everything = {one["id"], two["id"], three["id"]}
        assert await found("") == everything
        assert await found("organization_id=&project_id=&app_id=&status=&cursor=&limit=") == everything
        assert await found("organization_id=1") == {one["id"], two["id"]}
        assert await found("project_id=2") == {one["id"], three["id"]}
        assert await found("project_id=2&organization_id=2") == {three["id"]}
        assert await found("app_id=a") == {two["id"]}
        assert await found("status=active") == {one["id"], three["id"]}
        assert await found("status=disabled&organization_id=2") == set()


async def test_pages_are_stable() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        ids = sorted([(await created(client))["id"] for _ in range(7)])
        seen, cursor, sizes = [], "", []
        while cursor is not None:
            body = await (await client.get(f"/api/hooks?limit=3&cursor={cursor}")).json()
            seen += [hook["id"] for hook in body["hooks"]]
            sizes.append(len(body["hooks"]))
            cursor = body["next_cursor"]
            if len(sizes) == 1:  # what went away between two pages shifts nothing
                await client.delete(f"/api/hooks/{ids[0]}")
        assert (seen, sizes) == (ids, [3, 3, 1])
        body = await (await client.get("/api/hooks?limit=6")).json()
        assert (len(body["hooks"]), body["next_cursor"]) == (6, None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *((f"limit={text}", "limit") for text in ("0", "501", "-1", "x", "1.5", "%D9%A1", "1" * 5000, "+1")),
        ("status=paused", "status"),
        ("cursor=x", "cursor"),
        ("colour=red", "colour"),
        ("limit=1&limit=2", "limit"),
    ],
)
async def test_bad_queries(query: str, field: str) -> None:
    async with serving(FakeParts()) as client:
        answer = await client.get(f"/api/hooks?{query}")
        assert answer.status == 400
        assert (await answer.json()).keys() == {field}
