"""What a dead letter becomes when it is sent again: a call whose id follows from the letter and the try."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace

import orjson
import pytest

from streamhooks.dead_letters.listing import Filter, Found
from streamhooks.dead_letters.redriving import Redriving
from streamhooks.dead_letters.states import Known, LetterStates
from streamhooks.errors import RecordTooLarge
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.partitions import Partitioner
from streamhooks.kafka.publisher import Published
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.hook import Hook
from streamhooks.records.ids import webhook_id
from streamhooks.sources.calls import Calls
from streamhooks.sources.duplicates import Duplicates
from streamhooks.sources.topics import Sources
from streamhooks.times import Between

SOURCES = Sources(Topics("p."))
HOOK = Hook(
    id="a" * 32, organization_id="1", url="https://example.com/Hook", events=("event.created",), secret="x" * 16
)
TASK = {"name": "shop.task", "args": [1, "two"], "kwargs": {"three": 3}}
LETTER = DeadLetter(
    "msg_call", 5, "status 404", HOOK.id, TASK, attempts=6, last={"status": 404}, source="p.events:13:7", hops=2,
    webhook_id="msg_first", event="event.created",
)  # fmt: skip
FOUND = Found(3, 17, 1000, LETTER, "3:17:1000", None, HOOK)
STOP = threading.Event()
EVENT = {
    "event_id": "0" * 32, "type": "error", "datetime": 1, "organization": {"id": "1", "slug": "a"},
    "project": {"id": "7", "slug": "w", "name": "w"},
}  # fmt: skip


class ByLength(Partitioner):
    def of(self, key: str) -> int:
        return len(key)


def time() -> float:
    return 2.0


class World:
    def __init__(self) -> None:
        self.states = LetterStates()
        self.begun: list[tuple[str, dict, dict]] = []
        self.record: Record | None = None
        self.full = 0
        self.error: Exception | None = None
        calls = Calls(
            HooksTable("h", "s"), SOURCES, partition_of=len, partitions=8, duplicates=Duplicates(0), clock=time
        )
        self.redriving = Redriving(
            self,
            self.write,
            SOURCES,
            self.states,
            source=lambda _letter, *, stop: self.record,
            again=calls.again,
            partitioner=ByLength(8),
            clock=time,
        )

    def begin(self, topic, value, **options) -> Future[Published]:
        if self.full:
            self.full -= 1
            raise BufferError
        self.begun.append((topic, orjson.loads(value), options))
        future: Future[Published] = Future()
        if self.error is not None and topic == "p.delayed":
            future.set_exception(self.error)
        else:
            future.set_result(Published(topic, 0, 0))
        return future

    def write(self, records, *, timeout, stop) -> set[str]:
        if stop.is_set():
            raise TimeoutError
        if self.error is not None:
            return {one.key for one in records}
        for one in records:
            options = {"key": one.key, "partition": one.partition}
            self.begun.append((one.topic, orjson.loads(one.value), options))
        return set()

    def send(self, *found: Found) -> list[dict]:
        self.begun.clear()
        assert self.redriving.send(found, stop=STOP) == len(self.begun)
        return [value for _, value, _ in self.begun]


def test_the_call_is_as_it_was_and_its_id_follows_from_the_letter_and_the_try():
    world = World()
    (call,) = world.send(FOUND)
    ((topic, _, options),) = world.begun
    assert (topic, options) == ("p.delayed", {"key": call["id"], "partition": 32})
    assert (call["task"], call["args"], call["kwargs"], call["hook_id"]) == (
        "shop.task",
        [1, "two"],
        {"three": 3},
        HOOK.id,
    )
    assert (call["attempt"], call["reason"], call["hops"], call["event"]) == (1, "resend", 2, "event.created")
    assert (call["webhook_id"], call["letter"], call["redriven"]) == ("msg_first", "3:17:1000", 1)
    assert (call["earlier"], call["first_id"]) == (6, "msg_call")
    assert world.states.get("3:17:1000") == Known("sent", 1)
    # Again, by another worker: the same call. The next try, and another letter, are others.
    assert World().send(FOUND)[0]["id"] == call["id"]
    others = [replace(FOUND, known=Known("open", 1)), replace(FOUND, key="3:18:1000"), replace(FOUND, key="3:17:1001")]
    assert len({call["id"], *(World().send(one)[0]["id"] for one in others)}) == 4


def test_letters_of_0_1_0_go_on_where_they_were():
    old = replace(FOUND, letter=replace(LETTER, redriven=2))
    assert (old.state, old.tries) == ("open", 2)
    assert World().send(old)[0]["redriven"] == 3
    assert replace(old, known=Known("open", 4)).tries == 4


def test_the_partition_of_its_source_decides_about_a_letter_without_a_hook():
    world = World()
    world.send(replace(FOUND, letter=replace(LETTER, hook_id=None)))
    assert world.begun[0][2]["partition"] == 13 % 8
    world.send(replace(FOUND, letter=replace(LETTER, hook_id=None, source=None)))
    assert world.begun[0][2]["partition"] == len("msg_call")


@pytest.mark.parametrize(
    ("change", "force", "may"),
    [
        ({}, False, True),
        ({"known": Known("open", 2)}, False, True),
        ({"known": Known("open", 3)}, False, False),
        ({"known": Known("open", 3)}, True, True),
        ({"letter": replace(LETTER, redriven=3)}, False, False),
        ({"known": Known("sent", 1)}, True, False),
        ({"known": Known("delivered", 1)}, True, False),
        ({"known": Known("dropped", 0)}, True, False),
        ({"hook": None}, True, False),
        ({"letter": replace(LETTER, hook_id=None, task=None)}, False, True),
        ({"letter": replace(LETTER, hook_id=None, task=None, source="p.hooks:0:1")}, True, False),
        ({"letter": replace(LETTER, hook_id=None, task=None, source=None)}, True, False),
    ],
)
def test_what_may_be_sent_again(change, force, may):
    assert World().redriving.may_send(replace(FOUND, **change), force=force) is may


def test_a_truncated_one_is_made_of_its_source():
    world = World()
    short = replace(FOUND, letter=replace(LETTER, task=None, truncated=True))
    assert world.send(short) == []
    assert world.states.get(short.key) is None
    world.record = Record("p.events", 13, 7, 900, None, orjson.dumps(EVENT))
    (call,) = world.send(short)
    assert (call["task"], call["args"][0]) == ("streamhooks.process_service_hook", HOOK.id)
    assert call["webhook_id"] == webhook_id("p.events", 13, 7, 900, HOOK.id)
    assert (call["letter"], call["redriven"]) == (short.key, 1)
    assert World().send(replace(short, letter=LETTER))[0]["id"] == call["id"]


def test_a_record_that_could_not_be_read_is_read_where_it_lies():
    world = World()
    broken = replace(FOUND, letter=DeadLetter("p.events:13:7", 5, "no", raw=b"no", source="p.events:13:7"), hook=None)
    world.record = Record("p.events", 13, 7, 900, None, b"no", (("streamhooks-hops", b"4"),))
    (call,) = world.send(broken)
    assert (call["task"], call["args"], call["hook_id"]) == ("streamhooks.read_again", ["p.events:13:7"], None)
    assert (world.begun[0][2]["partition"], call["hops"]) == (13 % 8, 4)


def test_what_is_too_large_to_be_stored_stays_open_with_one_more_try():
    world = World()
    world.full = 2
    world.error = RecordTooLarge("too large")
    assert world.redriving.send([FOUND], stop=STOP) == 1
    _, state, options = world.begun[-1]
    assert (state["letter"], state["state"], state["tries"]) == ("3:17:1000", "open", 1)
    assert state["attempts"] == FOUND.attempts
    assert world.redriving.send([FAILED], stop=STOP) == 1
    assert world.begun[-1][1]["attempts"] == 3, "those of its tries are not forgotten"
    assert options == {"key": "3:17:1000", "partition": 32}


def test_dropping():
    world = World()
    assert world.redriving.drop([replace(FOUND, known=Known("open", 2))], stop=STOP) == 1
    ((topic, state, options),) = world.begun
    assert (topic, state["state"], state["tries"], options["partition"]) == ("p.letter-states", "dropped", 2, 32)
    assert world.states.get(FOUND.key).state == "dropped"


def test_it_ends_when_nobody_waits():
    world = World()
    stop = threading.Event()
    stop.set()
    with pytest.raises(TimeoutError):
        world.redriving.send([FOUND], stop=stop)


OF_TASK = replace(FOUND, letter=replace(LETTER, hook_id=None), hook=None)
BROKEN = replace(FOUND, letter=replace(LETTER, id=LETTER.source, hook_id=None, task=None), hook=None)
FAILED = replace(FOUND, known=Known("open", 1, "timeout after 5 s", 3, None, "timeout"))


@pytest.mark.parametrize(
    ("wanted", "found", "fits"),
    [
        (Filter(), FOUND, True),
        (Filter(), replace(FOUND, known=Known("sent", 1)), False),
        (Filter(state="sent"), replace(FOUND, known=Known("sent", 1)), True),
        (Filter(state="all"), replace(FOUND, known=Known("dropped", 1)), True),
        (Filter(state="delivered"), FOUND, False),
        (Filter(hook_id=HOOK.id), FOUND, True),
        (Filter(hook_id="b" * 32), FOUND, False),
        (Filter(task="shop.task"), FOUND, True),
        (Filter(task="shop"), FOUND, False),
        (Filter(url="EXAMPLE.com/hook"), FOUND, True),
        (Filter(url="other"), FOUND, False),
        (Filter(kind="delivery"), FOUND, True),
        (Filter(kind="task"), FOUND, False),
        (Filter(kind="task"), OF_TASK, True),
        (Filter(kind="task"), replace(OF_TASK, letter=replace(OF_TASK.letter, task=None, truncated=True)), True),
        (Filter(kind="task"), BROKEN, False),
        (Filter(kind="record"), BROKEN, True),
        (Filter(kind="record"), OF_TASK, False),
        (Filter(url="example"), replace(FOUND, hook=None), False),
        (Filter(organization_id="1"), FOUND, True),
        (Filter(organization_id="2"), FOUND, False),
        (Filter(organization_id="1", url="other"), FOUND, False),
        (Filter(reason="STATUS 4"), FOUND, True),
        (Filter(reason="timeout"), FOUND, False),
        (Filter(reason="timeout"), FAILED, True),
        (Filter(reason="status 404"), FAILED, False),
        (Filter(between=Between(1000, 1001)), FOUND, True),
        (Filter(between=Between(1001, None)), FOUND, False),
    ],
)
def test_filters(wanted, found, fits):
    assert wanted.fits(found) is fits


def test_what_is_shown_is_the_last_failure():
    assert (FOUND.reason, FOUND.attempts, FOUND.last) == ("status 404", 6, {"status": 404})
    assert (FAILED.reason, FAILED.attempts, FAILED.last) == ("timeout after 5 s", 3, {"error": "timeout"})
    assert replace(FAILED, known=Known("delivered", 2, attempts=1)).attempts == 6
