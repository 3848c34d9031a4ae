"""The commands of the documentation are run, page by page, as CONTRIBUTING.md says."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from documented_orders import PAGE as ORDERS
from documented_orders import OrdersTopic
from installation import Installation, coordinates, hook_record
from support import Receiver, eventually
from support.snippets import PAGES, ROOT, Snippet, section, snippets

from streamhooks.dev.guard import dismiss, guard
from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.dev.ports import free_port

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


def write_files(page: Path, folder: Path, placed: Callable[[str], str]) -> None:
    for language in ("python", "yaml", "json", "ini"):
        for file in snippets(page, language):
            if file.mark:
                assert Path(file.mark).name == file.mark
                (folder / file.mark).write_text(placed(file.text))


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


def test_an_order_is_sent_to_one_customer_and_after_a_change_to_the_other(
    documented: DocumentedInstallation, tmp_path: Path
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
    receiver = documented.receiver
    (first,) = {one["body"] for one in receiver.requests("/customer-21")}
    assert first in shown
    (second,) = {one["body"] for one in receiver.requests("/customer-22")}
    assert json.loads(second)["data"]["order_id"] == 5002
    # And the next orders as they come.
    order = json.loads(first)["data"] | {"order_id": 5004}
    documented.orders.write(order | {"total": 100.0})
    documented.orders.write(order | {"total": 101.0})
    eventually(lambda: len({one["body"] for one in receiver.requests("/customer-21")}) == 2)
    assert json.loads(receiver.requests("/customer-21")[-1]["body"])["data"]["total"] == 101.0


class Terminal:
    """A terminal of a reader's; what its commands say is in a file."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._out = folder / f"terminal-{len(list(folder.glob('terminal-*')))}"

    @property
    def text(self) -> str:
        return self._out.read_text()

    def run(self, commands: str) -> str:
        """Run commands to their end, and return what they print."""
        self._start(commands)
        assert self._process.wait(100) == 0, self.text
        return self.text

    def stay(self, commands: str, sign: str) -> None:
        """Run commands of which the last one stays, and wait until it says the sign."""
        first, _, last = commands.strip().rpartition("\n")
        self._start(f"{first}\nexec {last}")
        self._guard = guard(self._process.pid)
        eventually(lambda: sign in self.text or self._process.poll() is not None, 90)
        assert sign in self.text, self.text

    def end(self, number: int = signal.SIGKILL) -> int:
        """End what stays, if it has not ended, and return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(60)
        dismiss(self._guard)
        return code

    def _start(self, commands: str) -> None:
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", commands],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )


def test_from_a_kafka_of_ones_own_to_a_first_webhook(tmp_path: Path) -> None:
    """By the README's words alone, but that the package of these tests is taken as the installed one."""
    readme, title = ROOT / "README.md", "From your Kafka to a first webhook"
    words = readme.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    # Nobody's Kafka makes our topics by itself.
    with EmbeddedKafka.start(settings={"auto.create.topics.enable": "false"}) as kafka, ExitStack() as stack:
        web, listening = free_port(), free_port()
        ports = {"9092": kafka.brokers.rpartition(":")[2], "6066": str(web), "8801": str(listening)}

        def placed(text: str) -> str:
            return re.sub(r"\b(9092|6066|8801)\b", lambda port: ports[port[1]], text)

        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            # The one of a reader is free.
            "STREAMHOOKS_WEB_PORT": str(web),
            "STREAMHOOKS_URL": f"http://127.0.0.1:{web}",
        }
        write_files(readme, tmp_path, placed)
        said: dict[str, str] = {}
        staying: list[Terminal] = []
        for block in section(readme, title):
            if block.language != "sh" or "pip install" in block.text:
                continue
            terminal = Terminal(tmp_path, environment)
            if block.mark != "check":
                said[block.text.strip()] = terminal.run(placed(block.text))
                continue
            (sign,) = [sign for sign in ("Ready", "listening on") if f"`{sign}`" in said_before(words, block)]
            terminal.stay(placed(block.text), sign)
            stack.callback(terminal.end)
            staying.append(terminal)
        worker, listener = staying

        assert said["streamhooks send message order.json"] == "streamhooks.messages:7:0\n"
        assert "`streamhooks.messages:7:0`" in words
        eventually(lambda: listener.text.count("verified") == 2)
        (shown,) = [one.text for one in section(readme, title) if one.language == ""]
        assert without_numbers(shown) in without_numbers(listener.text)

        why = Terminal(tmp_path, environment).run(re.search(r"`(streamhooks explain [^`]+)`", words)[1])
        assert "delivered" in why
        assert listener.end(signal.SIGINT) == 0
        hooks = Terminal(tmp_path, environment).run("streamhooks hooks list --json")
        assert json.loads(hooks) == []
        assert worker.end(signal.SIGTERM) == 0


def said_before(words: str, block: Snippet) -> str:
    """Return the paragraph in front of a block."""
    before, _, _ = words.partition(block.text)
    return before.rpartition("```")[0].rstrip().rpartition("\n\n")[2]


def without_numbers(text: str) -> str:
    return re.sub(r"msg_[0-9a-f]{32}|[0-9-]+T[0-9:.+]+|\d\d:\d\d:\d\d", "…", text)
