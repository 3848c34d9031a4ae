"""A worker whose time of day jumps by an hour, either way, under what lasts: it delays nothing, and loses nothing.

Python's `time.time` of the worker is shifted (by a `sitecustomize`); its Kafka clients and the broker keep the time.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from installation import Hook, Installation, event
from support import eventually

HOUR = 3600
RATE = 20
EVENTS = 100

SHIFTED = """
import time, os
_real, _path = time.time, os.environ["TIME_OF_DAY"]
_known = [0.0, 0]
def _shifted():
    now = _real()
    if now - _known[0] > 0.02:
        with open(_path) as file:
            _known[:] = now, int(file.read() or 0)
    return now + _known[1]
time.time = _shifted
"""


class TimeOfDay:
    """By how many seconds the worker's time of day is off."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "off"
        self.set(0)

    def set(self, seconds: int) -> None:
        written = self.path.with_suffix(".new")
        written.write_text(str(seconds))
        written.rename(self.path)


@pytest.fixture
def time_of_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TimeOfDay:
    (tmp_path / "sitecustomize.py").write_text(SHIFTED)
    off = TimeOfDay(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("TIME_OF_DAY", str(off.path))
    return off


def ids(hook: Hook) -> set[str]:
    return {request["id"] for request in hook.requests()}


def counted(one: Installation, hook: Hook) -> tuple[int, int, int]:
    """What is counted of the hook in three days, whenever the worker thinks that it was."""
    day = 86_400
    return one.totals(hook, since=time.time() - day, until=time.time() + day, resolution="1d")


@pytest.mark.parametrize("jump", [-HOUR, HOUR], ids=["back", "ahead"])
def test_it_delays_nothing_and_loses_nothing(install, organization: str, time_of_day: TimeOfDay, jump: int) -> None:
    one: Installation = install(retry_delay=1, partitions=4, max_retries=100, breaker=False, resume_rate=50)
    one.add_worker()
    limited = one.create_hook(organization, rate_limit=RATE)
    narrow = one.create_hook(organization, behaviour="delay=0.3", max_in_flight=2)
    resumed = one.create_hook(organization)
    one.api.put(f"/api/hooks/{resumed.id}", {"status": "disabled"})
    paused = one.create_hook(organization, behaviour="retry_after=3&fail=1&status=503")
    eventually(lambda: one.api.get(f"/api/hooks/{resumed.id}").json["status"] == "disabled")

    def fire(count: int) -> None:
        for number in range(count):
            one.produce("events", f"11-{number}", event(organization), partition=number % 4)

    fire(EVENTS)
    limited.received(RATE)
    narrow.received(2)
    paused.received(1)
    assert one.api.put(f"/api/hooks/{resumed.id}", {"status": "active", "resume": "all"}).status == 200
    resumed.received(1)
    time_of_day.set(jump)
    for hook in (limited, narrow, resumed):
        eventually(lambda hook=hook: len(ids(hook)) == EVENTS, timeout=60)
    # All but what was sent before its pause began and is tried again at a time of day.
    eventually(lambda: len(ids(paused)) >= EVENTS - 10, timeout=60)

    # What is done by the clock that has jumped is no worse: a hook that was resumed "later" than now loses nothing.
    failing = one.create_hook(organization, behaviour="fail=1&status=500")
    one.api.put(f"/api/hooks/{failing.id}", {"status": "disabled"})
    assert one.api.put(f"/api/hooks/{failing.id}", {"status": "active", "resume": "skip"}).status == 200
    time_of_day.set(0)
    eventually(lambda: one.api.get(f"/api/hooks/{failing.id}").json["status"] == "active")
    fire(10)
    eventually(lambda: [len(failing.requests()), len(ids(failing))] == [20, 10], timeout=60)
    for hook, fired in ((limited, EVENTS + 10), (narrow, EVENTS + 10), (resumed, EVENTS + 10)):
        eventually(lambda hook=hook, fired=fired: counted(one, hook) == (fired, fired, 0), timeout=60)
    eventually(lambda: counted(one, failing) == (20, 10, 10))
    assert one.dead_letters() == []
