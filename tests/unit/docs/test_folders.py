"""The folders of CONTRIBUTING.md, from the ground up: no module imports from a folder that stands below its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import streamhooks

PACKAGE = Path(streamhooks.__file__).parent
ROOT = PACKAGE.parent
GROUND = "streamhooks/*.py"
#: who may know Faust, besides what subclasses it
FAUST = ("streamhooks/faust_patches/", "streamhooks/worker/", "streamhooks/web/register.py")
_ROW = re.compile(r"^\| `(streamhooks/[^`]*)` \|", re.MULTILINE)


def listed() -> list[str]:
    """The folders as CONTRIBUTING.md has them, the lowest first."""
    return _ROW.findall((ROOT / "CONTRIBUTING.md").read_text())


def folder_of(path: str) -> str:
    """The row that a file belongs to; `path` from the root of the repository."""
    if path == "streamhooks/__init__.py":
        return path
    parent = path.rpartition("/")[0]
    return GROUND if parent == "streamhooks" else parent


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """What a module imports when it runs, not what it names for types alone: line and module."""

    def walk(node: ast.AST) -> Iterator[tuple[int, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.ImportFrom):
                yield child.lineno, child.module or ""
                # A module of a package looks like any other name of it.
                yield from ((child.lineno, f"{child.module}.{one.name}") for one in child.names)
            elif isinstance(child, ast.Import):
                yield from ((child.lineno, one.name) for one in child.names)
            yield from walk(child)

    return walk(ast.parse(path.read_text()))


def file_of(module: str) -> str | None:
    """The file of a module of ours, from the root of the repository."""
    base = ROOT / module.replace(".", "/")
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if module.startswith("streamhooks") and path.is_file():
            return str(path.relative_to(ROOT))
    return None


def test_each_folder_is_listed_once_with_what_it_is() -> None:
    folders = {folder_of(str(path.relative_to(ROOT))) for path in PACKAGE.rglob("*.py")}
    assert sorted(listed()) == sorted(folders)


def test_no_module_imports_from_a_folder_below_its_own() -> None:
    order = {folder: place for place, folder in enumerate(listed())}
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        mine = str(path.relative_to(ROOT))
        for line, module in imported(path):
            other = file_of(module)
            # A package's docstring is no subject: importing it comes with each of its modules.
            if other is None or other.endswith("/__init__.py"):
                continue
            if order[folder_of(other)] > order[folder_of(mine)]:
                wrong.append(f"{mine}:{line}: {module}")
    assert wrong == []


def test_only_what_is_tied_to_faust_imports_it() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*.py")
        for _, module in imported(path)
        if module.split(".")[0] in ("faust", "mode")
    }
    assert [path for path in sorted(found) if not path.startswith(FAUST)] == []
