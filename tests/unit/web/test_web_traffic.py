from __future__ import annotations

import pytest
from support.web_parts import NOW, FakeParts, created, serving

from streamhooks.records.ids import derived_id

OTHERS = "0" * 32


async def test_stats() -> None:
    parts = FakeParts()
    hour = int(NOW // 3600 * 3600)
    async with serving(parts) as client:
        hook_id = (await created(client))["id"]
        parts.cells = {
            (hook_id, 3600, hour): (5, 3, 2),
            (hook_id, 3600, hour - 23 * 3600): (1, 1, 0),
            (hook_id, 3600, hour - 24 * 3600): (9, 9, 9),
            (OTHERS, 3600, hour): (7, 7, 7),
        }
        url = f"/api/hooks/{hook_id}/stats"
        found = await (await client.get(url)).json()
        assert [point["ts"] for point in found] == [hour - back * 3600 for back in range(23, -1, -1)]
        assert [point["total"] for point in found] == [1, *[0] * 22, 5]
        found = await (await client.get(f"{url}?outcome=failed&resolution=60m")).json()
        assert found[-1] == {"ts": hour, "total": 2}
        answer = await client.get(f"{url}?resolution=5m&until=x")
        assert (answer.status, await answer.json()) == (400, {"detail": "Invalid resolution"})
        assert (await client.get(f"{url}?colour=red")).status == 400


async def test_requests() -> None:
    parts = FakeParts(attempts=[{"id": f"msg_{n}", "attempt": 1} for n in range(150)])
    async with serving(parts) as client:
        url = f"/api/hooks/{(await created(client))['id']}/requests"
        shown = [{"webhook_id": one["id"], **one} for one in parts.attempts]
        assert await (await client.get(url)).json() == shown[:100]
        assert await (await client.get(f"{url}?limit=2")).json() == shown[:2]
        assert (await client.get(f"{url}?limit=0")).status == 400


async def test_pending() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        hook_id = (await created(client))["id"]
        parts.wait_call(hook_id, "later", due=9000)
        parts.wait_call(
            hook_id, "c1", event="event.created", last={"status": 500}, source="t.events:0:1", webhook_id="w"
        )
        parts.wait_call(OTHERS, "c2", webhook_id="w2")
        answer = await client.get(f"/api/hooks/{hook_id}/pending")
        found = await answer.json()
        assert [call["webhook_id"] for call in found] == ["w", derived_id("later")]
        assert found[0] == {
            "webhook_id": "w", "call_id": "c1",
            "task": "a.task", "event": "event.created", "attempt": 2, "due": 5000, "created": 1000,
            "reason": "retry", "state": "waiting", "last": {"status": 500}, "source": "t.events:0:1",
        }  # fmt: skip
        answer = await client.get(f"/api/hooks/{hook_id}/pending?limit=1")
        assert ([call["webhook_id"] for call in await answer.json()], answer.headers["X-Total-Count"]) == (["w"], "2")


async def test_retry_and_drop() -> None:
    parts = FakeParts(partitions=1)
    async with serving(parts) as client:
        hook_id = (await created(client))["id"]
        other = (await created(client))["id"]
        parts.wait_call(hook_id, "c1")
        url, place = f"/api/hooks/{hook_id}/pending/c1", (parts.partition_of(hook_id), "c1")
        for path in (f"/api/hooks/{other}/pending/c1", f"/api/hooks/{hook_id}/pending/c2"):
            assert (await client.post(f"{path}/retry")).status == 404
            assert (await client.delete(path)).status == 404
        answer = await client.post(f"{url}/retry")
        assert (answer.status, (await answer.json())["webhook_id"], parts.retried) == (202, derived_id("c1"), [place])
        assert (await client.delete(url)).status == 204
        assert parts.dropped == [place]
        parts.pending.get(*place).state = "running"
        answer = await client.delete(url)
        assert (answer.status, await answer.json()) == (409, {"detail": "the call is running"})


@pytest.mark.parametrize("source", ["t.events:0:1", None])
async def test_a_call_is_named_by_its_webhook_id(source: str | None) -> None:
    """Also one whose record does not say it, as 0.1.0 wrote them."""
    parts = FakeParts(partitions=1)
    async with serving(parts) as client:
        hook_id, other = (await created(client))["id"], (await created(client))["id"]
        parts.wait_call(hook_id, "msg_1", source=source)
        name = "msg_1" if source else derived_id("msg_1")
        parts.wait_call(other, "msg_2", webhook_id=name)
        url = f"/api/hooks/{hook_id}/pending"
        assert [one["webhook_id"] for one in await (await client.get(url)).json()] == [name]
        assert (await client.post(f"{url}/{name}/retry")).status == 202
        assert (await client.delete(f"{url}/{name}")).status == 204
        assert (parts.retried, parts.dropped) == ([(0, "msg_1")], [(0, "msg_1")])


async def test_all_that_waits_with_a_webhook_id_is_run_or_dropped() -> None:
    """A replay of what still waits for a retry waits beside it."""
    parts = FakeParts(partitions=1)
    async with serving(parts) as client:
        hook_id = (await created(client))["id"]
        parts.wait_call(hook_id, "msg_1", due=9000, source="t.events:0:1", webhook_id="msg_1")
        parts.wait_call(hook_id, "msg_7", due=8000, source="t.events:0:1", webhook_id="msg_1")
        parts.wait_call(hook_id, "msg_3", source="t.events:0:2", webhook_id="msg_3")
        url = f"/api/hooks/{hook_id}/pending/msg_1"
        answer = await client.post(f"{url}/retry")
        assert (answer.status, (await answer.json())["due"]) == (202, 8000)
        assert parts.retried == [(0, "msg_7"), (0, "msg_1")]
        parts.pending.get(0, "msg_1").state = "running"
        assert (await client.delete(url)).status == 409
        assert parts.dropped == [(0, "msg_7")]
        # By the name that 0.1.0 gave it, there is one.
        assert (await client.post(f"/api/hooks/{hook_id}/pending/msg_7/retry")).status == 202
        assert parts.retried[2:] == [(0, "msg_7")]
