"""The tests of docs/reference/tasks.md are run, as their readers run them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from support.snippets import ROOT, snippets

from streamhooks.testing import KeptCall, LocalWorker, Run, Webhook

PAGE = ROOT / "docs" / "reference" / "tasks.md"


def test_the_tests_pass(tmp_path: Path) -> None:
    for one in snippets(PAGE, "python"):
        (tmp_path / one.mark).write_text(one.text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
    done = subprocess.run([*command, "test_billing.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout


def test_all_that_a_test_can_ask_is_named() -> None:
    text = PAGE.read_text()
    for name in (name for name in vars(LocalWorker()) | vars(LocalWorker) if not name.startswith("_")):
        assert f".{name}" in text, name
    for record in (KeptCall, Run, Webhook):
        assert [field.name for field in fields(record) if f"`{field.name}`" not in text] == []
