"""How a worker is put together, held against the code: no part is changed from outside after it was made."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import streamhooks

PACKAGE = Path(streamhooks.__file__).parent
WORKER = sorted((PACKAGE / "worker").glob("*.py"))
LONGEST_SYSTEM = 100
MOST_PARAMETERS = 8


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


def test_the_system_is_short() -> None:
    assert len((PACKAGE / "worker" / "system.py").read_text().splitlines()) < LONGEST_SYSTEM


@pytest.mark.parametrize("path", WORKER, ids=lambda path: path.name)
def test_no_part_of_another_is_assigned_and_nothing_is_looked_up_late(path: Path) -> None:
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            assert ast.unparse(node.value) == "self", f"{node.lineno}: {ast.unparse(node)}"
        assert not isinstance(node, ast.Lambda), f"{node.lineno}: {ast.unparse(node)}"


def test_no_module_has_variables() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert not [node.lineno for node in nodes(path) if isinstance(node, ast.Global)], path


def test_no_constructor_takes_many_parts() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                assert len(taken) - 1 <= MOST_PARAMETERS, f"{path}:{node.lineno}"
