"""Requests are searched for on the page, and one is sent once more."""

from __future__ import annotations

from collections.abc import Callable

from page_data import full
from page_worker import PageWorker
from support import eventually
from support.browser import Browser


def test_requests_are_searched_for(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.press("Search all requests")
    browser.wait_text("No more are kept. 12 requests found. Searched back to")
    assert len(browser.all("table tbody").all()) == 12
    browser.fill("Outcome", "dead")
    browser.fill("webhook-id", f"msg_{3:032x}")
    browser.press("Find")
    browser.wait_text("1 request found.")
    assert browser.url.endswith(f"#/attempts?hook_id={one}&webhook_id=msg_{3:032x}&outcome=dead")
    asked = worker.calls("GET", "/api/attempts")[-1][0]
    assert asked.endswith(f"hook_id={one}&webhook_id=msg_{3:032x}&outcome=dead&limit=50")

    worker.slow = True
    browser.press("Find")
    browser.wait_text("Searching …")
    browser.press("Cancel")
    browser.wait_text("Cancelled. 0 requests found.")
    eventually(lambda: worker.cancelled == 1)
    browser.press("Find")
    browser.wait_text("Searching …")
    browser.press("Explain")  # who leaves waits for it no longer
    eventually(lambda: worker.cancelled == 2)
    browser.page.go_back()
    browser.wait_text("Searching …")
    browser.press("Cancel")
    worker.slow = False
    browser.press("Search further back")
    browser.wait_text("No more are kept. 1 request found.")
    browser.fill("webhook-id", "msg_0")
    browser.press("Find")
    browser.wait_text("No more are kept. 0 requests found.")
    assert browser.complaints() == []
    worker.failing = 429
    browser.press("Find")
    browser.wait_text("The search failed. 0 requests found.")
    browser.find("[role=alert]", "the partition is moving")


def test_a_request_is_sent_once_more(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    browser.open(f"{worker.base}/#/attempts?webhook_id=msg_{3:032x}")
    browser.press("Show")
    browser.press("Resend")
    browser.wait_text("The request is sent again")
    path = f"/api/hooks/{one}/requests/msg_{3:032x}/resend"
    assert worker.calls("POST") == [(path, {"source": "streamhooks.events:3:1197"})]
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.press("Show", 1)
    browser.press("Resend")
    browser.wait_text("Kafka no longer has the record streamhooks.events:3:1199")
    worker.attempts = [{**worker.attempts[0], "cause": "test", "source": None}]
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.press("Show")
    browser.wait_text("Only the bodies of failures are kept.")
    assert "Resend" not in browser.text()


def test_attempts_of_the_same_moment_are_all_shown(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    """A request that is resent by many at once has attempts that differ in nothing."""
    worker = fake()
    one = full(worker)
    worker.attempts = [{**worker.attempts[0], "cause": "replay"}] * 3
    browser.open(f"{worker.base}/#/attempts?hook_id={one}")
    browser.press("Find")
    browser.wait_text("3 requests found.")
    assert len(browser.all("table tbody").all()) == 3
