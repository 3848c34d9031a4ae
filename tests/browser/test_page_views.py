"""Every view of the page in a real Chromium, over made-up data; with a real worker: tests/integration/test_page.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from page_data import EVIL, full
from page_worker import PageWorker
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
        "/#/send": "Send it",
        "/#/tasks": "billing.close_month",
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
    browser.press("Close")
    browser.open(f"{worker.base}/#/tasks")
    browser.wait_text(f"shop.{EVIL}")
    browser.press("Show")
    eventually(lambda: "onerror" in browser.find("dialog[open] pre[aria-label='Arguments']").inner_text())
    browser.press("Close")
    browser.open(f"{worker.base}/#/explain?source={SOURCE}")
    browser.wait_text("of another project: 9")
    assert "<img src=x" in browser.text()
    assert browser.run("return document.images.length") == 1  # the brand
    assert browser.run("return document.scripts.length") == 1
    assert "pwned" not in browser.page.title()
    assert browser.complaints() == []


def test_a_record_that_fires_nothing_says_why(browser: Browser, fake: Callable[..., PageWorker]) -> None:
    worker = fake()
    full(worker)
    worker.explained = {
        **(worker.explained or {}),
        "record": {},
        "hooks": [],
        "skipped": "skipped by when: it is false",
    }
    browser.open(f"{worker.base}/#/explain?source=orders:3:1200")
    browser.wait_text("skipped by when: it is false")
    assert "did not match" not in browser.text()


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
