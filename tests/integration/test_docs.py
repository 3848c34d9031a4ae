"""The commands of the documentation are run, page by page, as CONTRIBUTING.md says."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from documented_orders import OF_THE_PAGE, OrdersTopic, Stranger
from documented_orders import PAGE as ORDERS
from installation import Installation, coordinates, hook_record
from page_reader import Reader
from support import Receiver, eventually
from support.browser import Browser
from support.snippets import PAGES, ROOT, Snippet, snippets, write_files

#: the hook that the pages speak of
HOOK = "821a45755f7a5fe35160d8bb09fcbc4b"
PREFIX = "streamhooks."


def blocks(page: Path) -> list[Snippet]:
    return [block for block in snippets(page, "sh") if block.mark != "check"]


RUNNABLE = [page for page in PAGES if blocks(page) and page != ORDERS]


class DocumentedInstallation(Installation):
    """An installation with the topic `orders` of the pages."""

    orders: OrdersTopic


@pytest.fixture(scope="module")
def documented(kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentedInstallation]:
    """What the pages take for granted: the default prefix, a worker, a receiver, a hook, a topic of one's own."""
    if "STREAMHOOKS_TEST_BROKERS" in os.environ:
        pytest.skip("the pages use the default prefix, which on a Kafka of others may be somebody's")
    receiver, folder = Receiver(), tmp_path_factory.mktemp("docs")
    orders = OrdersTopic(kafka.brokers, folder)
    settings = {"schema_registry": orders.registry.url, "sources": orders.file}
    one = DocumentedInstallation(kafka.brokers, folder, receiver, partitions=8, **settings)  # the default
    one.prefix, one.orders = PREFIX, orders
    try:
        one.add_worker()
        fields = {"id": HOOK, "format": "standard", "events": ["order.*"], "url": receiver.url()}
        one.produce("hooks", HOOK, hook_record(HOOK, "1", **fields, secret="a-secret-for-development"))
        one.wait_known(HOOK)
        order = {"type": "order.paid", "organization_id": "1", "data": {"order": 41, "total": 120}}
        assert coordinates(one.produce("messages", "1", order)) == f"{PREFIX}messages:7:0"
        eventually(lambda: receiver.requests("/hook"))
        yield one
    finally:
        one.end(show_logs=False)
        receiver.stop()
        orders.end()


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_the_commands_of_a_page(documented: DocumentedInstallation, page: Path, tmp_path: Path) -> None:
    run(documented, page, tmp_path)


def run(documented: DocumentedInstallation, page: Path, folder: Path) -> str:
    addresses = {
        "127.0.0.1:9092": documented.brokers,
        "127.0.0.1:6066": documented.worker.base.removeprefix("http://"),
        "127.0.0.1:8801": documented.receiver.base.removeprefix("http://"),
        "127.0.0.1:8081": documented.orders.registry.url.removeprefix("http://"),
    }

    def placed(text: str) -> str:
        for written, real in addresses.items():
            text = text.replace(written, real)
        return text

    write_files(page, folder, placed)
    (folder / ".curlrc").write_text("fail\nshow-error\nmax-time = 20\n")
    script = ["set -euo pipefail"]
    for block in blocks(page):
        script += [f"echo {shlex.quote(f'--- {block}')} >&2", placed(block.text)]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "CURL_HOME": str(folder),
        "LANG": "C.UTF-8",
        "STREAMHOOKS_BROKERS": documented.brokers,
        "STREAMHOOKS_URL": documented.worker.base,
    }
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_the_messages_of_the_readme_arrive(documented: DocumentedInstallation, tmp_path: Path) -> None:
    documented.receiver.forget()
    documented.receiver.learn("/hook", "a-secret-for-development")
    run(documented, ROOT / "README.md", tmp_path)
    wanted = json.loads((tmp_path / "order.json").read_text())

    def arrived() -> bool:
        verified = [one for one in documented.receiver.requests("/hook") if one["verified"]]
        bodies = [json.loads(one["body"]) for one in verified]
        return [(one["type"], one["data"]) for one in bodies] == [(wanted["type"], wanted["data"])] * 2

    eventually(arrived)


