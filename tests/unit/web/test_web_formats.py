"""The format of a hook, through the API."""

from __future__ import annotations

import pytest
from support.web_parts import FakeParts, created, serving

ORDERS = {"events": ["order.*", "order.paid"], "format": "standard"}


async def test_a_message_hook_is_made_and_keeps_its_format() -> None:
    async with serving(FakeParts()) as client:
        made = await created(client, **ORDERS)
        assert (made["format"], made["events"]) == ("standard", ["order.*", "order.paid"])
        answer = await client.put(f"/api/hooks/{made['id']}", json={"events": ["*"], "format": "data"})
        assert (await answer.json())["format"] == "data"


async def test_types_without_a_format_are_refused_with_the_cure() -> None:
    async with serving(FakeParts()) as client:
        answer = await client.post(
            "/api/hooks", json={"organization_id": "1", "url": "http://e.test", "events": ["order.paid"]}
        )
        assert answer.status == 400
        assert "its format must be standard" in (await answer.json())["events"]


@pytest.mark.parametrize("sentry", ["sentry", None])
async def test_a_format_that_does_not_fit_what_stays_of_the_hook_is_a_conflict(sentry: str | None) -> None:
    async with serving(FakeParts()) as client:
        made = await created(client, **ORDERS)
        answer = await client.put(f"/api/hooks/{made['id']}", json={"format": sentry})
        assert answer.status == 409
        answer = await client.put(f"/api/hooks/{made['id']}", json={"format": sentry, "events": ["order.paid"]})
        assert answer.status == 400
        answer = await client.put(f"/api/hooks/{made['id']}", json={"format": sentry, "events": ["event.created"]})
        assert ((await answer.json())["format"], answer.status) == ("sentry", 200)
        of_app = await created(client, app_id="a", events=["*"])
        answer = await client.put(f"/api/hooks/{of_app['id']}", json={"format": "data"})
        assert answer.status == 409
        of_service = await created(client)
        answer = await client.put(f"/api/hooks/{of_service['id']}", json={"format": "data"})
        assert ((await answer.json())["format"], answer.status) == ("data", 200)
