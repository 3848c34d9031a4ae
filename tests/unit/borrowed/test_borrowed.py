"""What we borrow from Faust, mode, aiokafka and aiohttp is listed in `streamhooks/borrowed`, and is unchanged."""

from __future__ import annotations

import importlib
import importlib.util
import re
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
from support.borrowing import GONE, Borrowing, changes, digest
from support.snippets import ROOT

from streamhooks.borrowed.aiohttp import AIOHTTP
from streamhooks.borrowed.aiokafka import AIOKAFKA
from streamhooks.borrowed.faust import FAUST, MODE
from streamhooks.borrowed.library import ATTRIBUTE, Library

LIBRARIES = (FAUST, MODE, AIOKAFKA, AIOHTTP)
NAMES = ("faust", "mode", "aiokafka", "aiohttp")
PUBLISHED = frozenset().union(*(library.published for library in LIBRARIES))
PACKAGE = ROOT / "streamhooks"
MODULES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


def listed(module: str) -> set[str]:
    """Return what the tables list for a module of ours."""
    return {name for library in LIBRARIES for name in library.names.get(module, {})}


def not_listed(module: ModuleType, known: set[str]) -> list[str]:
    """Return what a module borrows that is not among `known`."""
    borrowing = Borrowing(module, NAMES, PUBLISHED)
    # A class or a module whose members are listed need not be listed itself.
    beginnings = {name[: match.start()] for name in known for match in re.finditer(r"[.:]", name)}
    imported = {name for name in borrowing.imported() if name.replace(":", ".").rstrip(".") not in beginnings}
    reached = set(borrowing.reached()) - {name.rpartition(".")[2] for name in known}
    return sorted((imported - beginnings - known) | (set(borrowing.inherited()) - known) | reached)


@pytest.mark.parametrize("library", LIBRARIES, ids=NAMES)
def test_what_is_borrowed_is_as_it_was_read(library: Library) -> None:
    found = "\n".join(map(str, changes(library)))
    assert not found, (
        f"{library.distribution} {version(library.distribution)} is not as {library.version} was read: look at what "
        f"changed, then at what of ours relies on it, and write what it is now into streamhooks/borrowed\n{found}"
    )


@pytest.mark.parametrize("library", LIBRARIES, ids=NAMES)
def test_what_is_installed_by_the_pins_is_what_was_read(library: Library) -> None:
    assert f"{library.distribution}=={library.version}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_nothing_is_borrowed_that_is_not_listed() -> None:
    found = []
    for path in MODULES:
        name = ".".join(("streamhooks", *Path(path).with_suffix("").parts)).removesuffix(".__init__")
        found += [f"{path}: {one}" for one in not_listed(importlib.import_module(name), listed(path))]
    assert found == []


def test_what_is_listed_is_borrowed() -> None:
    stale = [
        f"{module}: {name}"
        for library in LIBRARIES
        for module, names in library.names.items()
        for name in names
        if not re.search(rf"\b{re.split('[.:]', name)[-1]}\b", (PACKAGE / module).read_text())
    ]
    assert stale == []


def test_a_change_is_reported_with_the_module_that_relies_on_it() -> None:
    names = {
        "_x": "faust.app.base:App._new_web",
        "_y": "faust.app.base:App._consumer",
        "_z": "faust.app.base:App._none",
    }
    table = {
        "app.py": {names["_x"]: "0123456789ab", names["_y"]: ATTRIBUTE},
        "web.py": {names["_x"]: "0123456789ab", names["_z"]: ATTRIBUTE},
    }
    found = changes(Library("faust-streaming", "0.15.3", frozenset(), table))
    assert [(one.name, one.was, one.relied_on_by) for one in found] == [
        (names["_x"], "0123456789ab", ("app.py", "web.py")),
        (names["_z"], ATTRIBUTE, ("web.py",)),
    ]
    assert [one.now for one in found] == [digest(names["_x"]), GONE]
    assert f'"{names["_x"]}": "{digest(names["_x"])}"' in str(found[0])


BORROWER = """
from aiohttp import web
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.web_protocol import RequestHandler

class Server(web.Server):
    _requests = 3

    def __call__(self):
        self._mine = self._loop, self._theirs
        return super().__call__()

class Protocol(ResponseHandler):
    pass

def look(connection: Connection):
    return connection._protocol, RequestHandler
"""


def test_each_way_to_borrow_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "borrower.py"
    path.write_text(BORROWER)
    spec = importlib.util.spec_from_file_location("borrower", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    borrowed = [
        "_protocol",
        "aiohttp.client_proto:ResponseHandler",
        "aiohttp.connector:Connection",
        "aiohttp.web_protocol:RequestHandler",
        "aiohttp.web_server:Server.__call__",
        "aiohttp.web_server:Server._loop",
    ]
    assert not_listed(module, set()) == borrowed
    known = {"aiohttp.client_proto:ResponseHandler.close", "aiohttp.connector:Connection._protocol", *borrowed[3:]}
    assert not_listed(module, known) == []
