from __future__ import annotations

import signal
import subprocess
import sys

from support import ended, eventually

from streamhooks.dev import guard as guards
from streamhooks.dev.guard import dismiss, guard, guard_command, start_guarded
from streamhooks.dev.guarding import DISMISSED

SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]
# Starts a sleeper of its own under guard, prints its pid, and waits.
STARTER = f"""
import signal, subprocess, sys
from pathlib import Path
from streamhooks.dev.guard import guard
sleeper = subprocess.Popen({SLEEPER!r}, start_new_session=True)
guard(sleeper.pid, Path(sys.argv[1]))
print(sleeper.pid, flush=True)
signal.pause()
"""


def test_it_ends_its_charge_when_the_starter_is_killed(tmp_path):
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(folder)], stdout=subprocess.PIPE, text=True)
    pid = int(starter.stdout.readline())
    assert not ended(pid)
    starter.kill()
    starter.communicate()
    eventually(lambda: ended(pid))
    eventually(lambda: not folder.exists())


def test_dismissed_it_does_no_harm(tmp_path):
    sleeper = subprocess.Popen(SLEEPER)
    guarding = guard(sleeper.pid, tmp_path)
    dismiss(guarding)
    dismiss(guarding)
    assert guarding.returncode == 0
    assert sleeper.poll() is None
    assert tmp_path.exists()
    sleeper.send_signal(signal.SIGKILL)
    sleeper.wait()


def test_it_imports_what_it_needs_and_no_more():
    command = [sys.executable, "-X", "importtime", *guard_command(1)[1:]]
    done = subprocess.run(command, input=DISMISSED, capture_output=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert "os" in imported
    assert not imported & {"pathlib", "shutil", "subprocess", "threading", "typing"}


def test_what_asks_to_end_does_not_come_between_a_process_and_its_guard(monkeypatch):
    seen: list[str] = []
    started = guards.guard

    def interrupted(pid, folder):
        signal.raise_signal(signal.SIGINT)
        seen.append("guarded")
        return started(pid, folder)

    monkeypatch.setattr(guards, "guard", interrupted)
    former = signal.signal(signal.SIGINT, lambda *_: seen.append("asked to end"))
    try:
        process, guarding = start_guarded(SLEEPER)
    finally:
        signal.signal(signal.SIGINT, former)
    assert seen == ["guarded", "asked to end"]
    dismiss(guarding)
    process.kill()
    process.wait()