@pytest.fixture
def received(documented: DocumentedInstallation) -> Iterator[Callable[[str], list[Any]]]:
    """Return the bodies that a customer of the pages has got; its hooks are deleted at the end."""
    documented.receiver.forget()
    yield lambda customer: [one["body"] for one in documented.receiver.requests(f"/customer-{customer}")]
    for customer in ("21", "22"):
        for hook in documented.api.get("/api/hooks", organization_id=customer).json["hooks"]:
            assert documented.api.delete(f"/api/hooks/{hook['id']}").status == 204


# Before the test that writes more orders.
def test_the_same_orders_are_sent_on_the_page(
    documented: DocumentedInstallation, received: Callable[[str], list[Any]], browser: Browser
) -> None:
    stranger, reader = Stranger(browser, OF_THE_PAGE), Reader(browser)
    press, fill = stranger.press, stranger.fill

    def orders(customer: str) -> list[int]:
        return [json.loads(body)["data"]["order_id"] for body in received(customer)]

    def replay() -> None:
        press("Replay …")
        press("Count first")
        browser.wait_text("1 delivery out of ")
        press("Send 1 delivery")
        sent = ["1 replay", "delivered", "200"]
        eventually(lambda: [row[2:5] for row in reader.rows("Latest requests")] == [sent])

    def explain() -> None:
        press("Explain")
        fill("Record", "orders:0:1")
        press("Explain the record")
        browser.wait_text("1 hook did not match")

    browser.resize(1000, 1280)
    browser.open(documented.worker.base)
    for customer, passing in (("21", 1), ("22", 0)):
        press("Hooks")
        press("Add a hook")
        fill("Organization", customer)
        fill("URL", documented.receiver.url(f"/customer-{customer}"))
        fill("Events", "order.paid")
        fill("Filter", "message.data.total > 100")
        press("Try it")
        browser.wait_text(f"It lets {passing} of the latest 1 message pass.")
        if not passing:
            browser.wait_text("orders:0:1: it is false")
            reader.picture("filter")
        press("Add it")
        press("I have it")
        browser.wait_text("Nothing has been sent to this hook yet.")
        reader.step(f"hook-{customer}")
        if passing:
            replay()
    press("Replay …")
    press("Count first")
    browser.wait_text("0 deliveries out of ")
    reader.step("no-deliveries")
    press("Cancel")
    assert (orders("21"), orders("22")) == ([5001], [])

    explain()
    browser.wait_text("it subscribed to order.paid, but its filter keeps it back: it is false")
    reader.step("kept-back")
    browser.press(documented.receiver.url("/customer-22"))
    press("Edit")
    fill("Filter", "message.data.total > 50")
    press("Try it")
    browser.wait_text("It lets 1 of the latest 1 message pass.")
    press("Save")
    replay()
    assert (orders("21"), orders("22")) == ([5001], [5002])
    explain()
    browser.wait_text("only a replay can send this record")
    browser.wait_text("attempt 1 replay delivered 200")
    reader.step("replayed-later")

    press("Send")
    fill("Type", "order.paid")
    fill("Organization", "22")
    fill("Data (JSON)", '{"order_id": 5003, "total": 60.0}')
    press("Send it")
    browser.wait_text("order.paid as streamhooks.messages:")
    eventually(lambda: orders("22") == [5002, 5003])
    browser.resize(1000, 930)
    reader.picture("send")
    assert browser.complaints() == []
    assert stranger.named - stranger.done == set()


def test_an_order_is_sent_to_one_customer_and_after_a_change_to_the_other(
    documented: DocumentedInstallation, received: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    said = run(documented, ORDERS, tmp_path)
    shown = {block.text.strip() for block in snippets(ORDERS, "")}
    outcome, skipped = (
        next(text for text in shown if text.startswith(begin)) for begin in ("orders: the", "orders: s")
    )
    assert outcome in said
    assert skipped in said
    assert "its filter keeps it back: it is false" in said
    assert said.count("delivered") == 2
    (first,) = set(received("21"))
    assert first in shown
    (second,) = set(received("22"))
    assert json.loads(second)["data"]["order_id"] == 5002
    # And the next orders as they come.
    order = json.loads(first)["data"] | {"order_id": 5004}
    documented.orders.write(order | {"total": 100.0})
    documented.orders.write(order | {"total": 101.0})
    eventually(lambda: len(set(received("21"))) == 2)
    assert json.loads(received("21")[-1])["data"]["total"] == 101.0
