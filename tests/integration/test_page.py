"""The stranger's journey by the page alone: a real worker, a real Kafka, a real receiver, a real Chromium.

With STREAMHOOKS_TEST_SCREENSHOTS=DIR it leaves the pictures of docs/page.md there.
"""

from __future__ import annotations

import os
from pathlib import Path

from installation import Installation, coordinates, event
from support import eventually
from support.browser import Browser

SETTINGS = {"retry_delay": 2, "max_retries": 2}


def picture(browser: Browser, name: str) -> None:
    if folder := os.environ.get("STREAMHOOKS_TEST_SCREENSHOTS"):
        browser.screenshot(Path(folder) / f"{name}.png", whole=False)


def test_a_stranger_finds_the_way_by_the_page_alone(
    browser: Browser, installation: Installation, organization: str
) -> None:
    path = installation.path()
    other = installation.create_hook(organization, project_ids=["12"])
    base = installation.worker.base
    browser.open(base)
    browser.press("Add a hook")
    browser.fill("Organization", organization)
    browser.fill("URL", installation.receiver.url(path))
    browser.press("Add it")
    browser.wait_text("whsec_")
    browser.press("I have it")
    hook_id = eventually(lambda: "/#/hooks/" in browser.url and browser.url[-32:])

    browser.wait_text("2, each after 2 s (the worker's default)")
    installation.produce("events", "11", event(organization))
    eventually(lambda: len(installation.receiver.requests(path)) == 1)
    browser.wait_text("delivered")

    installation.receiver.behave(path, status=500)
    written = installation.produce("events", "11", event(organization))
    browser.wait_text("500")
    browser.press("Pending")
    browser.wait_text("Run now")
    browser.wait_gone("fired 0")
    picture(browser, "hook")

    browser.open(f"{base}/#/explain?source={coordinates(written)}")
    browser.wait_text("the record is of project 11, and it gets those of 12")
    assert other.id in browser.text() or other.path in browser.text()
    picture(browser, "explain")

    browser.open(f"{base}/#/dead-letters")
    browser.fill("Hook", hook_id)
    browser.press("Find")
    eventually(lambda: installation.dead_letters(lambda letter: letter["hook_id"] == hook_id))
    browser.press("Find")
    browser.wait_text("retries used up")
    picture(browser, "dead-letters")
    installation.receiver.behave(path)
    browser.press("Redrive all that match")
    browser.press("Redrive")
    browser.wait_text("1 dead letter sent again")
    (last,) = {request["id"] for request in installation.receiver.requests(path)[1:]}
    eventually(lambda: installation.receiver.requests(path)[-1]["status"] == 200)
    assert installation.receiver.requests(path)[-1]["id"] == last

    browser.open(f"{base}/#/")
    browser.wait_text(path)
    picture(browser, "hooks")
    browser.resize(360)
    picture(browser, "narrow")
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.complaints() == []
