"""The demo. With STREAMHOOKS_TEST_SCREENSHOTS=DIR it leaves the picture of README.md there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support import consume_all, ended, eventually
from support.browser import Browser

DEMO = [sys.executable, "-c", "from streamhooks.cli import main; main()", "dev", "--plain"]


class Running:
    """A demo in a process of its own, its output in files, its temporary files below a folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self._out = folder / f"out-{len(list(folder.iterdir()))}"
        environment = {"TMPDIR": str(self.temporary), "HOME": str(Path.home()), "STREAMHOOKS_PARTITIONS": "wrong"}
        with self._out.open("wb") as out:
            self.process = subprocess.Popen([*DEMO, *options], stdout=out, stderr=out, env=environment)
        self._children: set[int] = set()

    @property
    def text(self) -> str:
        return self._out.read_text()

    def see(self, wanted: str) -> re.Match[str]:
        def look() -> re.Match[str] | None:
            self._note_children()
            assert self.process.poll() is None or re.search(wanted, self.text), self.text
            return re.search(wanted, self.text)

        return eventually(look, timeout=90)

    def wait(self) -> int:
        def ended_itself() -> bool:
            self._note_children()
            return self.process.poll() is not None

        eventually(ended_itself, timeout=90)
        return self.process.returncode

    def left(self) -> list[int]:
        """Return the processes that it started and that still run."""
        return [pid for pid in self._children if not ended(pid)]

    @property
    def children(self) -> int:
        return len(self._children)

    def _note_children(self) -> None:
        try:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                self._children.add(child.pid)
        except psutil.NoSuchProcess:
            pass


@pytest.fixture
def demo(tmp_path):
    started = []

    def start(*options: str) -> Running:
        started.append(Running(tmp_path, *options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        print(one.text)


def numbers(text: str) -> dict[str, int]:
    return {name: int(number) for name, number in re.findall(r"\b([a-z-]+) (\d+)\b", text)}


def test_it_shows_everything_and_leaves_nothing_behind(demo, browser: Browser):
    pictures = os.environ.get("STREAMHOOKS_TEST_SCREENSHOTS")
    running = demo("--duration", "100" if pictures else "15", "--rate", "20")
    running.see(r"large-orders +standard: order\.paid if data\.total > 100 +answers 200")
    page = running.see(r"worker-1 +(http://\S+)")[1]
    if pictures:
        running.see(r" 6\d s  produced")
    browser.open(page)
    for path in ("/orders", "/large-orders", "/warehouse", "/crm", "/refunds", "/errors", "/pager", "/tracker"):
        browser.wait_text(path)
    if pictures:
        browser.resize(1100, 790)
        browser.screenshot(Path(pictures) / "overview.png", whole=False)
    assert browser.complaints() == []
    assert running.wait() == 0
    counted = numbers(running.text.partition("stopping")[2])
    kinds = ("messages", "events", "alerts", "resource-changes")
    for name in ("produced", *kinds, "delivered", "retried", "counted", "verified"):
        assert counted[name] > 0, name
    assert counted["unverified"] == 0
    assert counted["dead"] > 0
    assert len(re.findall(r"^ +\d+ s  produced", running.text, re.MULTILINE)) >= 5
    assert running.children >= 8  # Kafka, the receiver, two workers, and a guard of each
    assert running.left() == []
    assert list(running.temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_while_it_starts_it_ends_well(demo, number):
    running = demo("--workers", "1")
    running.see("starting a receiver")
    running.process.send_signal(number)
    assert running.wait() == 0
    eventually(lambda: running.left() == [])
    assert list(running.temporary.iterdir()) == []


def test_it_ends_with_a_summary_on_ctrl_c_and_goes_on_with_kept_data(demo, tmp_path):
    kept = ("--workers", "1", "--rate", "50", "--keep-data", str(tmp_path / "kept"))
    first = demo(*kept)
    first.see(r" 4 s  produced")
    first.process.send_signal(signal.SIGINT)
    assert first.wait() == 0
    before = numbers(first.text.partition("stopping")[2])
    assert before["delivered"] > 0
    assert first.left() == []

    second = demo(*kept)
    brokers = second.see(r"STREAMHOOKS_BROKERS=(\S+?)\)")[1]
    hooks = {message.key() for message in consume_all(brokers, "streamhooks.hooks")}
    line = second.see(r"(?m)^ +2 s  produced.*\n")[0]
    # Its own are counted, not those of the first.
    assert 0 < numbers(line)["produced"] < 2 * before["produced"]
    second.process.send_signal(signal.SIGINT)
    assert second.wait() == 0
    assert len(hooks) == 8
    assert numbers(second.text.partition("stopping")[2])["unverified"] == 0
    assert second.left() == []


def test_killed_it_leaves_nothing_behind(demo):
    running = demo("--workers", "1")
    running.see(r" 2 s  produced")
    running.process.kill()
    running.process.wait()
    eventually(lambda: not running.left())
    eventually(lambda: not list(running.temporary.iterdir()))


def test_a_worker_that_ends_is_told_with_its_log(demo):
    running = demo("--workers", "1")
    running.see(r" 2 s  produced")
    (worker,) = [child for child in psutil.Process(running.process.pid).children() if "faust" in child.cmdline()]
    worker.kill()
    assert running.wait() == 1
    last = running.text.splitlines()[-1]
    log = re.fullmatch(r"Error: worker-1 ended with code -9: .* \(log: (.+)\)", last)
    assert log, last
    assert Path(log[1]).exists()
    assert running.left() == []


def test_numbers_are_read():
    assert numbers("produced 12 (events 9, resource-changes 3)  retried 0")["resource-changes"] == 3
