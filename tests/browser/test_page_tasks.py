"""The view of the calls of tasks; made-up data in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

from page_data import full
from page_worker import PageWorker
from support import eventually
from support.browser import Browser

PATH = "/api/tasks"


def rows(browser: Browser) -> int:
    return browser.all("tr:has([data-does=run])").count()


def test_calls_are_found_by_task_and_state_and_counted(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    browser.open(f"{worker.base}/#/tasks")
    browser.wait_text("50 calls on this page")
    counted = browser.find("tr", "billing.close_month")
    assert counted.inner_text().split()[:5] == ["billing.close_month", "14", "13", "0", "13"]
    browser.find("a", "billing.close_month").click()
    browser.wait_text("40 calls")
    browser.fill("State", "running")
    browser.press("Find")
    browser.wait_text("13 calls")
    assert worker.calls("GET", PATH)[-1][0] == f"{PATH}?task=billing.close_month&state=running&limit=50"
    assert browser.url.endswith("#/tasks?task=billing.close_month&state=running")
    browser.fill("Task", "none")
    browser.press("Find")
    browser.wait_text("No call matches.")
    assert browser.complaints() == []


def test_those_that_were_given_up_are_dead_letters(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    browser.open(f"{worker.base}/#/tasks?task=shop.send")
    browser.wait_text("40 calls")
    browser.fill("State", "dead")
    browser.press("Find")
    browser.find("h1", "Dead letters")
    wanted = "kind=task&task=shop.send&state=open&limit=50"
    eventually(lambda: [path for path, _ in worker.calls("GET", f"dead-letters?{wanted}")])
    assert browser.find("select#f-kind").input_value() == "task"
    assert browser.complaints() == []


def test_pages_go_on_and_back(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    browser.open(f"{worker.base}/#/tasks")
    browser.wait_text("50 calls on this page")
    browser.press("Next")
    eventually(lambda: "cursor=50" in worker.calls("GET", PATH)[-1][0])
    browser.press("Next")
    eventually(lambda: rows(browser) == 20)
    browser.press("Back")
    eventually(lambda: rows(browser) == 50)


def test_a_call_is_shown_run_and_dropped(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    worker.task_calls.calls = worker.task_calls.calls[:1]
    browser.open(f"{worker.base}/#/tasks")
    browser.press("Show")
    for text in ("call_0", '"cents": 300', "1.5"):
        browser.wait_text(text)
    browser.press("Close")
    browser.press("Run now")
    browser.wait_text("It runs as soon as there is room")
    browser.press("Drop")
    browser.press("Drop it")
    browser.wait_text("No call of a task waits or runs.")
    assert worker.calls("POST") == [(f"{PATH}/call_0/run", None)]
    assert worker.calls("DELETE") == [(f"{PATH}/call_0", None)]
    assert browser.complaints() == []


def test_a_running_call_is_neither_run_nor_dropped(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    worker.task_calls.calls = [one for one in worker.task_calls.calls if one["state"] == "running"][:1]
    browser.open(f"{worker.base}/#/tasks")
    browser.wait_text("1 call")
    for does in ("run", "drop"):
        assert browser.find(f"[data-does={does}]").is_disabled()


def test_an_older_worker_lists_none(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake(older=True)
    browser.open(f"{worker.base}/#/tasks")
    browser.wait_text("This worker can't list calls of tasks.")
