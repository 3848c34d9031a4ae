"""Calls of users' tasks that hang, or end their process: the others run, and webhooks go on."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from installation import Installation, event
from support import api, eventually
from users_tasks import MODULE, Shop

HARM = """

@instrumented_task(name="shop.ends_its_process", max_retries=1)
def ends_its_process(mark):
    note("ends_its_process", mark=mark)
    os._exit(9)

@instrumented_task(name="shop.takes_a_while")
async def takes_a_while(mark, number):
    note("takes_a_while", mark=mark, number=number)
    await asyncio.sleep(0.3)

@instrumented_task(name="shop.hangs")
async def hangs(mark):
    note("hangs", mark=mark)
    await asyncio.Event().wait()

@instrumented_task(name="shop.blocks", time_limit=0.5, max_running=1)
def blocks(mark, number):
    note("blocks", mark=mark, number=number)
    time.sleep(2)
"""


@pytest.fixture
def shop(install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    (tmp_path / "shop_tasks.py").write_text(MODULE + HARM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    one: Installation = install(task_modules="shop_tasks", session_timeout=6, grace=1)
    one.add_worker()
    return Shop(one, tmp_path / "notes")


def test_a_call_that_ends_its_process_is_found_out_and_nobody_else_is_blamed(shop: Shop, organization: str) -> None:
    one, mark = shop._installation, organization
    hook = one.create_hook(organization)
    shop.call(
        f"for number in range(10): shop.takes_a_while.delay({mark!r}, number)\nshop.ends_its_process.delay({mark!r})"
    )
    deaths = 0
    while not one.dead_letters():
        assert deaths <= 4
        if not one.worker.running:
            deaths += 1
            one.produce("events", "11-1", event(organization, "11"))
            one.worker.launch()  # it may end before it is ready
        eventually(lambda: not one.worker.running or one.dead_letters(), timeout=120)
    one.worker.wait_ready()
    (letter,) = one.dead_letters()
    assert letter["task"]["name"] == "shop.ends_its_process"
    assert letter["reason"].startswith("3 runs of it, each of them alone, ended the process of their worker")
    eventually(lambda: {run["number"] for run in neighbours(shop, mark)} == set(range(10)))
    assert Counter(run["task"] for run in shop.notes(mark))["ends_its_process"] == deaths == 4
    # Beside it at first; since then each of them alone, and once.
    assert max(Counter(run["number"] for run in neighbours(shop, mark)).values()) <= 2
    hook.received(4)
    assert "that are due run alone: its former owner ended uncleanly" in one.worker.log.read_text()
    eventually(lambda: "streamhooks_pending_calls 0.0" in api(one.worker).get("/metrics").body.decode())

    # Who leaves, leaves no suspicion behind.
    assert one.worker.stop() == 0
    shop.call(f"shop.greet.delay({mark!r}, 'Ada')")
    one.worker.start()
    eventually(lambda: [run for run in shop.notes(mark) if run["task"] == "greet"])
    assert "run alone" not in log_of_last_start(one)


def neighbours(shop: Shop, mark: str) -> list[dict]:
    return [run for run in shop.notes(mark) if run["task"] == "takes_a_while"]


def log_of_last_start(one: Installation) -> str:
    _, found, rest = one.worker.log.read_text().rpartition("hooks have been read")
    assert found
    return rest


def test_calls_that_hang_leave_room_and_one_over_its_limit_keeps_its_place(shop: Shop, organization: str) -> None:
    one, mark = shop._installation, organization
    shop.call(f"for _ in range(200): shop.hangs.delay({mark!r})")
    shop.runs(mark, 100)
    shop.call(f"shop.greet.delay({mark!r}, 'Ada')")
    eventually(lambda: [run for run in shop.notes(mark) if run["task"] == "greet"])
    assert len([run for run in shop.notes(mark) if run["task"] == "hangs"]) == 100
    metrics = api(one.worker).get("/metrics").body.decode()
    assert re.search(r'^streamhooks_task_places_free\{of="users"\} 100\.0$', metrics, re.MULTILINE)
    assert re.search(r'^streamhooks_task_places_taken\{task="shop.hangs"\} 100\.0$', metrics, re.MULTILINE)

    shop.call(f"for number in range(2): shop.blocks.delay({mark!r}, number)")
    letters = eventually(lambda: found if len(found := one.dead_letters()) == 2 else None)
    expected = "TimeLimitExceeded: the run took longer than its time limit of 0.5 s"
    assert [letter["reason"] for letter in letters] == [expected] * 2
    first, second = [run for run in shop.notes(mark) if run["task"] == "blocks"]
    # The second one waited for the thread of the first, not only for its limit.
    assert second["at"] - first["at"] >= 1.9

    # When partitions move, runs are let go, and nobody is suspected.
    one.add_worker()
    eventually(lambda: len([run for run in shop.notes(mark) if run["task"] == "hangs"]) > 100)
    assert all("run alone" not in worker.log.read_text() for worker in one.workers)
