"""Tasks that users define: called from outside and from tasks, run on a worker, retried as they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import JSON, Installation
from support import eventually
from users_tasks import MODULE, Shop, shop_with

from streamhooks.dev.kafka import EmbeddedKafka


@pytest.fixture(scope="module")
def shop(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with shop_with(kafka.brokers, folder, MODULE, workers=1, retry_delay=0.1) as shop:
        yield shop


@pytest.fixture
def mark(organization: str) -> str:
    """What tells the runs of this test from those of others."""
    return organization


def test_called_from_outside(shop: Shop, mark: str) -> None:
    shop.call(f"shop.greet.delay({mark!r}, 'Ada', 'Bjørn', greeting='hej')")
    (run,) = shop.runs(mark, 1)
    assert (run["names"], run["greeting"]) == (["Ada", "Bjørn"], "hej")
    assert run["pid"] == shop._installation.worker.pid


def test_called_from_outside_many_times(shop: Shop, mark: str) -> None:
    # All of them are flushed at the end of the program, none is run twice.
    shop.call(f"for number in range(500): shop.greet.delay({mark!r}, number)")
    runs = shop.runs(mark, 500)
    assert sorted(run["names"][0] for run in runs) == list(range(500))


def test_the_handle(shop: Shop, mark: str) -> None:
    code = f"""
import asyncio
handle = shop.greet.delay({mark!r}, 1)
print(handle.result(30))
async def main():
    print(await shop.greet.delay({mark!r}, 2))
asyncio.run(main())
"""
    ids = shop.call(code).split()
    assert len(set(ids)) == 2
    assert len(shop.runs(mark, 2)) == 2


def test_a_countdown(shop: Shop, mark: str) -> None:
    called = float(shop.call(f"import time; print(time.time()); shop.greet.apply_async([{mark!r}], countdown=3)"))
    (run,) = shop.runs(mark, 1)
    assert run["at"] - called >= 2.99


def test_what_is_no_json(shop: Shop, mark: str) -> None:
    code = f"""
try:
    shop.greet.delay({mark!r}, object())
except TypeError:
    print("refused")
"""
    assert shop.call(code).strip() == "refused"


def test_what_the_broker_will_never_take_is_told(shop: Shop, mark: str) -> None:
    # Random, since what is sent is compressed. Nobody awaits the handle.
    code = f"""
import logging, os, sys
logging.basicConfig(stream=sys.stdout)
shop.greet.delay({mark!r}, os.urandom(2_000_000).hex())
"""
    (line,) = [line for line in shop.call(code).splitlines() if line.startswith("ERROR:streamhooks")]
    assert "a call of shop.greet was not stored" in line


def test_a_function_that_blocks(shop: Shop, mark: str) -> None:
    shop.call(f"shop.plain.delay({mark!r})")
    assert len(shop.runs(mark, 1)) == 1


def test_called_from_a_task(shop: Shop, mark: str) -> None:
    shop.call(f"shop.parent.delay({mark!r})")
    runs = shop.runs(mark, 5)
    assert [run["task"] for run in runs].count("parent") == 1
    greeted = [(run["names"], run["greeting"]) for run in runs if run["task"] == "greet"]
    assert sorted(greeted) == [([], "awaited"), (["from parent"], "hello"), (["next"], "hello")]
    (plain,) = (run for run in runs if run["task"] == "plain")
    # Due times are whole milliseconds.
    assert plain["at"] - runs[0]["at"] >= 0.99


def test_called_from_a_task_that_blocks(shop: Shop, mark: str) -> None:
    shop.call(f"shop.blocking_parent.delay({mark!r})")
    assert [run["task"] for run in shop.runs(mark, 2)] == ["blocking_parent", "greet"]


def test_called_from_forked_children_of_a_run(shop: Shop, mark: str) -> None:
    shop.call(f"shop.forks.delay({mark!r})")
    runs = shop.runs(mark, 4)
    assert sorted(run["names"][0] for run in runs if run["task"] == "greet") == ["child 1", "child 2", "parent"]


def test_an_expired_call(shop: Shop, mark: str) -> None:
    shop.call(f"shop.greet.apply_async([{mark!r}, 'late'], expires=-1)")
    shop.call(f"shop.greet.apply_async([{mark!r}, 'in time'], expires=60)")
    assert [run["names"] for run in shop.runs(mark, 1)] == [["in time"]]
    counted = 'streamhooks_tasks_total{outcome="expired",task="shop.greet"} 1.0'
    eventually(lambda: counted in shop._installation.api.get("/metrics").body.decode())


def test_next_task_from_outside(shop: Shop, mark: str) -> None:
    code = f"""
