"""Changes of hooks go to their home, with what the caller knows of the hook, and come back with what became of them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.web_parts import TOKEN, FakeParts, FakeSettings, created, new_hook, serving

from streamhooks.dev.ports import free_port
from streamhooks.errors import ProducerDead, RecordTooLarge
from streamhooks.hooks import writer
from streamhooks.kafka.reader import Record
from streamhooks.records.hook import REVISION_HEADER
from streamhooks.web.http import problems, routing

CHANGES = (("PUT", "", {"timeout": 3}), ("POST", "/rotate-secret", {}), ("DELETE", "", None))


@asynccontextmanager
async def two_workers():
    """The first owns nothing and knows that the second owns all; each reads the topics by itself."""
    settings = FakeSettings(TOKEN)
    first, second = FakeParts(settings=settings, mine=set()), FakeParts(settings=replace(settings))
    async with serving(first) as near, serving(second) as far:
        for client in (near, far):
            client.session.headers["Authorization"] = f"Bearer {TOKEN}"
        first.owner = second.settings.advertised_url = str(far.make_url("")).rstrip("/")
        yield first, second, near, far


def read_on(parts: FakeParts, of: FakeParts) -> None:
    """Read what the other one has written."""
    for offset, (topic, key, value) in enumerate(of.published):
        parts.hooks.apply([Record(topic, 0, offset, 0, key.encode(), value)])
        parts.position[topic, 0] = offset + 1


async def test_the_home_makes_each_change_and_the_answer_waits_until_it_is_known_here() -> None:
    async with two_workers() as (first, second, near, far):
        url = f"/api/hooks/{(await created(far))['id']}"
        waited: list[tuple[str, int, int]] = []

        async def wait_applied(topic: str, partition: int, offset: int) -> None:
            waited.append((topic, partition, offset))
            read_on(first, second)

        first.wait_applied = wait_applied
        answer = await near.put(url, json={"timeout": 3})
        assert (answer.status, (await answer.json())["timeout"]) == (200, 3)
        assert answer.headers["ETag"] == '"2"'
        assert waited == [("t.hooks", 0, 1), ("t.hook-states", 0, -1)]
        assert routing.REACHED not in answer.headers
        assert (await (await near.get(url)).json())["timeout"] == 3
        assert (await near.post(f"{url}/rotate-secret")).headers["ETag"] == '"3"'
        assert (await near.delete(url)).status == 204
        assert [topic for topic, *_ in second.published] == ["t.hooks"] * 4 + ["t.hook-states"]
        assert first.published == []
        assert (await near.put(url, json={})).status == 404


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_a_change_for_another_state_is_refused(method: str, path: str, body: object) -> None:
    async with two_workers() as (first, second, near, far):
        made = await created(far)
        read_on(first, second)
        url = f"/api/hooks/{made['id']}{path}"
        for tag in ('"2"', 'W/"1"', '"0", "2"', "1", '"'):
            for client in (near, far):
                answer = await client.request(method, url, json=body, headers={"If-Match": tag})
                assert (answer.status, answer.headers["ETag"]) == (412, '"1"'), tag
                assert await answer.json() == {"detail": "the hook has changed in the meantime"}
        assert len(second.published) == 1
        second_tag = '"7", "1"' if method == "PUT" else "*"
        assert (await near.request(method, url, json=body, headers={"If-Match": second_tag})).status in (200, 204)


async def test_the_tag_of_a_hook_that_a_gitops_wrote() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client)
        value = replace(parts.hooks.get(made["id"]), revision=None, timeout=9.0).to_json()
        parts.hooks.apply([Record("t.hooks", 0, 41, 0, made["id"].encode(), value)])
        answer = await client.get(f"/api/hooks/{made['id']}")
        assert (answer.headers["ETag"], (await answer.json())["revision"]) == ('"42"', 42)
        listed = await (await client.get("/api/hooks")).json()
        assert listed["hooks"][0]["revision"] == 42


async def test_who_hands_a_call_on_can_not_change_what_it_is_for() -> None:
    """If-Match is signed like the rest."""
    seen: list[dict[str, str]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        return web.json_response({})

    rogue = web.Application()
    rogue.router.add_route("*", "/{path:.*}", handle)
    async with two_workers() as (first, second, near, far), TestServer(rogue) as member:
        made = await created(far)
        first.owner = second.settings.advertised_url = str(member.make_url("")).rstrip("/")
        url = f"/api/hooks/{made['id']}"
        await near.put(url, json={}, headers={"If-Match": '"7"'})
        (call,) = seen
        del far.session.headers["Authorization"]
        headers = {"X-Streamhooks-Forwarded": call["X-Streamhooks-Forwarded"], "Content-Type": "application/json"}
        for changed in ({}, {"If-Match": '"1"'}):
            answer = await far.put(url, data=b"{}", headers={**headers, **changed})
            assert answer.status == 401
        assert (await far.put(url, data=b"{}", headers={**headers, "If-Match": '"7"'})).status == 412


@pytest.mark.parametrize("arrange", [{"mine": set()}, {"whole": False}])
@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_while_partitions_move(arrange: dict, method: str, path: str, body: object) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        url = f"/api/hooks/{(await created(client))['id']}{path}"
        for name, value in arrange.items():
            setattr(parts, name, value)
        answer = await client.request(method, url, json=body)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert "maybe_applied" not in await answer.json()
        assert len(parts.published) == 1


async def test_a_change_that_may_have_been_made_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "TIMEOUT", routing.aiohttp.ClientTimeout(total=0.2))

    async def handle(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    hanging = web.Application()
    hanging.router.add_route("*", "/{path:.*}", handle)
    async with two_workers() as (first, _second, near, far), TestServer(hanging) as server:
        url = f"/api/hooks/{(await created(far))['id']}"
        for owner, maybe in ((str(server.make_url("")), True), (f"http://127.0.0.1:{free_port()}", False)):
            first.owner = owner
            answer = await near.put(url, json={"timeout": 3})
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert (await answer.json()).get("maybe_applied") is (True if maybe else None)


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_a_home_that_dies_with_a_change_may_have_made_it(method: str, path: str, body: object) -> None:
    calls: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(await reader.readuntil(b"\r\n\r\n"))
        home.close()  # who asks once more is refused
        writer.transport.abort()

    home = await asyncio.start_server(take, "127.0.0.1", 0)
    async with two_workers() as (first, _second, near, far), home:
        url = f"/api/hooks/{(await created(far))['id']}{path}"
        first.owner = "http://{}:{}".format(*home.sockets[0].getsockname())
        answer = await near.request(method, url, json=body)
        assert (answer.status, (await answer.json()).get("maybe_applied")) == (503, True)
        assert len(calls) == 1


async def test_a_change_is_made_though_its_notice_is_not_written() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        url = f"/api/hooks/{(await created(client))['id']}"
        assert (await client.put(url, json={"status": "disabled"})).status == 200
        publish = parts.outbox.publish

        async def refused(topic: str, *given: object, **named: object) -> object:
            if topic == parts.topics.notices:
                raise RecordTooLarge("no")
            return await publish(topic, *given, **named)

        parts.outbox.publish = refused
        answer = await client.put(url, json={"status": "active", "resume": "skip"})
        assert (answer.status, (await answer.json()).get("maybe_applied")) == (503, True)


async def test_what_kafka_does_not_confirm_may_be_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        url = f"/api/hooks/{(await created(client))['id']}"
        for failure, maybe in ((RecordTooLarge("no"), None), (ProducerDead("gone"), True)):
            parts.failure_of_publish = failure
            answer = await client.put(url, json={"timeout": 3})
            assert (answer.status, (await answer.json()).get("maybe_applied")) == (503, maybe)
        parts.failure_of_publish = None
        monkeypatch.setattr(problems, "CONFIRMED_WITHIN", 0.05)
        monkeypatch.setattr(parts, "confirms", False)
        for method, path, body in (*CHANGES, ("POST", "/api/hooks", new_hook())):
            answer = await client.request(method, path if path.startswith("/api") else url + path, json=body)
            assert (answer.status, (await answer.json())["maybe_applied"]) == (503, True)


async def test_a_change_is_not_told_before_this_worker_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "CONFIRMED_WITHIN", 0.05)
    async with two_workers() as (first, second, near, far):
        url = f"/api/hooks/{(await created(far))['id']}"
        first.confirms = False
        answer = await near.put(url, json={"timeout": 3})
        assert (answer.status, (await answer.json())["maybe_applied"]) == (503, True)
        assert second.hooks.get(url.rpartition("/")[2]).timeout == 3


async def test_a_home_that_is_overtaken_changes_nothing() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client)
        publish = parts.publish

        async def overtaken(topic, value, *, key, headers=()):
            if topic == "t.hooks":  # another worker writes from the same state
                await publish(topic, replace(parts.hooks.get(key), timeout=9.0, revision=2).to_json(), key=key)
            return await publish(topic, value, key=key, headers=headers)

        parts.publish = overtaken
        for method, path, body in CHANGES:
            parts.hooks.revisions.begin_anew()
            parts.published.clear()
            parts.hooks.apply([Record("t.hooks", 0, 0, 0, made["id"].encode(), _value(parts, made["id"]))])
            parts.published.append(("t.hooks", made["id"], b""))
            answer = await client.request(method, f"/api/hooks/{made['id']}{path}", json=body)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert "maybe_applied" not in await answer.json()
            assert parts.hooks.get(made["id"]).timeout == 9
            assert parts.published[-1][0] == "t.hooks", "what was found is that of the hook that there is"
        parts.publish = publish
        assert parts.hooks.revisions.to_heal == {made["id"]}
        await parts.hook_writer.heal()
        assert parts.hooks.revisions.to_heal == set()
        assert parts.hooks.get(made["id"]).timeout == 9
        assert (await client.put(f"/api/hooks/{made['id']}", json={"timeout": 2})).status == 200


def _value(parts: FakeParts, hook_id: str) -> bytes:
    return replace(parts.hooks.get(hook_id), revision=1).to_json()


async def test_the_home_deletes_again_what_was_deleted() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client)
        value = parts.published[0][2]
        assert (await client.delete(f"/api/hooks/{made['id']}")).status == 204
        await parts.publish("t.hooks", value, key=made["id"])
        assert parts.hooks.get(made["id"]) is None
        parts.mine = set()
        before = len(parts.published)
        await parts.hook_writer.heal()
        assert len(parts.published) == before, "its home does it"
        parts.mine = None
        await parts.hook_writer.heal()
        assert parts.published[before:] == [("t.hooks", made["id"], None), ("t.hook-states", made["id"], None)]
        assert parts.headers_of[before] == [(REVISION_HEADER, b"3")]
        assert (await client.get(f"/api/hooks/{made['id']}")).status == 404


async def test_a_hook_that_was_made_elsewhere_a_moment_ago() -> None:
    async with two_workers() as (first, second, near, far):
        made = await created(far)

        async def wait_applied(_topic: str, _partition: int, _offset: int) -> None:
            read_on(first, second)

        first.wait_applied = wait_applied
        assert (await near.get(f"/api/hooks/{made['id']}")).status == 200


async def test_without_kafka_nobody_knows_whether_there_is_a_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "WITHIN", 0.2)
    parts = FakeParts(failure=TimeoutError())
    async with serving(parts) as client:
        answer = await client.get(f"/api/hooks/{'f' * 32}")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_a_broker_that_refuses_to_tell_the_ends_once_is_asked_again() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        url = f"/api/hooks/{(await created(client))['id']}"
        answers, tells = iter([TimeoutError("not leader"), None]), parts.ends

        async def ends(tps):
            if (failure := next(answers)) is not None:
                raise failure
            return await tells(tps)

        parts.hook_writer._ends = ends
        assert (await client.put(url, json={"timeout": 3})).status == 200
        assert next(answers, "asked twice") == "asked twice"
