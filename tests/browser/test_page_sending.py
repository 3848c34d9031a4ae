"""A message is sent from the page."""

from __future__ import annotations

from collections.abc import Callable

from page_data import full
from page_worker import PageWorker
from support.browser import Browser


def test_a_message_is_sent_and_leads_to_its_explanation(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    browser.open(worker.base)
    browser.press("Send")
    browser.find("h1", "Send a message")
    browser.fill("Type", "order.paid")
    browser.press("Send it")
    browser.wait_text("must be an id (a text or an integer)")
    assert browser.focused().get_attribute("id") == "field-organization_id"
    browser.fill("Organization", " 1 ")
    browser.fill("Data (JSON)", '{"total": 129.50')
    browser.press("Send it")
    browser.wait_text("This is not JSON: ")
    assert browser.focused().get_attribute("id") == "field-data"
    assert len(worker.calls("POST")) == 1
    browser.fill("Data (JSON)", '{"total": 129.50}')
    browser.press("Send it")
    browser.wait_text("order.paid as streamhooks.messages:3:0")
    assert worker.bodies[-1] == b'{"type":"order.paid","organization_id":"1","data":{"total": 129.50}}'
    browser.fill("Project", "7")
    browser.fill("Your own id", "order-42")
    browser.press("Send it")
    browser.wait_text("order.paid as streamhooks.messages:3:1")
    assert worker.calls("POST")[-1] == (
        "/api/messages",
        {"type": "order.paid", "organization_id": "1", "project_id": "7", "id": "order-42", "data": {"total": 129.5}},
    )
    assert [text for text in browser.complaints() if "status of 400" not in text] == []
    browser.press("streamhooks.messages:3:1")
    browser.wait_text("of another project: 9")
    assert browser.url.endswith("#/explain?source=streamhooks.messages%3A3%3A1")


def test_what_became_of_a_message_that_is_not_confirmed(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    browser.open(f"{worker.base}/#/send")
    browser.fill("Type", "order.paid")
    browser.fill("Organization", "1")
    for state, told in (
        ("unknown", "It may be written all the same, now or later."),
        ("refused", "It is not written."),
    ):
        one = {"id": None, "status": state, "coordinates": None, "error": "<b>why</b>"}
        worker.messages.failure = 503, {"detail": "1 of 1", "maybe_applied": True, "messages": [one]}
        browser.press("Send it")
        browser.wait_text(f"<b>why</b>. {told}")
    worker.messages.failure = 403, {"detail": "this token may only read"}
    browser.press("Send it")
    browser.wait_text("this token may only read")
    worker.older = True
    browser.press("Send it")
    browser.wait_text("This worker can't send messages.")
    assert "streamhooks.messages" not in browser.text()
