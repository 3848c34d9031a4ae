"""What a user of Faust expects of its command line: options of a worker, `send`, tables that are read in Python."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from installation import Installation, event
from support import api, eventually

from streamhooks.dev.ports import free_port

MODULE = """
import json, os
from pathlib import Path
from streamhooks import app, instrumented_task

@instrumented_task(name="reading.windows")
async def read_windows(hook_id):
    read = {name: fired[hook_id].now() for name, fired in app.windows.items()}
    whole = {key[0]: cell for key, cell in app.counting.tables["fired-1d"].items()}
    Path(os.environ["READ"]).write_text(json.dumps({"read": read, "whole": whole}))
"""


def run(one: Installation, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "STREAMHOOKS_BROKERS": one.brokers,
        "STREAMHOOKS_TOPIC_PREFIX": one.prefix,
        "PYTHONPATH": str(folder),
    }
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_options_of_a_worker_and_send_and_tables(
    install, organization: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reading.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    read = tmp_path / "read.json"
    monkeypatch.setenv("READ", str(read))
    one: Installation = install(task_modules="reading")
    port = free_port()
    worker = one.add_worker(start=False, options=["-b", "127.0.0.2", "-p", str(port)])
    worker.base = f"http://127.0.0.2:{port}"
    worker.start()

    # The options come before STREAMHOOKS_WEB_BIND and _WEB_PORT, also in what other workers are told.
    assert api(worker).get("/api/overview").json["workers"] == [worker.base]
    for address in (("127.0.0.1", worker.port), ("127.0.0.1", port), ("127.0.0.2", worker.port)):
        with socket.socket() as client:
            assert client.connect_ex(address) != 0
    assert worker.base in worker.log.read_text()

    hook = one.create_hook(organization)
    value = json.dumps(event(organization))
    sent = run(one, tmp_path, "-m", "faust", "-A", "streamhooks", "send", "-k", "11", "-V", "Event", "@events", value)
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["topic"] == f"{one.prefix}events"
    hook.received()
    eventually(lambda: one.totals(hook) == (1, 1, 0))

    called = run(one, tmp_path, "-c", f"from reading import read_windows; read_windows.delay({hook.id!r})")
    assert called.returncode == 0, called.stderr
    found = eventually(lambda: read.exists() and json.loads(read.read_text()))
    assert found["read"].keys() == {"fired-10s", "fired-1h", "fired-1d"}
    assert found["read"]["fired-1d"][:3] == [1, 1, 0]
    assert found["whole"][hook.id][:3] == [1, 1, 0]
