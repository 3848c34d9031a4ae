"""Which tasks the owners know: what their records say, and when they write them."""

from __future__ import annotations

import pytest

from streamhooks.delayed.known_tasks import KnownTasks, key_of, value_of
from streamhooks.errors import RecordTooLarge
from streamhooks.kafka.reader import Record
from streamhooks.worker.announcing import AGAIN, Announcing


def record(key: str, value: bytes | None) -> Record:
    return Record("hook-states", 0, 0, 0, key.encode(), value)


def test_who_knows_a_task():
    known = KnownTasks()
    assert known.apply([record(key_of(10), value_of(["b", "a"])), record(key_of(2), value_of(["a"]))]) == []
    assert (known.able("a"), known.able("b"), known.able("c")) == ([2, 10], [10], [])
    assert (known.of(10), known.of(3)) == ({"a", "b"}, frozenset())
    assert known.keys() == [key_of(10), key_of(2)]


def test_a_later_record_or_a_tombstone_replaces():
    known = KnownTasks()
    known.apply([record(key_of(1), value_of(["a"])), record(key_of(1), value_of(["b"]))])
    assert known.able("a") == []
    known.apply([record(key_of(1), None)])
    assert known.able("b") == []
    assert known.keys() == []


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (key_of(1), b"{", "not JSON"),
        (key_of(1), b"[]", "tasks: must be a list of texts"),
        (key_of(1), b"{}", "tasks: must be a list of texts"),
        (key_of(1), b'{"tasks": "a"}', "tasks: must be a list of texts"),
        (key_of(1), b'{"tasks": [1]}', "tasks: must be a list of texts"),
        ("tasks-of-partition:", b'{"tasks": []}', "the key names no partition"),
        ("tasks-of-partition:-1", b'{"tasks": []}', "the key names no partition"),
        ("tasks-of-partition:²", b'{"tasks": []}', "the key names no partition"),
    ],
)
def test_what_can_not_be_read_changes_nothing(key: str, value: bytes, reason: str):
    known = KnownTasks()
    known.apply([record(key_of(1), value_of(["a"]))])
    ((_, why),) = known.apply([record(key, value)])
    assert reason in why
    assert known.able("a") == [1]


def test_it_is_told_from_other_records():
    assert KnownTasks.holds(record(key_of(1), None))
    assert not KnownTasks.holds(record("a" * 32, None))
    assert not KnownTasks.holds(Record("hook-states", 0, 0, 0, None, None))


class Telling:
    """A worker that owns the partitions in `mine`, and reads what it writes when `reads` says so."""

    def __init__(self, *tasks: str) -> None:
        self.known, self.tasks, self.mine, self.now = KnownTasks(), set(tasks), [0, 1], 0.0
        self.written: list[tuple[str, bytes]] = []
        self.reads, self.error = True, None
        self.announcing = Announcing(self.known, self.publish, lambda: self.mine, self.tasks, lambda: self.now)

    async def publish(self, key: str, value: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.written.append((key, value))
        if self.reads:
            self.known.apply([record(key, value)])

    async def look(self) -> list[str]:
        self.written.clear()
        await self.announcing.look()
        return [key for key, _ in self.written]


async def test_an_owner_tells_its_tasks_once():
    telling = Telling("shop.a", "streamhooks.deliver")
    assert await telling.look() == [key_of(0), key_of(1)]
    assert telling.written[0][1] == b'{"tasks":["shop.a"]}'
    assert await telling.look() == []


async def test_one_without_tasks_writes_only_if_a_former_owner_had_some():
    telling = Telling("streamhooks.deliver")
    assert await telling.look() == []
    telling.known.apply([record(key_of(1), value_of(["shop.a"]))])
    assert await telling.look() == [key_of(1)]
    assert telling.known.able("shop.a") == []


async def test_a_task_that_is_defined_later_is_told():
    telling = Telling("shop.a")
    await telling.look()
    telling.tasks.add("shop.b")
    telling.now = AGAIN
    assert await telling.look() == [key_of(0), key_of(1)]


async def test_a_late_record_of_a_former_owner_is_replaced():
    telling = Telling("shop.a")
    await telling.look()
    telling.known.apply([record(key_of(0), value_of(["shop.old"]))])
    telling.now = AGAIN
    assert await telling.look() == [key_of(0)]


async def test_a_partition_that_comes_is_told_at_once_and_others_are_left_alone():
    telling = Telling("shop.a")
    await telling.look()
    telling.mine = [1, 2]
    assert await telling.look() == [key_of(2)]


async def test_what_is_not_read_back_is_written_again_after_a_while():
    telling = Telling("shop.a")
    telling.reads = False
    assert len(await telling.look()) == 2
    telling.now = AGAIN - 1
    assert await telling.look() == []
    telling.now = AGAIN
    assert len(await telling.look()) == 2


async def test_too_many_tasks_are_logged(caplog: pytest.LogCaptureFixture):
    telling = Telling("shop.a")
    telling.error = RecordTooLarge("too large")
    assert await telling.look() == []
    assert "other workers can't know our tasks, there are too many: too large" in caplog.text
