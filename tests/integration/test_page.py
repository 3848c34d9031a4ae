"""A hook from its first event to its last by the page alone: what is shown is what its receiver got.

With STREAMHOOKS_TEST_SCREENSHOTS=DIR it leaves the pictures of docs/page.md there, and one of each step in DIR/steps.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest
from installation import Installation, coordinates, event
from page_reader import COUNTED, MOMENT, Reader, eventually
from support.browser import Browser

TASK = "streamhooks.process_service_hook"
SECRET = "This is the secret of the hook. It is not shown again: give it to the receiver, or keep it."


@pytest.mark.timeout(900)
def test_a_hook_by_the_page_alone(browser: Browser, installation: Installation, organization: str) -> None:
    reader, receiver, press, fill = Reader(browser), installation.receiver, browser.press, browser.fill
    path, path_of_other = installation.path(), installation.path()
    url, url_of_other = receiver.url(path), receiver.url(path_of_other)

    def send() -> str:
        """Write an event of project 11; return where it lies."""
        return coordinates(installation.produce("events", "11", event(organization)))

    def got(count: int) -> list[str]:
        """Wait until the receiver got so many requests in all; return their ids, oldest first. Each was verified."""
        eventually(lambda: len(receiver.requests(path)) >= count)
        found = receiver.requests(path)
        assert len(found) == count
        assert all(one["verified"] for one in found)
        return [one["id"] for one in found]

    def add(url: str, project: str, retries: str) -> str:
        """Add a hook; return its id."""
        press("Add a hook")
        fill("Organization", organization)
        fill("Events and alerts of a project", "")
        fill("URL", url)
        fill("Projects", project)
        press("More")
        fill("Seconds before each retry", retries)
        reader.step("form")
        press("Add it")
        reader.dialog("The hook was added", SECRET)
        reader.step("added")
        (secret,) = re.findall(r"whsec_\S+", browser.page.get_by_role("dialog").inner_text())
        press("I have it")
        browser.wait_text("Nothing has been sent to this hook yet.")
        receiver.learn(browser.url[-32:], secret)
        return browser.url[-32:]

    # Add a hook, and one of another project.
    browser.open(installation.worker.base)
    browser.wait_text("There are no hooks yet. Add the first one.")
    idle = {"failing": "0", "breakers_open": "0", "pending_here": "0", "oldest_undelivered": "none"}
    reader.overview(active="0", disabled="0", **idle)
    add(url_of_other, "12", "")
    browser.wait_text("5, each after 300 s (the worker's default)")
    press("← All hooks")
    hook_id = add(url, "11", "1, 600")
    browser.wait_text("after 1 s, 600 s")
    browser.wait_text(COUNTED)
    reader.counts(0, 0, 0)
    reader.step("new")

    # Send: a test, and two events.
    press("Send a test")
    reader.dialog("A test is sent once, now. It is listed as a test, and neither counted nor retried.")
    press("Send it")
    eventually(lambda: re.search(r"delivered 200 in \d+ ms", browser.page.get_by_role("dialog").inner_text()))
    reader.step("test")
    press("Close")
    sources = [send(), send()]
    test, *ids = got(3)
    delivered = ["1 | delivered | 200", "1 | delivered | 200", "1 test | delivered | 200"]
    reader.attempts(*delivered)
    reader.counts(2, 2, 0)
    press("Show")
    browser.wait_text(ids[1])
    browser.wait_text(sources[1])
    browser.wait_text("Only the bodies of failures are kept.")
    reader.step("sent")
    press("Hide")

    # Break: it is tried again after a second, and waits for its next attempt.
    receiver.behave(path, status=503)
    source = send()
    *_, broken, retried = got(5)
    assert retried == broken
    failed = ["2 | retried | 503", "1 | retried | 503"]
    reader.attempts(*failed, *delivered)
    reader.counts(4, 2, 2)
    browser.wait_text("Pending (1)")
    browser.tab("Pending (1)")
    (waits,) = eventually(lambda: reader.rows("Pending calls"))
    assert re.fullmatch(r"in (9|1[012]) min", waits[0])
    assert waits[1:] == ["event.created", "3", "retry", "503", source, "Run now Drop"]
    eventually(lambda: re.search(r"\nfailing for \d+ s\n", browser.text()))
    reader.step("waits")
    reader.picture("hook")

    # Why did the other hook get nothing?
    press(source)
    browser.wait_text("1 hook did not match")
    shown = "\n".join(filter(None, browser.text().splitlines()))
    assert f"\n1 hook matched\nmatched {url}\nit subscribed to event.created\nwebhook-id {broken}\n" in shown
    assert f"\nnot matched {url_of_other}\nthe record is of project 11, and it gets those of 12" in shown
    assert re.findall(rf"{MOMENT} (attempt \d) (\w+) (\d+), \d+ ms", shown) == [
        ("attempt 1", "retried", "503"),
        ("attempt 2", "retried", "503"),
    ]
    assert re.search(r"pending attempt 3 \(retry\), due in (9|1[012]) min", shown)
    reader.step("explained")
    reader.picture("explain")
    press("Hooks")
    busy = {"failing": "1", "pending_here": "1", "oldest_undelivered": r"\d+ s"}
    reader.overview(active="2", disabled="0", **(idle | busy))
    press(url)

    # Run it now: it is given up, as is what is answered with 404.
    browser.tab("Pending")
    press("Run now")
    browser.wait_text("It runs now")
    press("Close")
    browser.tab("Requests")
    assert got(6)[-1] == broken
    failed.insert(0, "3 | dead | 503")
    reader.attempts(*failed, *delivered)
    browser.wait_gone("Pending (1)")
    receiver.behave(path, status=404)
    refused_at = send()
    refused = got(7)[-1]
    failed.insert(0, "1 | dead | 404")
    reader.attempts(*failed, *delivered)
    reader.counts(6, 2, 4)
    reader.step("given-up")
    press("Dead letters")
    browser.wait_text("Calls that failed after the last retry")
    reader.shows(
        "Dead letters",
        f" | T | open | status 404 | {url} | {TASK} | 1 | 404 | {refused_at} | Show Redrive Drop",
        f" | T | open | retries used up: status 503 | {url} | {TASK} | 3 | 503 | {source} | Show Redrive Drop",
    )
    reader.step("letters")
    reader.picture("dead-letters")

    # Mend, and redrive: each is sent once.
    receiver.behave(path)
    browser.wait_text("State")
    fill("Hook (id)", hook_id)
    press("Find")
    press("Redrive all that match")
    reader.dialog("2 dead letters would be sent again.")
    reader.step("redrive")
    press("Redrive")
    browser.wait_text("2 dead letters sent again")
    assert set(got(9)[-2:]) == {broken, refused}
    browser.wait_text("No dead letter matches.")
    fill("State", "delivered")
    press("Find")
    eventually(lambda: [row[2] for row in reader.rows("Dead letters")] == ["delivered", "delivered"])
    assert {row[6] for row in reader.rows("Dead letters")} == {"1 redriven 1×", "3 redriven 1×"}
    reader.step("redriven")
    press("Hooks")
    press(url)
    eventually(lambda: {row[2] for row in reader.rows("Latest requests")[:2]} == {"4 redrive", "2 redrive"})
    redriven = [" | ".join(row[2:5]) for row in reader.rows("Latest requests")[:2]]
    assert {one.partition(" | ")[2] for one in redriven} == {"delivered | 200"}
    reader.attempts(*redriven, *failed, *delivered)
    reader.counts(8, 4, 4)
    browser.wait_text("\nactive\n")
    reader.step("mended")

    # Replay: all four records once more, with the ids that they had.
    press("Replay")
    press("Count first")
    reader.dialog("4 deliveries out of 4 records.")
    reader.step("replay")
    press("Send 4 deliveries")
    browser.wait_text("The replay of 4 records has started")
    assert sorted(got(13)[-4:]) == sorted([*ids, broken, refused])
    replayed = ["1 replay | delivered | 200"] * 4
    reader.attempts(*replayed, *redriven, *failed, *delivered)
    browser.wait_gone("Catching up")
    reader.counts(8, 4, 4)
    reader.step("replayed")

    # Rotate the secret: the receiver knows the new one alone.
    press("Rotate secret")
    reader.dialog("Rotate the secret?")
    reader.step("rotate")
    press("Rotate")
    reader.dialog("The new secret", SECRET)
    (fresh,) = re.findall(r"whsec_\S+", browser.page.get_by_role("dialog").inner_text())
    receiver.learn(hook_id, fresh)
    press("I have it")
    eventually(lambda: re.search(rf"Replaced secrets sign until\s+{MOMENT}", browser.text()))
    send()
    got(14)
    reader.counts(9, 5, 4)
    reader.step("rotated")

    # Disable: what comes now is missed.
    press("Disable")
    reader.dialog("Disable this hook?")
    reader.step("disable")
    press("Disable")
    browser.wait_text("\ndisabled\n")
    send(), send()
    told = "2 records missed while it was disabled."
    browser.wait_text(f"{told} When you enable it, you choose what to do with them.")
    got(14)
    reader.step("missed")

    # Resume.
    press("Enable")
    reader.dialog("Enable this hook", "Skip them", "Send all", "Send those from this time on (UTC):")
    shown = browser.page.get_by_role("dialog").inner_text()
    assert re.search(rf"It missed 2 records since {MOMENT}\.", shown)
    reader.step("enable")
    fill("Send all", "")
    press("Enable")
    browser.wait_text("\nactive\n")
    resumed = ["1 resume | delivered | 200"] * 2
    got(16)
    reader.attempts(*resumed, "1 | delivered | 200", *replayed, *redriven, *failed, *delivered)
    browser.wait_gone("missed while it was disabled")
    reader.counts(11, 7, 4)
    reader.step("resumed")

    # In all: what is shown is what the receiver got, each as often as it came.
    details = browser.page.get_by_role("button", name="Details of attempt")
    names = details.evaluate_all("nodes => nodes.map(node => node.ariaLabel)")
    assert Counter(re.findall(r"msg_\w+", " ".join(names))) == Counter(got(16))
    assert test in " ".join(names)
    press("Hooks")
    reader.overview(active="2", disabled="0", **idle)
    of_hook = f"{url} service hook · organization {organization} · event.created · {hook_id[:8]}…"
    eventually(lambda: [of_hook, "active", "1.1 per minute", "4", "none"] in reader.rows("Hooks"))
    reader.step("hooks")
    reader.picture("hooks")
    browser.resize(360)
    reader.picture("narrow")
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    browser.resize(1280)
    press(url)
    press("Delete")
    reader.dialog("Delete this hook?")
    press("Delete")
    browser.wait_text("1 hook\n")
    assert receiver.requests(path_of_other) == []
    assert browser.complaints() == []
