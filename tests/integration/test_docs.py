"""The commands of the documentation are run, page by page, as CONTRIBUTING.md says."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import Installation, coordinates, event, hook_record
from support import Receiver, eventually
from support.snippets import PAGES, ROOT, Snippet, snippets

#: the hook that the pages speak of
HOOK = "821a45755f7a5fe35160d8bb09fcbc4b"
PREFIX = "streamhooks."


def blocks(page: Path) -> list[Snippet]:
    return [block for block in snippets(page, "sh") if block.mark != "check"]


RUNNABLE = [page for page in PAGES if blocks(page)]


@pytest.fixture(scope="module")
def documented(kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """What the pages take for granted: the default prefix, a worker, a receiver, a hook."""
    if "STREAMHOOKS_TEST_BROKERS" in os.environ:
        pytest.skip("the pages use the default prefix, which on a Kafka of others may be somebody's")
    receiver = Receiver()
    one = Installation(kafka.brokers, tmp_path_factory.mktemp("docs"), receiver)
    one.prefix = PREFIX
    try:
        one.add_worker()
        fields = {"id": HOOK, "project_ids": ["7"], "url": receiver.url(), "secret": "a-secret-for-development"}
        one.produce("hooks", HOOK, hook_record(HOOK, "1", **fields))
        one.wait_known(HOOK)
        assert coordinates(one.produce("events", "7", event("1", "7"))) == f"{PREFIX}events:3:0"
        eventually(lambda: receiver.requests("/hook"))
        yield one
    finally:
        one.end(show_logs=False)
        receiver.stop()


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_the_commands_of_a_page(documented: Installation, page: Path, tmp_path: Path) -> None:
    run(documented, page, tmp_path)


def run(documented: Installation, page: Path, folder: Path) -> None:
    addresses = {
        "127.0.0.1:9092": documented.brokers,
        "127.0.0.1:6066": documented.worker.base.removeprefix("http://"),
        "127.0.0.1:8801": documented.receiver.base.removeprefix("http://"),
    }

    def placed(text: str) -> str:
        for written, real in addresses.items():
            text = text.replace(written, real)
        return text

    for language in ("python", "yaml", "json"):
        for file in snippets(page, language):
            if file.mark:
                assert Path(file.mark).name == file.mark
                (folder / file.mark).write_text(placed(file.text))
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


def test_the_event_of_the_readme_arrives(documented: Installation, tmp_path: Path) -> None:
    documented.receiver.forget()
    run(documented, ROOT / "README.md", tmp_path)
    eventually(lambda: HOOK in {one["headers"]["x-servicehook-guid"] for one in documented.receiver.requests("/hook")})
