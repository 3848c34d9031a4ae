"""Calls of users' tasks, seen and driven from outside: two workers, each of which owns some of them.

With STREAMHOOKS_TEST_SCREENSHOTS=DIR it leaves a picture of docs/page.md there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from installation import JSON
from page_reader import Reader
from support import api, eventually
from support.browser import Browser
from users_tasks import Shop, shop_with

from streamhooks.cli import main
from streamhooks.dev.kafka import EmbeddedKafka

MODULE = """
import asyncio, json, os
from streamhooks import current_call, instrumented_task, middleware, retry

def note(**fields):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(json.dumps(fields) + "\\n")

@middleware
def told(call):
    note(mark=call.id, what="before", attempt=call.attempt)
    try:
        yield
    except ConnectionError:
        note(mark=call.id, what="failed", attempt=call.attempt)
        raise
    note(mark=call.id, what="after", attempt=call.attempt)

@instrumented_task(name="calls.flaky", retry_schedule=[0.2, 0.2])
@retry(on=(ConnectionError,))
def flaky(mark, failures):
    call = current_call()
    note(mark=mark, id=call.id, attempt=call.attempt, max_retries=call.max_retries, due=call.due.timestamp())
    if call.attempt <= failures:
        raise ConnectionError("away")

@instrumented_task(name="calls.later")
async def later(mark):
    note(mark=mark)

@instrumented_task(name="calls.hangs")
async def hangs(mark):
    note(mark=mark)
    await asyncio.Event().wait()

@instrumented_task(name="billing.close_month", default_retry_delay=600)
@retry(on=(ConnectionError,))
def close_month(mark):
    note(mark=mark)
    raise ConnectionError("the bank is away")

@instrumented_task(name="shop.import_prices")
async def import_prices(mark):
    await hangs.function(mark)

@instrumented_task(name="shop.ask_for_review")
def ask_for_review(mark): ...
"""
#: a program of a newer release makes these calls
CALLS_TO_SEE = """
shop.close_month.delay({mark!r})
shop.import_prices.delay({mark!r})
for days in (7, 14):
    shop.ask_for_review.apply_async([{mark!r}], countdown=days * 86400)
shop.instrumented_task(name="shop.send_bill")(lambda mark: None).delay({mark!r})
"""


@pytest.fixture(scope="module")
def shop(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("calls")
    with shop_with(kafka.brokers, folder, MODULE, workers=2, partitions=4) as shop:
        yield shop


@pytest.fixture
def mark(organization: str) -> str:
    """What tells the runs of this test from those of others."""
    return organization


def calls(shop: Shop, **query: object) -> list[JSON]:
    """The calls that each worker shows, which is the same on both."""
    shown = []
    for worker in shop._installation.workers:
        answer = api(worker).get("/api/tasks", **query)
        if answer.status != 200:
            return []  # partitions are moving
        shown.append(answer.json["calls"])
    return shown[0] if shown[0] == shown[1] else []


def command(shop: Shop, *arguments: str) -> str:
    """What `streamhooks tasks` prints."""
    result = CliRunner().invoke(
        main, ["tasks", *arguments], env={"STREAMHOOKS_URL": shop._installation.workers[1].base}
    )
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_a_task_knows_its_call_and_middleware_is_around_each_run(shop: Shop, mark: str) -> None:
    call_id = shop.call(f"print(shop.flaky.delay({mark!r}, 1).result(30))").strip()
    first, second = shop.runs(mark, 2)
    assert (first["id"], second["id"]) == (call_id, call_id)
    assert [(one["attempt"], one["max_retries"]) for one in (first, second)] == [(1, 2), (2, 2)]
    assert second["due"] - first["due"] >= 0.2
    around = shop.runs(call_id, 4)
    wanted = [("before", 1), ("failed", 1), ("before", 2), ("after", 2)]
    assert [(one["what"], one["attempt"]) for one in around] == wanted


def test_calls_are_listed_shown_run_and_dropped_on_any_worker(shop: Shop, mark: str) -> None:
    shop.call(f"for n in range(8): shop.later.apply_async([f'{mark}-{{n}}'], countdown=3600)")
    found = eventually(lambda: len(seen := calls(shop, task="calls.later")) == 8 and seen)
    assert {one["state"] for one in found} == {"waiting"}
    shown = command(shop, "list", "--task", "calls.later")
    assert all(one["call_id"] in shown for one in found)
    args = {one["call_id"]: json.loads(command(shop, "show", one["call_id"], "--json"))["args"][0] for one in found[:2]}
    first, second = args
    command(shop, "run", first)
    shop.runs(args[first], 1)
    assert command(shop, "drop", second, "--yes") == "1 call dropped, 0 skipped\n"
    eventually(lambda: len(calls(shop, task="calls.later")) == 6)
    assert command(shop, "drop", "--task", "calls.later", "--yes") == "6 calls dropped, 0 skipped\n"
    eventually(lambda: command(shop, "list", "--task", "calls.later") == "no calls of tasks\n")
    assert shop.notes(args[second]) == []


def test_what_hangs_is_seen_and_not_dropped(shop: Shop, mark: str) -> None:
    shop.call(f"shop.hangs.delay({mark!r})")
    shop.runs(mark, 1)
    (one,) = eventually(lambda: calls(shop, task="calls.hangs", state="running"))
    assert api(shop._installation.workers[0]).delete(f"/api/tasks/{one['call_id']}").status == 409


def test_calls_on_the_page(shop: Shop, browser: Browser, mark: str) -> None:
    shop.call(CALLS_TO_SEE.format(mark=mark))
    shop.runs(mark, 2)
    browser.open(f"{shop._installation.workers[0].base}/#/tasks?task=billing.close_month")
    for text in ("1 call", "the bank is away", "retry"):
        browser.wait_text(text)
    browser.open(f"{shop._installation.workers[1].base}/#/tasks")
    for text in ("billing.close_month", "shop.import_prices", "shop.ask_for_review", "shop.send_bill", "unknown"):
        browser.wait_text(text)
    Reader(browser).picture("tasks")
    for task in ("billing.close_month", "shop.ask_for_review", "shop.send_bill"):
        command(shop, "drop", "--task", task, "--yes")
    assert browser.complaints() == []


def test_one_that_is_given_up_is_a_dead_call_and_an_error_in_the_log(shop: Shop, mark: str) -> None:
    shop.call(f"shop.flaky.delay({mark!r}, 3)")
    letters = eventually(
        lambda: json.loads(command(shop, "list", "--state", "dead", "--task", "calls.flaky", "--json"))
    )
    (letter,) = letters
    assert (letter["reason"], letter["attempts"]) == ("retries used up: ConnectionError: away", 3)
    log = "".join(worker.log.read_text() for worker in shop._installation.workers)
    (line,) = [line for line in log.splitlines() if "task failed: task=calls.flaky" in line]
    assert "ERROR" in line.upper() or "level=error" in line
    assert 'raise ConnectionError("away")' in log
    assert command(shop, "run", letter["letter"]) == "1 call sent again\n"
    (call_id,) = {run["id"] for run in shop.runs(mark, 4)}
    assert f" id={call_id} " in line
