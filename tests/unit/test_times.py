"""Which clock is asked where."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest

import streamhooks
from streamhooks.times import LATEST, iso, moment, steady

#: who asks for the time of day: for moments that are written, shown or signed, and for what is due
OF_DAY = {
    "hooks/table.py",
    "limits/restraints.py",
    "tasks/sending.py",
    "testing/parts.py",
    "worker/app.py",
    "worker/faust_conf.py",
    "worker/system.py",
}
#: programs that run for a person, and end
PROGRAMS = ("cli/", "dev/")


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="not Linux")
def test_it_does_not_stand_still_while_the_machine_sleeps() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= steady() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_all_others_go_by_the_clock_that_nobody_sets() -> None:
    """A duration that is reckoned by the time of day is as wrong as that is set."""
    folder = Path(streamhooks.__file__).parent
    asked: dict[str, set[str]] = {}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("time", "datetime", "datetime.datetime"):
                asked.setdefault(node.attr, set()).add(path.relative_to(folder).as_posix())
    found = {name: {path for path in paths if not path.startswith(PROGRAMS)} for name, paths in asked.items()}
    assert found["time"] == OF_DAY
    assert found["monotonic"] == found["clock_gettime"] == {"times.py"}
    assert not {name for name in ("now", "utcnow", "today", "perf_counter", "time_ns") if found.get(name)}


@pytest.mark.parametrize("seconds", [17179869184.78125, 1.0006, 0.0, 1795860062.0965, float(LATEST)])
def test_a_text_that_was_read_is_written_as_it_was(seconds: float) -> None:
    text = iso(seconds)
    assert iso(moment(text)) == text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (1.0009, "00:00:01.000"),
        (1.9999, "00:00:01.999"),
        (1.9999999, "00:00:01.999"),
        (1795860062.2756, "10:01:02.275"),
    ],
)
def test_what_is_shown_is_cut_to_milliseconds(seconds: float, shown: str) -> None:
    # A later version shows the moments of a hook as an earlier one did.
    assert shown in str(iso(seconds))
