"""The README's way from a Kafka of one's own to a first webhook, followed by its words."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from support import eventually
from support.snippets import ROOT, Snippet, section, write_files

from streamhooks.dev.guard import dismiss, guard
from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.dev.ports import free_port


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
