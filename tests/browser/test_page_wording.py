"""What the page says of defaults, times and counts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from page_data import full, iso
from page_worker import PageWorker
from support.browser import Browser

#: a moment as it is to be read anywhere on the page, in Berlin's zone
MOMENT = re.compile(r"\d{1,2} \w{3,4}( \d{4})?, \d\d:\d\d:\d\d (CET|CEST)")


def test_a_default_is_shown_with_its_number(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    browser.open(f"{worker.base}/#/hooks/{1:032x}")
    browser.wait_text("5 s (the worker's default)")
    browser.wait_text("50 (the worker's default)")
    browser.wait_text("5, each after 300 s (the worker's default)")
    browser.open(f"{worker.base}/#/hooks/{4:032x}")  # of an app
    browser.wait_text("3, each after 300 s (the worker's default)")
    worker.defaults["retry_schedule"]["app"] = [10, 60.5]
    browser.open(f"{worker.base}/#/hooks/{4:032x}")
    browser.wait_text("after 10 s, 60.5 s (the worker's default)")
    worker.defaults["retry_schedule"]["app"] = []
    browser.open(f"{worker.base}/#/hooks/{4:032x}")
    browser.wait_text("none (the worker's default)")
    worker.hooks[f"{4:032x}"].update(timeout=7, max_in_flight=1, retry_schedule=[])
    browser.wait_text("7 s")
    assert "the worker's default" not in browser.text()


def test_the_form_says_what_an_empty_field_means(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    for path, retries in (
        ("/#/new", "5, each after 300 s"),
        (f"/#/hooks/{1:032x}/edit", "5, each after 300 s"),
        (f"/#/hooks/{4:032x}/edit", "3, each after 300 s"),
    ):
        browser.open(worker.base + path)
        browser.press("More")
        for text in ("Empty: 5 s (the", "Empty: 50 (the", "Empty: no limit.", f"Empty: {retries} (the"):
            browser.wait_text(text)
    browser.open(f"{worker.base}/#/new")
    browser.press("More")
    browser.fill("Changes of resources", "")
    browser.wait_text("Empty: 3, each after 300 s (the worker's default).")
    browser.fill("Events and alerts", "")
    browser.wait_text("Empty: 5, each after 300 s (the worker's default).")


def test_an_older_worker_does_not_tell_its_defaults(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake(older=True)
    full(worker)
    browser.open(f"{worker.base}/#/hooks/{1:032x}")
    browser.wait_text("the worker's default")
    assert "undefined" not in browser.text()
    browser.open(f"{worker.base}/#/new")
    browser.press("More")
    browser.wait_text("Empty: the worker's default.")
    assert "undefined" not in browser.text()


@pytest.mark.parametrize(
    "path", ["/#/hooks/{one}", "/#/hooks/{disabled}", "/#/dead-letters", "/#/explain?source=a:1:2"]
)
def test_each_time_has_its_date_and_zone(browser: Browser, fake: Callable[..., PageWorker], path: str) -> None:
    worker = fake()
    one = full(worker)
    browser.live_in("Europe/Berlin")
    browser.open(worker.base + path.format(one=one, disabled=f"{2:032x}"))
    shown = browser.find("time:not(.relative)")
    assert MOMENT.fullmatch(shown.inner_text())
    # No time of day stands alone, but for those along the axis of the chart.
    texts = MOMENT.sub("", browser.run("return document.body.innerText"))
    assert not re.search(r"\d\d:\d\d:\d\d", texts)


def test_the_zone_of_the_chart_and_of_what_is_typed_is_told(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    browser.live_in("Asia/Kolkata")
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.wait_text("A bar is 10 s, times are in GMT+5:30.")
    browser.press("Replay")
    browser.wait_text("From (GMT+5:30)")
    browser.press("Cancel")
    browser.find("[role=slider]").press("End")
    browser.wait_text("GMT+5:30: fired")
    browser.open(f"{worker.base}/#/explain")
    browser.wait_text("Since (GMT+5:30)")


def test_plain_words(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    browser.open(worker.base)
    browser.fill("Per page", "50")
    browser.wait_text("6 hooks")
    worker.missed = {**worker.missed, "records": 1, "since": "2026-11-22T10:00:00.000+00:00"}
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.find("h2", "Missed")
    browser.wait_text("1 record missed while")
    worker.missed = {**worker.missed, "sending": True}
    browser.find("h2", "Catching up")
    browser.wait_text("1 record left to examine.")


def test_how_many_wait_is_told_whichever_tab_is_chosen(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.wait_text("Pending (3)")
    browser.press("Pending")
    browser.wait_text("Run now")
    browser.tab("Requests")
    worker.pending = worker.pending[:1]
    browser.wait_text("Pending (1)")
    worker.pending = []
    browser.wait_gone("Pending (")


def test_a_state_is_told_with_how_long_it_lasts(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    browser.open(worker.base)
    browser.wait_text("failing for 2 h")
    browser.wait_text("paused for 5 min")
    assert "failing since" not in browser.text()
    worker.hooks[f"{2:032x}"].update(failing_since=iso(time.time() + 5))  # its clock is ahead of the browser's
    browser.wait_text("failing for < 1 s")


def test_what_was_given_up_and_sent_again_is_not_denied(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    worker.letters = [{**letter, "state": "delivered"} for letter in worker.letters]
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.find("[role=tab]", "Dead letters").click()
    browser.wait_text("No open dead letters.")
    browser.open(f"{worker.base}/#/dead-letters")
    browser.wait_text("No open dead letters.")
    browser.wait_text("Since (UTC)")
    browser.fill("State", "dropped")
    browser.press("Find")
    browser.wait_text("No dead letter matches.")


def test_no_word_is_broken_in_a_badge(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    browser.open(f"{worker.base}/#/dead-letters")
    browser.find(".badge", "open")
    assert set(
        browser.run("return [...document.querySelectorAll('.badge')].map(one => one.getClientRects().length)")
    ) == {1}
    heights = browser.run("return [...document.querySelectorAll('td .badge')].map(one => one.offsetHeight)")
    assert max(heights) < 30


def test_a_choice_that_was_made_is_not_asked_for(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    worker.missed = {**worker.missed, "records": 2, "since": "2026-11-22T10:00:00.000+00:00"}
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.wait_text("2 records missed while it was disabled.")
    assert "you choose" not in browser.text()
    worker.hooks[one]["status"] = "disabled"
    browser.wait_text("2 records missed while it was disabled. When you enable it, you choose what to do with them.")
    browser.press("Enable")
    browser.wait_text("It missed 2 records since 22 Nov, 10:00:00 UTC.")
    browser.wait_text("Send those from this time on (UTC):")


def test_a_replay_of_nothing_can_not_be_begun(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    worker.matches = 0
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.press("Replay")
    browser.press("Count first")
    browser.wait_text("0 deliveries out of 1,200 records.")
    browser.press("Count first")
    browser.wait_text("0 deliveries out of 1,200 records.")
    assert {body["dry_run"] for _, body in worker.calls("POST", "/replay")} == {True}
