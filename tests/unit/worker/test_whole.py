"""The records of `hook-states`: each goes to the table that it is for, and is forgotten when its log lacks it."""

from __future__ import annotations

from streamhooks.backlog.stretches import Stretches
from streamhooks.delayed.known_tasks import KnownTasks, key_of, value_of
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.records.hook_state import HookState
from streamhooks.records.stretch import Stretch
from streamhooks.worker.whole import HookRecords, Partitions

HOOK_ID = "a" * 32
STRETCH = Stretch(HOOK_ID, "events:0:1", "disabled", "events", 0, 1, 2, 0.0)


def state(key: str, value: bytes | None, topic: str = "hook-states") -> Record:
    return Record(topic, 0, 0, 0, key.encode(), value)


def test_each_record_goes_to_its_table_and_its_key_is_known() -> None:
    hooks, stretches, tasks = HooksTable("hooks", "hook-states"), Stretches(), KnownTasks()
    partitions = Partitions("", {"hooks": 1, "hook-states": 1})
    records = HookRecords(hooks, "hooks", stretches, tasks, partitions)
    written = {
        HOOK_ID: HookState(HOOK_ID, failing_since=1.0).to_json(),
        STRETCH.key: STRETCH.to_json(),
        key_of(3): value_of(["shop.t"]),
    }
    assert records.apply([state(key, value) for key, value in written.items()]) == []
    assert hooks.state(HOOK_ID) is not None
    assert stretches.of_hook(HOOK_ID) == [STRETCH]
    assert tasks.able("shop.t") == [3]
    assert set(records.keys(("hook-states", 0))) == {key.encode() for key in written}

    # What the log lacks when it is read once more comes as tombstones of these keys.
    assert records.apply([state(key, None) for key in written]) == []
    assert (hooks.state(HOOK_ID), stretches.of_hook(HOOK_ID), tasks.able("shop.t")) == (None, [], [])


def test_a_broken_record_of_tasks_is_told() -> None:
    tables = HooksTable("hooks", "hook-states"), "hooks", Stretches(), KnownTasks()
    records = HookRecords(*tables, Partitions("", {"hooks": 1, "hook-states": 1}))
    ((record, why),) = records.apply([state(key_of(3), b"{}")])
    assert (record.key, why) == (key_of(3).encode(), "tasks: must be a list of texts")
    # A key like this in `hooks` is a hook's, and wrong.
    ((_, why),) = records.apply([state(key_of(3), b"{}", topic="hooks")])
    assert "tasks" not in why
