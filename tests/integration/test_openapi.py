"""A worker answers what its OpenAPI document allows, and no 5xx; many more cases are in the unit tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from installation import Installation
from support.schema_run import environment, findings, schemathesis


@pytest.mark.timeout(600)
@pytest.mark.parametrize("token", [None, "a-token-of-the-tests"])
def test_a_worker_answers_as_its_document_says(install, tmp_path: Path, token: str | None) -> None:
    # Nothing is sent to anybody: samples would go to hosts that schemathesis makes up.
    one: Installation = install(token=token, denied_networks="0.0.0.0/0,::/0", request_timeout=0.2)
    worker = one.add_worker()
    command = schemathesis(worker.base, token, 3, "--phases", "fuzzing,stateful")
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, findings(done.stdout)
    assert "Tested: 35" in done.stdout
