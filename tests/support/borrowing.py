"""The private names that our modules borrow from libraries, and digests of their source."""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cache, cached_property
from textwrap import dedent
from types import ModuleType
from typing import Any, NamedTuple

from streamhooks.borrowed.library import ATTRIBUTE, Library

#: private by name alone: methods of named tuples, the value of an enum, the way out of Python, codes of librdkafka
_PUBLIC_ALL_THE_SAME = re.compile(r"_replace|_make|_asdict|_fields|_value_|_exit|_[A-Z][A-Z_]+")
#: in place of a digest: the name no longer exists
GONE = "gone"


class Changed(NamedTuple):
    """A name of a library that differs from what was read."""

    name: str
    was: str
    now: str
    relied_on_by: tuple[str, ...]

    def __str__(self) -> str:
        return f'"{self.name}": "{self.now}" (it was "{self.was}"), relied on by {", ".join(self.relied_on_by)}'


def find(name: str) -> Any:
    """Return what `module:Class.name` names, as it stands in its class; raise LookupError if it is not there."""
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise LookupError(name) from error
    for part in path.split("."):
        if part not in vars(found):
            raise LookupError(name)
        found = vars(found)[part]
    return found


def _source_of(found: Any) -> str | None:
    for wrapper, inside in ((property, "fget"), (cached_property, "func"), (classmethod, "__func__")):
        if isinstance(found, wrapper):
            found = getattr(found, inside)
    found = getattr(found, "fun", found)  # a task of Faust's services
    return inspect.getsource(found) if inspect.isfunction(found) or inspect.isclass(found) else None


def _is_set_by_its_class(name: str) -> bool:
    owner, _, attribute = name.rpartition(".")
    try:
        return attribute in names_of(find(owner))
    except LookupError:
        return False


def digest(name: str) -> str:
    """Return a digest of a source, regardless of empty lines and comments."""
    try:
        source = _source_of(find(name))
    except LookupError:
        return ATTRIBUTE if _is_set_by_its_class(name) else GONE
    if source is None:
        return ATTRIBUTE
    lines = [line.rstrip() for line in dedent(source).splitlines()]
    text = "\n".join(line for line in lines if line and not line.lstrip().startswith("#"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def names_of(owner: type) -> frozenset[str]:
    """Return the names that a class defines, and the attributes that its methods set."""
    assigned = {
        node.attr
        for node in ast.walk(ast.parse(dedent(inspect.getsource(owner))))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_own(node.value)
    }
    return frozenset({*vars(owner), *vars(owner).get("__annotations__", {}), *assigned})


def changes(library: Library) -> list[Changed]:
    """Return the names that differ from the table."""
    modules: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for module, names in library.names.items():
        for pair in names.items():
            modules[pair].append(module)
    return [
        Changed(name, was, now, tuple(relying))
        for (name, was), relying in modules.items()
        if (now := digest(name)) != was
    ]


class Borrowing:
    """What a module of ours borrows, read from its text and from its classes."""

    def __init__(self, module: ModuleType, libraries: Collection[str], published: Collection[str]) -> None:
        self._module = module
        self._libraries = libraries
        self._published = set(published)
        self._tree = ast.parse(inspect.getsource(module))

    def _is_foreign(self, module: str | None) -> bool:
        return (module or "").split(".")[0] in self._libraries

    def imported(self) -> Iterator[str]:
        """Yield `module:name` of what is imported from a module that is not published."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.ImportFrom) and self._is_foreign(node.module):
                if node.module not in self._published:
                    yield from (f"{node.module}:{one.name}" for one in node.names)
            elif isinstance(node, ast.Import):
                whole = {one.name for one in node.names if self._is_foreign(one.name)} - self._published
                yield from (f"{name}:" for name in whole)

    def inherited(self) -> Iterator[str]:
        """Yield `module:Class.name` of what a class of ours overrides of a foreign parent, or uses of it in private."""
        for node in ast.walk(self._tree):
            made = vars(self._module).get(node.name) if isinstance(node, ast.ClassDef) else None
            if isinstance(node, ast.ClassDef) and inspect.isclass(made):
                parents = [one for one in made.__mro__ if self._is_foreign(one.__module__)]
                yield from filter(None, (_origin(name, parents) for name in sorted({*_defined(node), *_used(node)})))

    def reached(self) -> Iterator[str]:
        """Yield the private names that are asked of other objects: which class has them the text does not say."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Attribute) and _is_private(node.attr) and not _is_own(node.value):
                yield node.attr


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and not _PUBLIC_ALL_THE_SAME.fullmatch(name)


def _is_own(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


def _defined(node: ast.ClassDef) -> Iterator[str]:
    for one in node.body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            yield one.name
        elif isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            yield one.target.id
        elif isinstance(one, ast.Assign):
            yield from (target.id for target in one.targets if isinstance(target, ast.Name))


def _used(node: ast.ClassDef) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Attribute) and _is_private(one.attr) and _is_own(one.value):
            yield one.attr


def _origin(name: str, parents: Collection[type]) -> str | None:
    for parent in parents:
        if name in names_of(parent):
            return f"{parent.__module__}:{parent.__qualname__}.{name}"
    return None
