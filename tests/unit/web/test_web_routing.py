from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.web_parts import TOKEN, FakeParts, FakeSettings, created, serving

from streamhooks.web.http import routing


@asynccontextmanager
async def two_workers(settings: FakeSettings | None = None):
    """The first owns nothing and knows that the second owns all; both know the same hooks."""
    settings = settings or FakeSettings()
    first, second = FakeParts(settings=settings, mine=set()), FakeParts(settings=replace(settings))
    second.hooks = first.hooks
    async with serving(first) as near, serving(second) as far:
        first.owner = second.settings.advertised_url = str(far.make_url("")).rstrip("/")
        yield first, second, near, far


async def test_each_routed_call_is_answered_by_the_owner() -> None:
    async with two_workers() as (first, second, near, _):
        hook_id = (await created(near))["id"]
        second.attempts = [{"id": "msg_1"}]
        second.wait_call(hook_id, "c 1/ü?&")
        url, call_id = f"/api/hooks/{hook_id}", "c%201%2F%C3%BC%3F%26"
        assert await (await near.get(f"{url}/requests?limit=1")).json() == [{"webhook_id": "msg_1", "id": "msg_1"}]
        assert len(await (await near.get(f"{url}/stats?since=0&until=0&resolution=1d")).json()) == 1
        assert (await near.get(f"{url}/stats?resolution=x")).status == 400
        answer = await near.get(f"{url}/pending")
        assert (len(await answer.json()), answer.headers["X-Total-Count"]) == (1, "1")
        assert (await near.post(f"{url}/pending/{call_id}/retry", json={})).status == 202
        assert (await near.post(f"{url}/pending/{call_id}/retry", json={"a": 1})).status == 400
        assert (await near.delete(f"{url}/pending/{call_id}")).status == 204
        assert (await near.delete(f"{url}/pending/none")).status == 404
        assert (await near.head(f"{url}/pending")).status == 200
        assert second.retried == second.dropped == [(second.partition_of(hook_id), "c 1/ü?&")]
        assert first.retried == []


async def test_an_unknown_hook_is_not_forwarded() -> None:
    async with two_workers() as (first, _, near, _far):
        first.owner = "http://127.0.0.1:1"
        assert (await near.get(f"/api/hooks/{'f' * 32}/stats")).status == 404


async def test_a_forwarded_call_for_a_hook_that_the_owner_does_not_know_yet() -> None:
    async with two_workers() as (_, second, near, _far):
        hook_id = (await created(near))["id"]
        second.hooks = FakeParts().hooks
        answer = await near.get(f"/api/hooks/{hook_id}/requests")
        assert (answer.status, await answer.json()) == (200, [])


async def test_a_forwarded_call_is_not_forwarded_again() -> None:
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response([])

    async with two_workers() as (_, second, near, _far), strange_owner(handle) as third:
        hook_id = (await created(near))["id"]
        second.mine, second.owner = set(), third
        answer = await near.get(f"/api/hooks/{hook_id}/stats")
        assert (answer.status, answer.headers["Retry-After"], seen) == (503, "1", [])


@pytest.mark.parametrize("arrange", [{"mine": set()}, {"whole": False}, {"mine": set(), "owner": "http://127.0.0.1:1"}])
async def test_nobody_can_answer(arrange: dict) -> None:
    parts = FakeParts(**arrange)
    async with serving(parts) as client:
        hook_id = (await created(client))["id"]
        for method, path in (("GET", "stats"), ("GET", "requests"), ("GET", "pending"), ("DELETE", "pending/c")):
            answer = await client.request(method, f"/api/hooks/{hook_id}/{path}")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert "detail" in await answer.json()


async def test_the_topic_decides_the_owner() -> None:
    parts = FakeParts(mine={("t.firings", n) for n in range(4)})
    async with serving(parts) as client:
        url = f"/api/hooks/{(await created(client))['id']}"
        assert (await client.get(f"{url}/stats")).status == 200
        assert (await client.get(f"{url}/requests")).status == 200
        assert (await client.get(f"{url}/pending")).status == 503


@asynccontextmanager
async def strange_owner(handle):
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def test_what_the_owner_gets_and_what_comes_back() -> None:
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response(
            status=302, headers={"Location": "http://evil.example/", "Set-Cookie": "a=b", "X-Secret": "s"}
        )

    async with strange_owner(handle) as owner:
        parts = FakeParts(settings=FakeSettings("a-token-of-the-caller"), mine=set(), owner=owner)
        async with serving(parts) as client:
            token = {"Authorization": "Bearer a-token-of-the-caller"}
            client.session.headers.update(token)
            hook_id = (await created(client))["id"]
            # the caller's own headers, even a Host, decide nothing
            headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Cookie": "c=d", "X-Other": "x"}
            answer = await client.get(f"/api/hooks/{hook_id}/stats?until=1", headers=headers, allow_redirects=False)
    assert seen[0].raw_path == f"/api/hooks/{hook_id}/stats?until=1"
    got = {name.lower() for name in seen[0].headers}
    assert got <= {"host", "x-streamhooks-forwarded", "accept", "accept-encoding", "user-agent"}
    assert seen[0].headers["Host"] in owner
    assert not any("a-token-of-the-caller" in value for value in seen[0].headers.values())
    assert answer.status == 302
    assert not {"Location", "Set-Cookie", "X-Secret"} & set(answer.headers)


async def test_an_absolute_target_does_not_choose_the_host() -> None:
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.headers["Host"])
        return web.json_response([])

    async with strange_owner(handle) as owner:
        parts = FakeParts(settings=FakeSettings(TOKEN), mine=set(), owner=owner)
        async with serving(parts) as client:
            client.session.headers["Authorization"] = f"Bearer {TOKEN}"
            hook_id = (await created(client))["id"]
            reader, writer = await asyncio.open_connection(client.host, client.port)
            target = f"http://evil.example/api/hooks/{hook_id}/requests"
            head = f"Host: evil.example\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close"
            writer.write(f"GET {target} HTTP/1.1\r\n{head}\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert len(seen) == 1
    assert seen[0] in owner


async def test_an_owner_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "TIMEOUT", routing.aiohttp.ClientTimeout(total=0.05))
    release = asyncio.Event()

    async def handle(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    async with strange_owner(handle) as owner:
        parts = FakeParts(mine=set(), owner=owner)
        async with serving(parts) as client:
            hook_id = (await created(client))["id"]
            answer = await client.get(f"/api/hooks/{hook_id}/stats")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        release.set()
