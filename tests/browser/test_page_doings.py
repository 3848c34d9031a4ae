"""What can be done on the page: with hooks, what they missed, and dead letters; made-up data in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

from page_data import full
from page_worker import PageWorker
from support import eventually
from support.browser import Browser

SOURCE = "streamhooks.events:3:1200"


def test_a_test_has_the_event_and_the_body_that_are_chosen(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    path = f"/api/hooks/{4:032x}/test"
    browser.open(f"{worker.base}/#/hooks/{4:032x}")
    browser.press("Send a test")
    body = browser.find("dialog[open] textarea")
    eventually(lambda: body.input_value() == '{\n  "sample of": "issue.created"\n}')
    browser.fill("Event", "issue.resolved")
    eventually(lambda: body.input_value() == '{\n  "sample of": "issue.resolved"\n}')
    browser.fill("Body", '{"mine": 1.50}')
    browser.fill("Event", "issue.created")
    eventually(lambda: worker.calls("GET", path)[-1] == (f"{path}?event=issue.created", None))
    browser.press("Send it")
    for text in ("500", "in 12 ms", "neither counted nor retried", "msg_test", "http://e.test/in", "X-Key: ********",
                 '"sent": 1', "Set-Cookie: b\\u2028c"):  # fmt: skip
        browser.wait_text(text)
    # What was edited stays, with its numbers as they are written; and the next one can be sent at once.
    assert worker.calls("POST") == [(path, {"event": "issue.created", "body": {"mine": 1.5}})]
    assert worker.bodies[-1] == b'{"event":"issue.created","body":{"mine": 1.50}}'
    browser.press("Reset to the sample")
    eventually(lambda: body.input_value() == '{\n  "sample of": "issue.created"\n}')
    browser.fill("Body", "{mine}")
    browser.press("Send it")
    browser.wait_text("The body is not JSON")
    assert len(worker.calls("POST")) == 1
    browser.press("Close")
    browser.wait_gone("Body (JSON)")
    assert browser.complaints() == []


def test_with_the_keyboard_alone(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    browser.open(worker.base)
    browser.wait_text("receiver-1.example.com")
    browser.keys("Tab")
    assert browser.focused().inner_text() == "Skip to the content"
    outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    browser.keys("Enter")
    assert browser.run("return document.activeElement.id") == "main"
    for _ in range(20):
        browser.keys("Tab")
        if "receiver-1.example.com" in browser.focused().inner_text():
            break
    browser.keys("Enter")
    browser.wait_text("timeout after 5 s")
    assert browser.run("return document.activeElement.tagName") == "H1"
    # The tabs with arrows, a dialog with Tab, Enter and Escape; the focus comes back.
    browser.find("[role=tab][aria-selected=true]").press("ArrowRight")
    browser.wait_text("Run now")
    for _ in range(30):
        browser.keys("Tab")
        if browser.focused().inner_text() == "Drop":
            break
    browser.keys("Enter")
    browser.find("dialog[open]", "Drop this call?")
    browser.keys("Escape")
    eventually(lambda: browser.focused().inner_text() == "Drop")
    assert not worker.calls("DELETE")
    browser.keys("Enter")
    browser.find("dialog[open]", "Drop this call?")
    assert browser.focused().inner_text() == "Drop it"
    browser.keys("Enter")
    eventually(lambda: worker.calls("DELETE") == [(f"/api/hooks/{one}/pending/msg_0", None)])
    # The chart tells its points.
    plot = browser.find("[role=slider]")
    plot.press("End")
    plot.press("ArrowLeft")
    assert "delivered" in plot.get_attribute("aria-valuetext")
    assert plot.get_attribute("aria-valuenow") != plot.get_attribute("aria-valuemax")


def test_what_can_be_done_with_a_hook(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    path = f"/api/hooks/{one}"
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.press("7 days")
    eventually(lambda: worker.calls("GET", "resolution=1h"))
    browser.press("90 days")
    eventually(lambda: worker.calls("GET", "resolution=1d"))

    browser.press("Pending")
    browser.press("Run now")
    browser.wait_text("It runs now")
    assert worker.calls("POST") == [(f"{path}/pending/msg_0/retry", None)]

    browser.press("Rotate secret")
    browser.press("Rotate")
    browser.wait_text("whsec_rotated")
    browser.press("I have it")
    browser.wait_gone("whsec_rotated")

    browser.press("Disable")
    browser.press("Disable")
    eventually(lambda: (path, {"status": "disabled"}) in worker.calls("PUT"))
    worker.missed = {**worker.missed, "records": 12, "since": "2026-11-22T10:00:00.000+00:00"}
    browser.press("Enable")
    browser.wait_text("It missed 12 records")
    eventually(lambda: browser.run("return document.querySelector('dialog [type=submit]')?.disabled"))
    browser.fill("Send all", "")
    browser.press("Enable")
    eventually(lambda: worker.calls("PUT")[-1] == (path, {"status": "active", "resume": "all"}))

    browser.press("Delete")
    browser.press("Delete")
    browser.find("h1", "Hooks")
    eventually(lambda: (path, None) in worker.calls("DELETE"))


def test_replay_counts_first_and_can_be_stopped(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.press("Replay")
    browser.press("Count first")
    browser.wait_text("37 deliveries out of 1,200 records.")
    asked = worker.calls("POST", "/replay")
    assert [body["dry_run"] for _, body in asked] == [True]
    assert asked[0][1]["topics"] == ["events", "alerts"]
    # Another question must be counted anew.
    browser.fill("alerts", "")
    browser.press("Count first")
    browser.press("Send 37 deliveries")
    browser.wait_text("1,200 records left to examine.")
    dry, begun = (body for _, body in worker.calls("POST", "/replay")[-2:])
    assert dry == {**begun, "dry_run": True}
    assert begun["topics"] == ["events"]
    worker.missed = {**worker.missed, "records": 300}
    browser.wait_text("300 records left")
    assert browser.run("return document.querySelector('progress').value") == 900
    browser.press("Stop the replay")
    browser.wait_gone("Catching up")
    assert worker.calls("DELETE") == [(f"/api/hooks/{one}/replay/r1", None)]


def test_a_replay_of_a_message_hook_is_of_all_topics_that_can_fire_it(
    browser: Browser, fake: Callable[..., PageWorker]
) -> None:
    worker = fake()
    one = full(worker)
    worker.hooks[one]["format"] = "standard"
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.press("Replay")
    browser.press("Count first")
    browser.wait_text("37 deliveries out of 1,200 records.")
    ((_, asked),) = worker.calls("POST", "/replay")
    assert "topics" not in asked


def test_dead_letters_are_found_and_sent_again(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    browser.open(f"{worker.base}/#/dead-letters")
    browser.wait_text("503 after 6 attempts")
    browser.fill("Reason contains", "404")
    browser.press("Find")
    browser.wait_gone("503 after 6 attempts")
    browser.press("Redrive all that match")
    browser.wait_text("2 dead letters would be sent again, 1 skipped")
    browser.fill("Also those", "")
    browser.press("Redrive")
    browser.wait_text("2 dead letters sent again")
    sent = [body for path, body in worker.calls("POST") if path == "/api/dead-letters/redrive"]
    assert [body.get("dry_run", False) for body in sent] == [True, True, False]
    assert sent[-1] == {"reason": "404", "force": True}
    browser.find("[aria-label='Choose 2:42']").click()
    browser.press("Redrive 1 chosen")
    eventually(lambda: worker.calls("POST")[-1][1] == {"letters": ["2:42"]})


def test_dead_letters_are_dropped(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    browser.open(f"{worker.base}/#/dead-letters")
    browser.wait_text(worker.hooks[one]["url"])
    browser.find("[aria-label='Choose 0:40']").click()
    browser.press("Drop 1 chosen")
    browser.wait_text("1 dead letter dropped")
    eventually(lambda: worker.calls("POST")[-1] == ("/api/dead-letters/drop", {"letters": ["0:40"]}))
    browser.fill("Organization", "1")
    browser.press("Find")
    browser.press("Drop all that match")
    browser.wait_text("2 dead letters would be dropped")
    browser.press("Drop")
    eventually(lambda: worker.calls("POST")[-1] == ("/api/dead-letters/drop", {"organization_id": "1"}))


def test_a_new_hook_and_one_that_is_changed(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    browser.open(worker.base)
    browser.press("Add a hook")
    browser.fill("Organization", "7")
    browser.press("Add it")
    browser.wait_text("must be http or https")
    assert browser.focused().get_attribute("id") == "field-url"
    assert worker.calls("POST")[-1] == (
        "/api/hooks",
        {"organization_id": "7", "url": "", "events": [], "project_ids": [], "format": "standard"},
    )
    browser.fill("Events and alerts", "")
    assert browser.all("label").filter(has_text="Filter").count() == 0  # only message hooks have one
    browser.fill("Changes of resources", "")
    browser.fill("App", "billing")
    browser.fill("URL", "https://example.com/in")
    browser.fill("Events", "issue.created, comment")
    browser.fill("Projects", "3 4")
    browser.press("More")
    browser.fill("Custom headers", "X-Tenant: a:b")
    browser.fill("Name", " Orders ")
    browser.fill("Seconds before", "10, 60")
    browser.press("Add it")
    browser.wait_text("whsec_shown-once")
    assert worker.calls("POST")[-1] == (
        "/api/hooks",
        {
            "organization_id": "7", "app_id": "billing", "name": "Orders", "url": "https://example.com/in",
            "project_ids": ["3", "4"],
            "headers": {"X-Tenant": "a:b"}, "retry_schedule": [10, 60], "events": ["issue.created", "comment"],
        },
    )  # fmt: skip
    browser.keys("Escape")  # Escape does not close what is shown only once
    browser.wait_text("whsec_shown-once")
    browser.press("I have it")
    browser.wait_text("https://example.com/in")
    browser.find("h1", "Orders")
    browser.press("Edit")
    browser.press("More")
    browser.fill("Timeout", "soon")
    browser.fill("Name", "")
    browser.fill("Description", "For the shop")
    browser.press("Save")
    eventually(lambda: worker.calls("PUT"))
    assert worker.calls("PUT")[-1][1] == {"timeout": "soon", "name": None, "description": "For the shop"}


def test_a_filter_is_tried_before_it_is_saved(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    browser.open(worker.base)
    browser.press("Add a hook")
    browser.fill("Filter", "message.data.total >")
    browser.press("Try it")
    browser.wait_text("Give an organization first.")
    assert worker.calls("POST") == []
    browser.fill("Organization", "7")
    browser.fill("Events", "order.paid")
    browser.fill("Projects", "3")
    browser.press("Try it")
    browser.wait_text("position 21: mismatched input 'the end'")
    tried = [
        {"source": f"orders:0:{offset}", "timestamp": None, "type": "a", "verdict": verdict, "why": why}
        for offset, verdict, why in (
            (9, "match", ""),
            (8, "no_match", "<b>there is no total</b>"),
            (7, "no_match", "<b>there is no total</b>"),
            (6, "failed", "No such overload"),
        )
    ]
    worker.tried = {"match": 1, "no_match": 2, "failed": 1, "tried": tried}
    browser.fill("Filter", "message.data.total > 100")
    browser.press("Try it")
    browser.wait_text("It lets 1 of the latest 4 messages pass. 1 would be dead letters.")
    browser.wait_text("orders:0:8 and 1 more: <b>there is no total</b>")
    browser.wait_text("orders:0:6: can't be evaluated: No such overload")
    wanted = {
        "filter": "message.data.total > 100", "organization_id": "7", "project_ids": ["3"], "events": ["order.paid"],
    }  # fmt: skip
    assert worker.calls("POST")[-1] == ("/api/filters/try", wanted)
    browser.fill("URL", "https://example.com/in")
    browser.press("Add it")
    browser.wait_text("whsec_shown-once")
    assert worker.calls("POST")[-1][1]["filter"] == "message.data.total > 100"
