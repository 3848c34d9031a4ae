"""Hooks whose secrets are encrypted on the topic, and those that no key opens, as the API shows and changes them."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from support.web_parts import FakeParts, created, new_hook, serving

from streamhooks.kafka.reader import Record
from streamhooks.records.formats import decode
from streamhooks.records.hook import Hook
from streamhooks.records.sealing import Keys

KEY, LOST = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRETS = {"secret": "hunter2hunter2hunter2", "headers": {"X-Key": "hunter3"}}


def sealing() -> FakeParts:
    return FakeParts(keys=Keys([KEY]))


def lost(parts: FakeParts, **fields) -> str:
    """Write a hook that no key opens, and return its id."""
    hook = Hook.from_fields(new_hook(id="a" * 32, **SECRETS, **fields))
    value = Keys([LOST]).encrypted(hook).to_json()
    assert parts.hooks.apply([Record(parts.topics.hooks, 0, 0, 0, hook.id.encode(), value)]) == []
    return hook.id


async def test_no_secret_reaches_the_topic_in_plaintext() -> None:
    parts = sealing()
    async with serving(parts) as client:
        made = await created(client, **SECRETS)
        assert made["secret"] == SECRETS["secret"]
        url = f"/api/hooks/{made['id']}"
        assert (await client.put(url, json={"secret": "hunter4hunter4hunter4"})).status == 200
        rotated = (await (await client.post(f"{url}/rotate-secret")).json())["secret"]
        assert rotated not in await (await client.get(url)).text()
    assert len(parts.published) == 3
    for _, _, value in parts.published:
        assert b"hunter" not in value
        assert rotated.encode() not in value
        assert decode(Hook, value).is_sealed
    known = parts.hooks.get(made["id"])
    assert (known.secret, known.previous_secret) == (rotated, "hunter4hunter4hunter4")
    assert known.headers == SECRETS["headers"]


async def test_a_hook_that_no_key_opens_is_active_and_says_why() -> None:
    parts = sealing()
    hook_id = lost(parts)
    async with serving(parts) as client:
        shown = await (await client.get(f"/api/hooks/{hook_id}")).json()
        assert shown["status"] == "active"
        assert "STREAMHOOKS_SECRET_KEYS" in shown["status_reason"]
        assert (shown["secret"], shown["headers"]) == ("********", {"X-Key": "********"})
        listed = await (await client.get("/api/hooks?status=active")).json()
        assert [hook["id"] for hook in listed["hooks"]] == [hook_id]


async def test_its_secrets_can_be_replaced() -> None:
    parts = sealing()
    hook_id = lost(parts)
    async with serving(parts) as client:
        url = f"/api/hooks/{hook_id}"
        answer = await client.put(url, json={"headers": {"X-Key": "********"}})
        assert (answer.status, (await answer.json()).keys()) == (400, {"headers"})
        assert (await client.put(url, json={"headers": {"X-Key": "hunter5"}})).status == 200
        assert parts.hooks.get(hook_id).is_sealed
        assert (await client.post(f"{url}/rotate-secret")).status == 200
        shown = await (await client.get(url)).json()
    assert shown["status_reason"] is None
    known = parts.hooks.get(hook_id)
    # What could not be opened can't sign during an overlap.
    assert (known.is_sealed, known.previous_secret, known.headers) == (False, None, {"X-Key": "hunter5"})


async def test_other_changes_leave_what_is_sealed() -> None:
    parts = sealing()
    hook_id = lost(parts)
    before = parts.hooks.get(hook_id)
    async with serving(parts) as client:
        assert (await client.put(f"/api/hooks/{hook_id}", json={"timeout": 7})).status == 200
    after = parts.hooks.get(hook_id)
    assert (after.timeout, after.secret, after.headers) == (7, before.secret, before.headers)


@pytest.mark.parametrize("fields", [{"secret": "fernet:" + "A" * 100}, {"headers": {"X-Key": "fernet:AAAA"}}])
@pytest.mark.parametrize("keys", [Keys(), Keys([KEY])])
async def test_a_caller_gives_secrets_in_plaintext(fields, keys: Keys) -> None:
    async with serving(FakeParts(keys=keys)) as client:
        answer = await client.post("/api/hooks", json=new_hook(**fields))
        assert (answer.status, (await answer.json()).keys()) == (400, fields.keys())
        made = await created(client)
        answer = await client.put(f"/api/hooks/{made['id']}", json=fields)
        assert (answer.status, (await answer.json()).keys()) == (400, fields.keys())


@pytest.mark.parametrize("name", ["streamhooks-hops", "Streamhooks-Anything"])
async def test_our_own_header_is_reserved(name: str) -> None:
    async with serving(FakeParts()) as client:
        answer = await client.post("/api/hooks", json=new_hook(headers={name: "1"}))
        assert (answer.status, await answer.json()) == (400, {"headers": f"{name} is reserved"})


async def test_a_hook_over_its_bounds_is_shown_cut_and_deleted_and_brought_within_them() -> None:
    parts = FakeParts()
    names, projects = [f"m{number}.x" for number in range(9000)], [str(number) for number in range(1500)]
    hook = Hook.from_fields(
        new_hook(id="a" * 32, secret="s" * 16, app_id="1", events=names, project_ids=projects)
        | {"headers": {"X-Key": "v" * 9000}}
    )
    wrong = {"events", "project_ids", "headers"}
    assert parts.hooks.apply([Record(parts.topics.hooks, 0, 0, 0, hook.id.encode(), hook.to_json())]) == []
    async with serving(parts) as client:
        url = f"/api/hooks/{hook.id}"
        (listed,) = (await (await client.get("/api/hooks?status=active")).json())["hooks"]
        assert listed == await (await client.get(url)).json()
        assert (len(listed["events"]), len(listed["project_ids"])) == (101, 1001)
        assert "events must be at most 100" in listed["status_reason"]
        for answer in (
            await client.put(url, json={"timeout": 3}),
            await client.put(url, json={"status": "disabled"}),
            await client.post(f"{url}/rotate-secret"),
        ):
            assert (answer.status, set(await answer.json())) == (400, wrong)
        within = {"events": names[:100], "project_ids": projects[:1000], "headers": {"X-Key": "v"}}
        answer = await client.put(url, json=within)
        assert (answer.status, (await answer.json())["status_reason"]) == (200, None)
        parts.hooks.apply([Record(parts.topics.hooks, 0, 0, 0, hook.id.encode(), hook.to_json())])
        assert (await client.delete(url)).status == 204
        assert (await client.get(url)).status == 404


async def test_a_request_of_64_kb_makes_no_hook_of_millions_of_entries() -> None:
    async with serving(FakeParts()) as client:
        names = [f"a.{number}" for number in range(5000)]
        body = new_hook(app_id="1", events=names, project_ids=list(range(250)))
        answer = await client.post("/api/hooks", json=body)
        assert (answer.status, await answer.json()) == (400, {"events": "must be at most 100"})


async def test_headers_that_are_kept_are_not_sent_to_another_origin() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client, **SECRETS)
        url = f"/api/hooks/{made['id']}"
        for fields in ({}, {"headers": made["headers"]}):
            answer = await client.put(url, json={"url": "https://attacker.example/", **fields})
            assert (answer.status, (await answer.json()).keys()) == (400, {"headers"})
        assert parts.hooks.get(made["id"]).url == made["url"]
        answer = await client.put(url, json={"url": "https://attacker.example/", "headers": {"X-Key": "mine"}})
        assert answer.status == 200
    assert parts.hooks.get(made["id"]).headers == {"X-Key": "mine"}
