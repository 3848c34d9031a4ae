"""Large records take as much memory as they may, whatever their endpoints do, and all of them arrive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import Hook, Installation, alert, event
from support import Receiver, Worker, eventually, make_anew

LARGE = 900_000
MB = 1_000_000
#: what waits; the bound of the worker is a sixteenth of it
WAITING = 300
BOUND_MB = 16
#: what is in flight of it is there three times (decoded, as a body, in a request), and what we write has 32 MB twice
ALLOWED = 200 * MB


@pytest.fixture
def forgetful() -> Iterator[Receiver]:
    """A receiver that remembers few requests: each has a megabyte."""
    one = Receiver(keep=50)
    yield one
    one.stop()


def memory(worker: Worker, name: str = "VmRSS") -> int:
    """Return the memory of a worker in bytes; `VmHWM` is the most that it ever had."""
    lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def metric(one: Installation, name: str) -> float:
    lines = one.api.get("/metrics").body.decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.split()[0] == f"streamhooks_{name}")


def write_large(one: Installation, organization: str, count: int) -> None:
    one.produce_with("events", "1", [large_event(organization, number) for number in range(count)])


def large_event(organization: str, number: int) -> bytes:
    return json.dumps(event(organization, data={"number": number, "text": "x" * LARGE})).encode()


def ids(hook: Hook) -> int:
    return hook.receiver.count(hook.path)["ids"]


@pytest.mark.parametrize("fetcher", ["librdkafka", "aiokafka"])
def test_large_records_behind_a_slow_endpoint(install, forgetful: Receiver, organization: str, fetcher: str) -> None:
    one: Installation = install(partitions=1, request_timeout=60, max_unsettled_mb=BOUND_MB, fetcher=fetcher)
    one.receiver = forgetful
    worker = one.add_worker()
    slow, other = one.create_hook(organization), one.create_hook(f"{organization}-other", "event.alert")
    forgetful.behave(slow.path, delay=60)
    before = memory(worker)
    write_large(one, organization, WAITING)
    bound = BOUND_MB * MB * 13 / 16 / LARGE
    eventually(lambda: metric(one, "unsettled_records") >= bound, timeout=60)
    # Their room is taken: another topic has its own.
    one.produce("alerts", "1", alert("") | {"event": event(f"{organization}-other")})
    other.received()
    assert metric(one, "unsettled_records") <= bound + 2
    forgetful.behave(slow.path)
    eventually(lambda: ids(slow) == WAITING, timeout=120)
    eventually(lambda: metric(one, "unsettled_records") == 0)
    assert memory(worker, "VmHWM") - before < ALLOWED


def test_large_records_behind_a_failing_endpoint(install, forgetful: Receiver, organization: str) -> None:
    one: Installation = install(partitions=1, retry_delay=8, max_unsettled_mb=BOUND_MB, breaker=False)
    one.receiver = forgetful
    worker = one.add_worker()
    failing = one.create_hook(organization)
    forgetful.behave(failing.path, status=500)
    before = memory(worker)
    write_large(one, organization, WAITING)
    eventually(lambda: metric(one, "pending_calls") == WAITING and metric(one, "unsettled_records") == 0, timeout=120)
    assert metric(one, "pending_bytes") < WAITING * 2000
    forgetful.behave(failing.path)
    eventually(lambda: metric(one, "pending_calls") == 0, timeout=180)
    # One that came early may have failed more than once by the time that all were taken up.
    eventually(lambda: (counts := one.totals(failing))[1] == WAITING and counts[0] == counts[1] + counts[2])
    assert one.dead_letters() == []
    bodies = [json.loads(request["body"])["event"]["data"] for request in failing.requests()]
    assert {len(data["text"]) for data in bodies} == {LARGE}
    assert len({data["number"] for data in bodies}) == len(bodies)
    assert memory(worker, "VmHWM") - before < ALLOWED


def test_large_pending_calls_outlive_a_kill_and_their_topic(install, organization: str) -> None:
    one: Installation = install(partitions=1, retry_delay=600, session_timeout=6, breaker=False)
    worker = one.add_worker()
    hook = one.create_hook(organization, behaviour="status=500&fail=1")
    write_large(one, organization, 5)
    eventually(lambda: len(one.pending(hook)) == 5, timeout=60)
    worker.kill()
    worker.start()
    first, *others = eventually(lambda: calls if len(calls := one.pending(hook)) == 5 else None, timeout=60)
    run_now(one, hook, first["call_id"])
    eventually(lambda: len(one.pending(hook)) == 4)

    # With the log go the arguments: they are made of the source again.
    make_anew(one.brokers, f"{one.prefix}delayed")
    eventually(lambda: any(f"{one.prefix}delayed" in str(r.value()) for r in one.records("notices")), timeout=60)
    eventually(lambda: len({r.key() for r in one.records("delayed")}) == 4, timeout=60)
    eventually(lambda: one.api.get("/health/ready").status == 200)
    for call in others:
        run_now(one, hook, call["call_id"])
    eventually(lambda: one.pending(hook) == [], timeout=60)
    by_id = {request["id"]: json.loads(request["body"])["event"]["data"] for request in hook.requests()}
    assert sorted(data["number"] for data in by_id.values()) == list(range(5))
    assert {data["text"] for data in by_id.values()} == {"x" * LARGE}
    eventually(lambda: one.totals(hook) == (10, 5, 5))
    assert one.dead_letters() == []


def run_now(one: Installation, hook: Hook, call_id: str) -> None:
    assert one.api.post(f"/api/hooks/{hook.id}/pending/{call_id}/retry").status < 300
