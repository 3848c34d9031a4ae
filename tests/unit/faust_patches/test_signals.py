"""Signals that ask a process to end, before a worker runs."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

WAITING = """
import signal, sys, time
from streamhooks.faust_patches import signals
signals.handle(signals.end_at_once)
print("deaf" if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else "here", flush=True)
try:
    while True:
        try:
            time.sleep(0.1)  # a signal just before it does not end it
        except BaseException:  # as an import may do
            print("caught", flush=True)
finally:
    print("left", flush=True)
"""
ALL = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def started(*ignored: signal.Signals) -> subprocess.Popen[str]:
    def ignore() -> None:
        for number in ALL:  # who runs the tests may ignore some, such as nohup
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    process = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=ignore,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == ("deaf\n" if signal.SIGHUP in ignored else "here\n")
    return process


@pytest.mark.parametrize("number", ALL)
def test_each_ends_it_at_once_with_0_whatever_runs(number: signal.Signals) -> None:
    process = started()
    process.send_signal(number)
    assert process.communicate(timeout=30) == ("", None)
    assert process.returncode == 0


def test_a_hangup_that_the_parent_ignores_is_ignored() -> None:
    process = started(signal.SIGHUP, signal.SIGINT)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGINT)  # by default a shell has what it starts with & ignore it
    process.communicate(timeout=30)
    assert process.returncode == 0
