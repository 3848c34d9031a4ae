"""What somebody else wrote, in logs, labels and spans: never whole."""

from __future__ import annotations

import ast
import asyncio
import logging
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from support.runs import Owner, World

import streamhooks
from streamhooks.faust_patches.app import HOLES, App
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.event import Event
from streamhooks.tasks import context
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import Running, Services
from streamhooks.tasks.endings import LONGEST_REASON, Limits, ending_of
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.retry import RetryTaskError
from streamhooks.tasks.task import Task
from streamhooks.webhooks.tasks import process_resource_change

LONG = "x\n" * 500_000
LIMITS = Limits(300.0, None)


class Hooks:
    def matching(self, *_):
        return ["a hook"]


async def nothing(*_):
    return None


async def published(*_, **__):
    return None


async def run_change(sender: str) -> object:
    run = Running(Call("c", "t", 0, 0), Services(Hooks(), nothing, nothing))
    token = context.enter(run)
    try:
        return await process_resource_change.run(["created", sender, LONG, "1"], {})
    finally:
        context.leave(token)


async def test_the_id_of_a_change_without_its_event(caplog: pytest.LogCaptureFixture) -> None:
    assert await run_change("Error") == []
    (record,) = caplog.records
    assert "event_missing_event sender=Error action=created event_id=x" in record.getMessage()
    assert len(record.getMessage()) < 400
    assert "\n" not in record.getMessage()
    assert len(record.event_id) < 400


async def test_the_id_of_a_change_that_ran_ahead() -> None:
    with pytest.raises(RetryTaskError) as raised:
        await run_change("Group")
    assert len(str(raised.value)) < 400


def test_how_a_run_ended(caplog: pytest.LogCaptureFixture) -> None:
    call = Call(LONG, "t", 0, 0, hook_id=LONG, source=LONG)
    task = Task("t", nothing)
    for error in (ValueError(LONG), RetryTaskError(LONG)):
        ending = ending_of(call, task, error, LIMITS)
        assert len(ending.reason) <= LONGEST_REASON + len("ValueError: ")
        line = caplog.records[-1].getMessage()
        assert len(line) < 8_000
        before, trace, _ = line.partition("\nValueError: ")
        assert bool(trace) is isinstance(error, ValueError)
        assert "\n" not in before
        assert len(caplog.records[-1].reason) < 1500


def test_a_broken_record(caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox.__new__(Outbox)
    outbox.publish = published
    outputs = Outputs(outbox, Topics("p."), lambda: 0.0)
    asyncio.run(outputs.bury(Record("p.events", 0, 5, 0, None, b"{"), LONG))
    assert len(caplog.records[-1].getMessage()) < 1500
    assert "p.events:0:5" in caplog.records[-1].getMessage()


def labels() -> set[str]:
    return {
        value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name.startswith("streamhooks_")
        for value in sample.labels.values()
    }


async def test_a_task_that_nobody_knows_is_no_label() -> None:
    world, owner = World(), Owner()
    before = labels()
    await world.runners.start(Call("c1", LONG, 0, 0), owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert labels() - before <= {"unknown", "dead"}
    assert len(world.outputs.dead[0][1]) < 400


def test_holes_are_bounded() -> None:
    app = App.__new__(App)
    app._natural_holes = {}
    tp = ("events", 0)
    for number in range(3 * HOLES):
        app.note_natural_hole(tp, 2 * number, 2 * number + 1)
    assert len(app._natural_holes[tp]) == HOLES


#: what is ours, or cut elsewhere: counts, offsets, names of topics and tasks, texts of our code and of Kafka's clients
OURS = {
    "', '.join(told)",
    "'%s:%d: %s'", "nearest", "name", "now", "self._prefix",
    "*tp", "start", "end", "first", "record.source", "away", "error", "tp.topic", "tp.partition", "why", "topic",
    "part.name", "text", "place[0]", "self._clock() - closed.since",
    "policy", "resource.name", "self._name", "self._topic", "soft", "left",
    "len(self.hooks)", "tracker.in_flight", "self.topics.hooks", "call.attempt", "call_id", "trace",
    "_FAILURE", "_name(one)",
    "error.str()", "error.args[0].str()", "where(error)", "start.why", "type(error).__name__", "type(exc).__name__",
    "'will be retried' if retried else 'failed'", "told['task']", "told['reason']", "self.room",
}  # fmt: skip


def test_every_logged_value_is_cut_or_ours() -> None:
    found = set()
    for path in Path(streamhooks.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and hasattr(logging.Logger, node.func.attr)
                and ast.unparse(node.func.value) in ("log", "self.log", "logger")
            ):
                found |= {ast.unparse(value) for value in node.args[1:]}
    assert {value for value in found if not value.startswith("shown(")} == OURS


def test_an_event_is_no_line() -> None:
    assert len(repr(Event({"a": LONG}))) > 1_000_000  # so nobody may log one: the filter of the log cuts it
