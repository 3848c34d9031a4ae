"""Ports that are chosen are used later: nobody else may choose them meanwhile."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streamhooks.dev import ports

#: so few that those who choose at random choose some of them twice
FIRST, COUNT = 20_000, 400
OTHER_PROCESS = f"""
from streamhooks.dev import ports
ports._RANGE = ({FIRST}, {FIRST + COUNT})
print(*ports.free_ports(100))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there processes tell each other")
def test_no_port_is_chosen_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_RANGE", (FIRST, FIRST + COUNT))
    here = [ports.free_port() for _ in range(100)]
    there = subprocess.run([sys.executable, "-c", OTHER_PROCESS], capture_output=True, text=True, check=True).stdout
    chosen = [*here, *map(int, there.split())]
    assert len(set(chosen)) == len(chosen) == 200


def test_claims_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_MOST_CLAIMS", 3)
    monkeypatch.setattr(ports, "_CLAIMS", type(ports._CLAIMS)())
    ports.free_ports(10)
    assert len(ports._CLAIMS) <= 3
    for claim in ports._CLAIMS:
        claim.close()