from streamhooks import NextTask
later = NextTask(shop.greet, [{mark!r}, "scheduled"], countdown=1)
later.schedule()
"""
    shop.call(code)
    (run,) = shop.runs(mark, 1)
    assert run["names"] == ["scheduled"]


def test_retried_until_it_works(shop: Shop, mark: str) -> None:
    shop.call(f"shop.fail.delay({mark!r}, 'temporary', times=1)")
    first, second = shop.runs(mark, 2)
    assert second["at"] - first["at"] >= 0.19


def test_retries_used_up(shop: Shop, mark: str) -> None:
    shop.call(f"shop.fail.delay({mark!r}, 'temporary')")
    letter = shop.dead_letter(mark)
    assert letter["reason"].startswith("retries used up")
    assert letter["attempts"] == len(shop.notes(mark)) == 3
    assert letter["task"] == {"name": "shop.fail", "args": [mark, "temporary"], "kwargs": {}}
    assert (letter["hook_id"], letter["source"]) == (None, None)


@pytest.mark.parametrize("kind", ["hopeless", "other"])
def test_excluded_or_unnamed_is_not_retried(shop: Shop, mark: str, kind: str) -> None:
    shop.call(f"shop.fail.delay({mark!r}, {kind!r})")
    letter = shop.dead_letter(mark)
    assert (letter["attempts"], len(shop.notes(mark))) == (1, 1)
    assert kind in letter["reason"]


def test_ignored_ends_as_done(shop: Shop, mark: str) -> None:
    shop.call(f"shop.fail.delay({mark!r}, 'fine')")
    shop.runs(mark, 1)
    # Long after it would have been retried, or given up.
    shop.call(f"shop.greet.apply_async([{mark!r}], countdown=1)")
    assert [run["task"] for run in shop.runs(mark, 2)] == ["fail", "greet"]
    assert shop._installation.dead_letters(lambda one: mark in json.dumps(one)) == []


def test_bare_retry_is_every_exception(shop: Shop, mark: str) -> None:
    shop.call(f"shop.bare.delay({mark!r})")
    assert shop.dead_letter(mark)["attempts"] == len(shop.notes(mark)) == 2


def test_without_a_policy_nothing_is_retried(shop: Shop, mark: str) -> None:
    shop.call(f"shop.no_policy.delay({mark!r})")
    assert shop.dead_letter(mark)["attempts"] == len(shop.notes(mark)) == 1


def test_a_task_asks_to_run_again(shop: Shop, mark: str) -> None:
    shop.call(f"shop.asks.delay({mark!r})")
    assert shop.dead_letter(mark)["attempts"] == len(shop.notes(mark)) == 2


def test_an_error_is_logged_with_its_traceback(shop: Shop, mark: str) -> None:
    shop.call(f"shop.no_policy.delay({mark!r})")
    shop.dead_letter(mark)
    log = shop._installation.worker.log.read_text()
    assert "task=shop.no_policy" in log
    assert 'raise ValueError("any")' in log


#: of `mark`: each way in which a run ends, and calls that tasks make
CALLS = """
shop.parent.delay(mark)
shop.blocking_parent.delay(mark)
for kind in ("temporary", "hopeless", "other", "fine"):
    shop.fail.delay(mark, kind)
shop.bare.delay(mark)
shop.no_policy.delay(mark)
shop.asks.delay(mark)
shop.greet.delay(mark, (1, 2.50), greeting={"a": None})
"""

IN_A_TEST = f"""
from dataclasses import asdict
from streamhooks.testing import LocalWorker
with LocalWorker() as worker:
    {CALLS.replace(chr(10), chr(10) + "    ")}
    worker.run(check=False)
import json
print(json.dumps([asdict(one) for one in worker.dead_letters]))
"""


def test_a_test_without_a_kafka_shows_the_same(shop: Shop, mark: str) -> None:
    def ends(mark: str, letters: list[JSON]) -> list[str]:
        runs = [{name: value for name, value in one.items() if name not in ("at", "pid")} for one in shop.notes(mark)]
        told = [{name: one[name] for name in ("reason", "attempts", "task", "last", "hook_id")} for one in letters]
        return sorted(json.dumps(one).replace(mark, "mark") for one in [*runs, *told])

    in_a_test = f"{mark}-test"
    letters = json.loads(shop.call(f"mark = {in_a_test!r}\n{IN_A_TEST}"))
    expected = ends(in_a_test, letters)
    assert len(letters) == 6
    shop.call(f"mark = {mark!r}\n{CALLS}")
    of_mark = f'"{mark}"'
    assert (
        eventually(
            lambda: (
                len(found := ends(mark, shop._installation.dead_letters(lambda one: of_mark in json.dumps(one))))
                >= len(expected)
                and found
            )
        )
        == expected
    )


BLOCKING = """

@instrumented_task(name="shop.blocks")
def blocks(mark):
    note("blocks", mark=mark)
    time.sleep(300)
"""


def test_a_function_that_blocks_does_not_keep_a_worker_from_ending(
    install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    (tmp_path / "shop_tasks.py").write_text(MODULE + BLOCKING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    one: Installation = install(task_modules="shop_tasks", grace=1)
    worker = one.add_worker()
    shop = Shop(one, tmp_path / "notes")
    shop.call(f"shop.blocks.delay({mark!r})")
    shop.runs(mark, 1)
    assert worker.stop() == 0
    # It was not settled: the next worker runs it again.
    worker.start()
    shop.runs(mark, 2)
