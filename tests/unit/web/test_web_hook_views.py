from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support.web_parts import NOW, FakeParts, created, new_hook, serving

from streamhooks.backlog.summary import Missed
from streamhooks.errors import WriteRefused
from streamhooks.records.formats import decode
from streamhooks.records.hook import Hook
from streamhooks.web.http import problems

UNKNOWN = "f" * 32


async def test_create_read_change_delete() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client, headers={"X-Key": "hunter2"}, project_ids=[3])
        assert list(made) == [
            "id", "organization_id", "project_ids", "app_id", "name", "description", "url", "events", "secret",
            "previous_secrets_until",
            "version", "format", "status",
            "status_reason", "disabled_since", "failing_since", "paused_until", "breaker", "trouble", "headers",
            "timeout", "max_in_flight", "rate_limit", "retry_schedule", "filter",
            "date_created", "revision",
        ]  # fmt: skip
        assert made["secret"] == parts.hooks.get(made["id"]).secret
        assert made["headers"] == {"X-Key": "********"}
        url = f"/api/hooks/{made['id']}"

        answer = await client.get(url)
        assert await answer.json() == {**made, "secret": "whsec_********"}

        answer = await client.put(url, json={"timeout": 7, "secret": "a-new-secret-of-mine"})
        assert answer.status == 200
        assert await answer.json() == {
            **made, "secret": "********", "timeout": 7, "revision": 2,
            "previous_secrets_until": ["2023-11-14T23:13:20.000+00:00"],
        }  # fmt: skip
        assert parts.hooks.get(made["id"]).headers == {"X-Key": "hunter2"}

        answer = await client.delete(url)
        assert (answer.status, await answer.read()) == (204, b"")
        assert parts.published[-2:] == [("t.hooks", made["id"], None), ("t.hook-states", made["id"], None)]
        for call in (client.get, client.delete):
            assert (await call(url)).status == 404
        assert (await client.put(url, json={})).status == 404


async def test_a_change_is_in_force_before_the_answer() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client)
        assert (await client.get(f"/api/hooks/{made['id']}")).status == 200
        topic, key, value = parts.published[0]
        assert (topic, key) == ("t.hooks", made["id"])
        assert decode(Hook, value) == parts.hooks.get(made["id"])


async def test_rotate() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client)
        answer = await client.post(f"/api/hooks/{made['id']}/rotate-secret")
        assert answer.status == 200
        rotated = await answer.json()
        assert rotated["secret"].startswith("whsec_")
        assert rotated["secret"] != made["secret"]
        assert "previous_secret" not in rotated
        hook = parts.hooks.get(made["id"])
        assert (hook.secret, hook.previous_secret) == (rotated["secret"], made["secret"])
        assert hook.previous_secret_until == NOW + parts.settings.secret_overlap
        assert rotated["previous_secrets_until"] == ["2023-11-14T23:13:20.000+00:00"]


@pytest.mark.parametrize("by", ["rotation", "change"])
async def test_a_third_former_secret_is_a_409_until_the_first_has_ended(by: str) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        url = f"/api/hooks/{(await created(client, secret='hunter0hunter0hunter0'))['id']}"

        async def replace_secret(number: int):
            if by == "rotation":
                return await client.post(f"{url}/rotate-secret")
            return await client.put(url, json={"secret": f"hunter{number}" * 3, "timeout": number})

        for number in (1, 2):
            assert (await replace_secret(number)).status == 200
            parts.now += 1200
        before = parts.hooks.get(url[-32:])
        refused = await replace_secret(3)
        assert refused.status == 409
        assert "2023-11-14T23:13:20.000+00:00" in (await refused.json())["detail"]
        assert "hunter" not in await refused.text()
        assert parts.hooks.get(url[-32:]) == before
        parts.now = NOW + 3600
        assert (await client.get(url)).status == 200
        assert (await (await client.get(url)).json())["previous_secrets_until"] == ["2023-11-14T23:33:20.000+00:00"]
        assert (await replace_secret(3)).status == 200


async def test_a_former_secret_that_has_ended_is_dropped_by_any_change() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        url = f"/api/hooks/{(await created(client))['id']}"
        assert (await client.post(f"{url}/rotate-secret")).status == 200
        parts.now += 3600
        written = len(parts.published)
        assert (await client.put(url, json={})).status == 200
        assert len(parts.published) == written
        assert (await client.put(url, json={"timeout": 3})).status == 200
        assert parts.hooks.get(url[-32:]).previous_secret is None


async def test_status_is_wish_and_finding_together() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client)
        url = f"/api/hooks/{made['id']}"
        parts.find(made["id"], disabled_since=NOW + 5, status_reason="410 Gone")
        shown = await (await client.get(url)).json()
        assert (shown["status"], shown["status_reason"]) == ("disabled", "410 Gone")
        assert shown["disabled_since"] == "2023-11-14T22:13:25.000+00:00"
        found = await (await client.get("/api/hooks?status=disabled")).json()
        assert [hook["id"] for hook in found["hooks"]] == [made["id"]]
        parts.now += 10
        shown = await (await client.put(url, json={"status": "active"})).json()
        assert (shown["status"], shown["status_reason"], shown["disabled_since"]) == ("active", None, None)
        shown = await (await client.put(url, json={"status": "disabled"})).json()
        assert (shown["status"], shown["status_reason"]) == ("disabled", "disabled by its owner")


