"""Every view of the page in a real Chromium, over made-up data; with a real worker: tests/integration/test_page.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from page_worker import EVIL, PageWorker, full
from support import eventually
from support.browser import Browser

SOURCE = "streamhooks.events:3:1200"


def views(worker: PageWorker) -> dict[str, str]:
    """Each view and a text that is on it when its data is."""
    one = full(worker)
    return {
        "/": "paused for",
        "/#/new": "What it gets",
        f"/#/hooks/{one}": "timeout after 5 s",
        f"/#/hooks/{4:032x}/edit": "Such as issue.created",
        "/#/attempts?event=event.created": "12 requests found",
        "/#/dead-letters": "redriven 1×",
        f"/#/explain?source={SOURCE}": "of another project: 9",
    }


def test_strangers_texts_are_shown_as_text_and_run_nowhere(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    browser.open(worker.base)
    browser.wait_text("<script>document.title=%27pwned%27</script>")
    browser.wait_text(EVIL)  # as a name
    browser.open(f"{worker.base}/#/hooks/{3:032x}")
    browser.find("h1", EVIL)
    assert browser.page.title() == f"{EVIL} · streamhooks"
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.press("Show", 1)
    browser.wait_text(EVIL)
    browser.press("Send a test")
    browser.press("Send it")
    browser.wait_text("X-\\u202eA: <img src=x")
    assert browser.find("dialog[open] pre[aria-label='Response body']").inner_text() == EVIL
    browser.press("Close")
    browser.open(f"{worker.base}/#/dead-letters")
    browser.wait_text(f"an answer of {EVIL}")
    browser.press("Show")
    eventually(lambda: "onerror" in browser.find("dialog[open] pre").inner_text())
    browser.open(f"{worker.base}/#/explain?source={SOURCE}")
    browser.wait_text("of another project: 9")
    assert "<img src=x" in browser.text()
    assert browser.run("return document.images.length") == 1  # the brand
    assert browser.run("return document.scripts.length") == 1
    assert "pwned" not in browser.page.title()
    assert browser.complaints() == []


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


def test_an_injected_script_would_be_blocked(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    browser.open(fake().base)
    browser.wait_text("receiver-1.example.com")
    browser.run(
        "const script = document.createElement('script'); script.textContent = 'document.title = `pwned`';"
        "document.body.append(script)"
    )
    eventually(lambda: any("Content Security Policy" in text for text in browser.complaints()))
    assert "pwned" not in browser.page.title()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_every_view_fits_and_is_readable(
    browser: Browser, fake: Callable[..., PageWorker], width: int, scheme: str
) -> None:
    worker = fake()
    browser.resize(width)
    browser.prefer(scheme)
    for path, text in views(worker).items():
        browser.open(worker.base + path)
        browser.wait_text(text)
        wide = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
        assert browser.run(CONTRASTS) == [], path
        assert browser.run(UNNAMED) == [], path
    assert browser.complaints() == []


#: texts whose contrast with what is behind them is below 4.5 : 1 (WCAG 2.2, 1.4.3); what is disabled does not count
CONTRASTS = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const rgb = (color) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
  .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
  .reduce((sum, one, index) => sum + one * [0.2126, 0.7152, 0.0722][index], 0);
const behind = (node) => {
  for (let one = node; one; one = one.parentElement) {
    const color = rgb(getComputedStyle(one).backgroundColor);
    if (color[3] === 255) return color;
  }
  return [255, 255, 255, 255];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  const text = walker.currentNode.textContent;
  if (!text.trim() || !node.checkVisibility() || node.closest('svg, :disabled, .unseen')) continue;
  const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${node.className} ${text.slice(0, 40)}`);
}
return found;
"""

#: controls that a screen reader has no name for
UNNAMED = """
return [...document.querySelectorAll('a, button, input, select, textarea, [role=slider], dialog')]
  .filter((node) => node.checkVisibility())
  .filter((node) => !(node.getAttribute('aria-label') || node.labels?.length || node.textContent.trim()
    || document.getElementById(node.getAttribute('aria-labelledby'))))
  .map((node) => node.outerHTML.slice(0, 100));
"""


