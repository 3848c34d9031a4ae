"""Each attempt tells why it was made, and what is no event of Kafka is not counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from installation import Hook, Installation, event
from support import eventually


def causes(one: Installation, hook: Hook) -> Counter[tuple[str, str, int]]:
    """How often the views tell of an attempt with this cause, outcome and number."""
    return Counter((found["cause"], found["outcome"], found["attempt"]) for found in one.latest(hook))


def test_an_attempt_tells_why_it_was_made(install: Callable[..., Installation], organization: str) -> None:
    one = install(retry_delay=1, breaker="false")
    one.add_worker()
    began = time.time()
    hook = one.create_hook(organization)
    one.receiver.behave(hook.path, status=500, fail=1)  # once for each webhook-id
    one.produce("events", "11", event(organization))
    expected = Counter({("live", "retried", 1): 1, ("retry", "delivered", 2): 1})
    eventually(lambda: causes(one, hook) == expected)

    path = f"/api/hooks/{hook.id}"
    assert one.api.put(path, {"status": "disabled"}).status == 200
    missed = one.produce("events", "11", event(organization))
    eventually(lambda: one.api.get(f"{path}/missed").json["records"] == 1)
    assert one.api.put(path, {"status": "active", "resume": "all"}).status == 200
    expected["resume", "retried", 1] += 1
    expected["resume", "delivered", 2] += 1
    eventually(lambda: causes(one, hook) == expected)

    assert one.api.post(f"{path}/replay", {"from": began}).status == 202
    expected["replay", "delivered", 1] += 2
    eventually(lambda: causes(one, hook) == expected)

    one.receiver.behave(hook.path, status=404)
    assert one.api.post(f"{path}/test").json["outcome"] == "failed"
    expected["test", "failed", 1] += 1
    one.produce("events", "11", event(organization))
    expected["live", "dead", 1] += 1
    eventually(lambda: causes(one, hook) == expected)
    one.receiver.behave(hook.path)
    assert one.api.post("/api/dead-letters/redrive", {"hook_id": hook.id}).status == 202
    assert one.api.post(f"{path}/test").json["outcome"] == "delivered"
    expected["test", "delivered", 1] += 1
    expected["redrive", "delivered", 2] += 1  # after the one that failed
    eventually(lambda: causes(one, hook) == expected)

    # Three events, each of which was tried twice, one of them by a redrive; neither replays nor tests count.
    eventually(lambda: one.totals(hook) == (6, 3, 3))
    source = f"{missed.topic()}:{missed.partition()}:{missed.offset()}"
    (explained,) = one.api.get("/api/explain", source=source).json["hooks"]
    assert [attempt["cause"] for attempt in explained["attempts"]] == ["resume", "resume", "replay"]
    assert {attempt["webhook_id"] for attempt in explained["attempts"]} == {explained["webhook_id"]}
    bodies = [attempt for attempt in one.latest(hook) if attempt["cause"] == "test" and "request" in attempt]
    assert [attempt["outcome"] for attempt in bodies] == ["failed"]
    for worker in one.workers:
        assert worker.stop() == 0