async def test_a_time_that_no_calendar_holds() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client)
        parts.find(made["id"], disabled_since=2.0**60)
        assert (await client.get(f"/api/hooks/{made['id']}")).status == 200


@pytest.mark.parametrize("hook_id", ["x", UNKNOWN[:-1], UNKNOWN + "0", "g" * 32, "%2e%2e", "a%2Fb", "%00"])
async def test_ids_that_are_none(hook_id: str) -> None:
    async with serving(FakeParts()) as client:
        for path in ("", "/stats", "/requests", "/pending"):
            assert (await client.get(f"/api/hooks/{hook_id}{path}")).status == 404
        assert (await client.post(f"/api/hooks/{hook_id}/rotate-secret")).status == 404


async def test_unknown_hooks() -> None:
    async with serving(FakeParts()) as client:
        url = f"/api/hooks/{UNKNOWN}"
        for method, path in (
            ("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/rotate-secret"), ("POST", "/test"), ("GET", "/stats"),
            ("GET", "/requests"), ("GET", "/pending"), ("POST", "/pending/c/retry"), ("DELETE", "/pending/c"),
        ):  # fmt: skip
            answer = await client.request(method, url + path, json={} if method == "PUT" else None)
            assert (answer.status, await answer.json()) == (404, {"detail": "hook not found"})


async def test_calls_without_fields_refuse_them() -> None:
    async with serving(FakeParts()) as client:
        made = await created(client)
        url = f"/api/hooks/{made['id']}/rotate-secret"
        assert (await client.post(url, json={})).status == 200
        answer = await client.post(url, json={"secret": "x"})
        assert (answer.status, await answer.json()) == (400, {"secret": "unknown field"})
        assert (await client.post(f"{url}?a=b")).status == 400


async def test_changes_of_one_hook_do_not_undo_each_other() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client)
        url = f"/api/hooks/{made['id']}"
        fields = [{"timeout": 3}, {"rate_limit": 4}, {"max_in_flight": 5}, {"retry_schedule": [6]}]
        await asyncio.gather(*(client.put(url, json=one) for one in fields))
        hook = parts.hooks.get(made["id"])
        assert (hook.timeout, hook.rate_limit, hook.max_in_flight, hook.retry_schedule) == (3, 4, 5, (6,))


async def test_a_put_that_changes_nothing_writes_nothing() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client)
        assert (await client.put(f"/api/hooks/{made['id']}", json={"url": made["url"]})).status == 200
        assert len(parts.published) == 1


async def test_a_hook_that_gitops_wrote_can_be_shown_and_changed() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client)
        # the topic takes what the API would not: an address that is denied
        await parts.publish(
            "t.hooks", replace(parts.hooks.get(made["id"]), url="http://10.0.0.1/").to_json(), key=made["id"]
        )
        assert (await client.put(f"/api/hooks/{made['id']}", json={"timeout": 1})).status == 200


async def test_kafka_does_not_confirm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "CONFIRMED_WITHIN", 0.05)
    parts = FakeParts(confirms=False)
    async with serving(parts) as client:
        answer = await client.post("/api/hooks", json=new_hook())
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        parts.failure = WriteRefused("no permission")
        answer = await client.post("/api/hooks", json=new_hook())
        assert (answer.status, "no permission" in await answer.text()) == (503, True)


async def test_enabling_asks_what_becomes_of_what_was_missed_and_changes_nothing_before() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client, status="disabled")
        url = f"/api/hooks/{made['id']}"
        parts.history.missed = Missed(7, NOW, None, (), undecided=7)
        refused = await client.put(url, json={"status": "active", "timeout": 3})
        body = await refused.json()
        assert refused.status == 409
        assert body["detail"].startswith("7 records were missed since 2023-11-14T22:13:20.000+00:00: set resume")
        assert (body["missed"]["records"], body["missed"]["since"]) == (7, "2023-11-14T22:13:20.000+00:00")
        now = await (await client.get(url)).json()
        assert (now["status"], now["timeout"]) == ("disabled", None)
        chosen = await client.put(url, json={"status": "active", "resume": "skip"})
        assert (chosen.status, (await chosen.json())["missed"]["records"]) == (200, 7)
        # It is active: nobody is asked once more.
        assert (await client.put(url, json={"status": "active"})).status == 200


@pytest.mark.parametrize("found", [{}, {"disabled_since": NOW - 5, "upheld_at": NOW - 5}])
async def test_where_nothing_was_missed_nobody_is_asked(found) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client, status="active" if found else "disabled")
        parts.now += 60
        if found:
            parts.find(made["id"], **dict.fromkeys(found, parts.now - 1))
            assert not parts.hooks.is_active(made["id"])
        answer = await client.put(f"/api/hooks/{made['id']}", json={"status": "active"})
        assert (answer.status, (await answer.json())["status"]) == (200, "active")
        # What was passed over at that moment is decided by nobody.
        assert parts.hooks.decided(made["id"], 0.0) == "all"