def test_the_token_is_asked_for_and_kept_in_the_tab(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake(token="grüße-a-token")
    browser.open(worker.base)
    browser.fill("API token", "wrong")
    browser.press("Use it")
    eventually(lambda: "not valid" in browser.find("dialog[open]").inner_text())
    assert "receiver-1" not in browser.text()
    worker.token = "the-right-one"
    browser.fill("API token", "the-right-one")
    browser.press("Use it")
    browser.wait_text("receiver-1.example.com")
    browser.page.reload()
    browser.wait_text("receiver-1.example.com")
    assert browser.run("return [localStorage.length, document.cookie]") == [0, ""]
    assert "the-right-one" not in browser.url
    browser.press("Forget token")
    browser.find("dialog[open]", "only with a token")


def test_ten_thousand_hooks(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake(10_000)
    browser.open(worker.base)
    browser.wait_text("10,000 hooks")
    browser.wait_text("per minute")
    assert len(browser.run("return [...document.querySelectorAll('tbody tr')]")) == 25
    # Counts are asked for only of what is on the screen.
    asked = {path.split("/")[3] for path, _ in worker.calls("GET", "/stats")}
    assert 0 < len(asked) < 20
    browser.press("Next")
    browser.wait_text("receiver-26.example.com")
    browser.press("Next")
    browser.wait_text("receiver-51.example.com")
    browser.press("Previous")
    browser.wait_text("receiver-26.example.com")
    browser.page.go_back()
    browser.wait_text("receiver-51.example.com")
    browser.fill("Search", "receiver-9999.")
    browser.wait_text("1 hook")
    browser.wait_text("receiver-9999.example.com")
    assert "q=receiver-9999." in browser.url
    browser.fill("State", "disabled")
    browser.wait_text("No hook matches.")
    limits = {path for path, _ in worker.calls("GET", "/api/hooks?")}
    assert all("limit=25" in path for path in limits)


def test_what_needs_a_person_comes_first_and_filters_combine(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake(8)
    full(worker)
    worker.hooks[f"{6:032x}"].update(name="Orders, live", description="For the shop", organization_id="7")
    worker.hooks[f"{7:032x}"].update(status="disabled", organization_id="7", app_id="billing", project_ids=["3"])
    titles = "return [...document.querySelectorAll('tbody .main a')].map((link) => link.textContent)"
    browser.open(worker.base)
    browser.wait_text("Orders, live")
    browser.wait_text("For the shop")
    urls = {number: worker.hooks[f"{number:032x}"]["url"] for number in (1, 2, 4, 5, 7, 8)}
    by_trouble = [urls[2], urls[1], EVIL, urls[4], urls[5], "Orders, live", urls[8], urls[7]]
    assert browser.run(titles) == by_trouble
    browser.wait_text("disabled by the system")
    browser.fill("Order", "id")
    by_id = [urls[1], urls[2], EVIL, urls[4], urls[5], "Orders, live", urls[7], urls[8]]
    eventually(lambda: browser.run(titles) == by_id)
    assert "sort=id" in browser.url
    browser.fill("Organization", "7")
    browser.wait_text("2 hooks")
    browser.fill("App", "billing")
    browser.fill("Project", "3")
    browser.wait_text("1 hook")
    eventually(lambda: browser.run(titles) == [urls[7]])
    browser.fill("State", "active")
    browser.wait_text("No hook matches.")
    # The address has it all, and what is left out of it is as usual.
    browser.open(browser.url)
    browser.wait_text("No hook matches.")
    browser.open(f"{worker.base}/#/")
    browser.fill("Search", "orders, LIVE")
    eventually(lambda: browser.run(titles) == ["Orders, live"])
    browser.press("Orders, live")
    browser.find("h1", "Orders, live")
    browser.wait_text("For the shop")
    browser.wait_text("https://receiver-6.example.com/hooks/in")
    # A number of the overview leads to the hooks that it counts.
    browser.open(f"{worker.base}/#/")
    browser.find(".overview a", "1").click()
    eventually(lambda: "state=" in browser.url)
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


def test_a_worker_without_the_newer_calls(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake(older=True)
    full(worker)
    browser.open(worker.base)
    browser.wait_text("receiver-1.example.com")
    for path, text in (
        ("#/dead-letters", "This worker can't list dead letters."),
        (f"#/explain?source={SOURCE}", "This worker can't explain records."),
    ):
        browser.open(f"{worker.base}/{path}")
        browser.wait_text(text)
    browser.open(f"{worker.base}/#/hooks/{1:032x}")
    browser.press("Replay")
    browser.press("Count first")
    browser.wait_text("This worker can't replay.")
    browser.open(f"{worker.base}/#/hooks/{2:032x}")
    browser.press("Enable")
    assert browser.page.locator("button", has_text="Replay").is_disabled()  # it is a disabled hook
    browser.find("dialog[open]", "Enable this hook")  # it opens when the worker has answered
    browser.press("Enable")
    eventually(lambda: worker.calls("PUT"))
    assert worker.calls("PUT") == [(f"/api/hooks/{2:032x}", {"status": "active"})]
    assert "Trying again" not in browser.text()


def test_live_until_paused_and_trouble_is_told(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    one = full(worker)
    browser.open(f"{worker.base}/#/hooks/{one}")
    browser.press("Show", 1)
    browser.wait_text(EVIL)
    worker.attempts = [{**worker.attempts[0], "webhook_id": "msg_new", "error": "a new one"}, *worker.attempts]
    browser.wait_text("a new one")
    assert EVIL in browser.text()  # what was unfolded stays so
    worker.failing = 503
    browser.wait_text("the partition is moving. Trying again …")
    worker.failing = None
    browser.wait_gone("Trying again")
    browser.press("Live")
    browser.find("#live", "Paused")
    # What was under way may still end; from then on nothing is asked for, so a resume is what brings the next.
    eventually(lambda: browser.run("return !document.querySelector('#trouble').checkVisibility()"))
    browser.press("Paused")
    before = worker.counted("/requests")
    eventually(lambda: worker.counted("/requests") > before)
    worker.stop()
    browser.wait_text("The worker does not answer. Trying again …")


def test_nothing_comes_from_anywhere_else(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    for path, text in views(worker).items():
        browser.open(worker.base + path)
        browser.find("h1")
        assert browser.hosts() <= {worker.base.removeprefix("http://")}, (path, text)
    assert browser.complaints() == []
