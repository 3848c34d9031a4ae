"""The tests of docs/tasks.md and docs/reference/tasks.md are run, as their readers run them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from support.snippets import ROOT, snippets

from streamhooks.testing import KeptCall, LocalWorker, Run, Webhook

PAGE = ROOT / "docs" / "reference" / "tasks.md"
GUIDE = ROOT / "docs" / "tasks.md"


@pytest.mark.parametrize(
    ("page", "test", "passed"), [(PAGE, "test_billing.py", "2 passed"), (GUIDE, "test_shop.py", "1 passed")]
)
def test_the_tests_pass(page: Path, test: str, passed: str, tmp_path: Path) -> None:
    for one in snippets(page, "python"):
        if one.mark:
            (tmp_path / one.mark).write_text(one.text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
    done = subprocess.run([*command, test], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert passed in done.stdout, done.stdout


def test_the_calls_of_the_guide_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {one.mark: one.text for one in snippets(GUIDE, "python")}
    (tmp_path / "shop.py").write_text(named["shop.py"])
    monkeypatch.syspath_prepend(tmp_path)
    with LocalWorker() as worker:
        for one in snippets(GUIDE, "python"):
            if not one.mark:
                exec(one.text, {})
        assert [call.args[0] for call in worker.calls] == ["o-18", "o-19", "o-20", "o-18", "o-21"]
        charge = importlib.import_module("shop").charge
        with pytest.raises(TypeError) as refused:
            charge.delay("o-17")
    assert f"TypeError: {refused.value}" in GUIDE.read_text()


def test_all_that_a_test_can_ask_is_named() -> None:
    text = PAGE.read_text()
    for name in (name for name in vars(LocalWorker()) | vars(LocalWorker) if not name.startswith("_")):
        assert f".{name}" in text, name
    for record in (KeptCall, Run, Webhook):
        assert [field.name for field in fields(record) if f"`{field.name}`" not in text] == []
