"""The limit of open files, in a process of its own: it can't be taken back."""

from __future__ import annotations

import subprocess
import sys

import pytest


def limit_after(soft: int, hard: int, in_flight: int) -> tuple[str, str]:
    code = f"""
import logging, resource
logging.basicConfig()
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from streamhooks.worker.open_files import allow_many
print(allow_many({in_flight}), resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize(("soft", "hard"), [(256, 4000), (4000, 4000)])
def test_the_soft_limit_is_raised_to_the_hard_one(soft: int, hard: int) -> None:
    assert limit_after(soft, hard, 1000) == ("4000 (4000, 4000)", "")


def test_too_low_a_hard_limit_is_told() -> None:
    out, log = limit_after(256, 512, 1000)
    assert out == "512 (512, 512)"
    assert "only 512 files may be open" in log
