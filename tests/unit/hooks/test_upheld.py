"""A disabling that a repeated `active` has not undone is reported to the hook's owner, once per record."""

from __future__ import annotations

from types import SimpleNamespace

from streamhooks.hooks.telling import TOLD
from streamhooks.hooks.upheld import Upheld


def test_an_owner_is_told_once_and_again_if_it_did_not_record_it():
    now, told = [1000.0], []
    hooks = SimpleNamespace(upheld={"here": 5.0, "elsewhere": 5.0})
    upheld = Upheld(hooks, lambda hook_id: hook_id == "here", lambda *what: told.append(what), lambda: now[0])
    upheld.tell()
    upheld.tell()
    assert told == [("upheld", "here", {"upheld_at": 5.0})]
    hooks.upheld["here"] = 6.0
    upheld.tell()
    assert told[1:] == [("upheld", "here", {"upheld_at": 6.0})]
    now[0] += TOLD
    upheld.tell()
    assert len(told) == 3
    hooks.upheld.clear()
    now[0] += TOLD
    upheld.tell()
    assert len(told) == 3
