from __future__ import annotations

from web_fakes import NOW, FakeParts, created, serving

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
        parts.wait_call(OTHERS, "c2")
        answer = await client.get(f"/api/hooks/{hook_id}/pending")
        found = await answer.json()
        assert [call["call_id"] for call in found] == ["c1", "later"]
        assert found[0] == {
            "call_id": "c1", "task": "a.task", "event": "event.created", "attempt": 2, "due": 5000, "created": 1000,
            "reason": "retry", "state": "waiting", "last": {"status": 500}, "source": "t.events:0:1", "webhook_id": "w",
        }  # fmt: skip
        answer = await client.get(f"/api/hooks/{hook_id}/pending?limit=1")
        assert ([call["call_id"] for call in await answer.json()], answer.headers["X-Total-Count"]) == (["c1"], "2")


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
        assert (answer.status, (await answer.json())["call_id"], parts.retried) == (202, "c1", [place])
        assert (await client.delete(url)).status == 204
        assert parts.dropped == [place]
        parts.pending.get(*place).state = "running"
        answer = await client.delete(url)
        assert (answer.status, await answer.json()) == (409, {"detail": "the call runs at this moment"})
