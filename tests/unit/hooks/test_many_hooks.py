"""What a hook costs on every worker: there may be a million of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import orjson
import pytest

from streamhooks.hooks.matching import Ask
from streamhooks.hooks.table import HooksTable, Tally
from streamhooks.kafka.reader import Record
from streamhooks.records import hook as module
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState
from streamhooks.records.secret import generate_secret

#: dicts and sets with so many entries take about the memory per entry that those with a million take
MANY = 15_000


def records(source: str, count: int = MANY) -> Iterator[Record]:
    """Give hooks of a project each, as a GitOps tool or the API writes them."""
    for number in range(count):
        fields = {
            "id": f"{number:032x}",
            "organization_id": str(number // 100),
            "project_ids": [str(1_000_000 + number)],
            "url": f"https://hooks.example.com/receive/{number:06}",
            "events": ["event.created", "event.alert"],
            "secret": generate_secret(),
            "status": "active",
        }
        if source == "api":
            written_at = 1_764_312_583 + number / 10
            fields |= {"date_created": "2026-11-28T06:49:43.123Z", "enabled_at": written_at, "revision": 1}
        key = f"{number:032x}".encode()
        yield Record("hooks", 0, number, 1_764_312_583_000 + number, key, orjson.dumps(fields))


@pytest.mark.parametrize("source", ["git", "api"])
def test_a_hook_takes_less_than_a_kilobyte(source):
    table = HooksTable("hooks", "states")
    tracemalloc.start()
    try:
        assert table.apply(list(records(source))) == []
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / len(table) < 1024


def test_equal_texts_of_hooks_are_one_object():
    table = HooksTable("hooks", "states")
    assert table.apply(list(records("git", 2))) == []
    one, other = table
    assert one.organization_id is other.organization_id
    assert one.events is other.events
    assert one.status is other.status
    assert table.apply(list(records("api", 1))) == []
    assert next(iter(table)).id is one.id


@pytest.mark.parametrize(("source", "copies"), [("git", 1), ("api", 0)])
def test_a_hook_is_built_again_only_if_its_record_does_not_say_all(source, copies, monkeypatch):
    built: list[Hook] = []
    judge = module.Hook.__post_init__

    def count(self: Hook) -> None:
        built.append(self)
        judge(self)

    monkeypatch.setattr(module.Hook, "__post_init__", count)
    assert HooksTable("hooks", "states").apply(list(records(source, 1))) == []
    assert len(built) == 1 + copies


def test_a_hook_alone_in_its_project_needs_no_dict_of_its_own():
    table = HooksTable("hooks", "states")
    first, second = records("git", 2)
    assert table.apply([first, second]) == []
    (found,) = table.matching(Ask("service", "0", ("1000000",), "event.created"))
    assert found.id == f"{0:032x}"
    moved = orjson.loads(second.value) | {"project_ids": ["1000000"]}
    assert table.apply([second._replace(offset=2, value=orjson.dumps(moved))]) == []
    both = Ask("service", "0", ("1000000",), "event.alert")
    assert {one.id for one in table.matching(both)} == {f"{0:032x}", f"{1:032x}"}
    assert table.apply([first._replace(offset=3, value=None)]) == []
    assert [one.id for one in table.matching(both)] == [f"{1:032x}"]
    assert table.apply([second._replace(offset=4, value=None)]) == []
    assert table.matching(both) == []
    assert len(table._index) == 0


def test_hooks_are_counted_without_visiting_those_without_findings():
    class Unvisited(dict[str, Hook]):
        def __iter__(self) -> Iterator[str]:
            raise AssertionError("all hooks are visited")

        items = values = __iter__

    table = HooksTable("hooks", "states")
    assert table.apply(list(records("git", 5))) == []
    table._hooks = Unvisited(table._hooks)
    found = {0: {"disabled_since": 2e9}, 1: {"failing_since": 1.0}, 2: {"open_since": 1.0, "failing_since": 1.0}}
    found[9] = {"open_since": 1.0}  # of no known hook
    for number, fields in found.items():
        state = HookState(f"{number:032x}", **fields)
        assert table.apply([Record("states", 0, 0, 0, state.id.encode(), state.to_json())]) == []
    disabled = orjson.loads(next(records("git", 1)).value) | {"id": f"{3:032x}", "status": "disabled"}
    assert table.apply([Record("hooks", 0, 99, 0, f"{3:032x}".encode(), orjson.dumps(disabled))]) == []
    assert table.tally() == Tally(disabled=2, failing=2, breakers_open=1)
