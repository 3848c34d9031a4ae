"""What is run before a commit is what CI runs."""

from __future__ import annotations

import re

import yaml
from support.snippets import ROOT


def test_its_hooks_are_the_commands_of_make_lint() -> None:
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repo["repo"] == "local"
    assert {(hook["language"], hook["pass_filenames"]) for hook in repo["hooks"]} == {("system", False)}
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe is not None
    venv = re.search(r"^VENV \?= (.*)$", makefile, re.MULTILINE)
    assert venv is not None
    commands = [line.strip().replace("$(BIN)", f"{venv[1]}/bin") for line in recipe[1].splitlines()]
    assert [hook["entry"] for hook in repo["hooks"]] == commands
