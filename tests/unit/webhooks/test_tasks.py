"""The tasks that deliver: what they render, and what becomes of calls that they can't."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from support.runs import HOOK, Owner, World, attempted

from streamhooks.tasks.call import Call
from streamhooks.tasks.task import registry
from streamhooks.webhooks.tasks import DeliveryTask

EVENT = {
    "event_id": "e" * 32,
    "type": "default",
    "datetime": 1000.0,
    "organization": {"id": "1", "slug": "acme"},
    "project": {"id": "2", "slug": "shop", "name": "Shop"},
    "group": None,
    "data": {},
}
DELIVERIES = {
    "streamhooks.process_service_hook": ([EVENT], ["project", "group", "event"]),
    "streamhooks.send_alert_webhook": ([EVENT, "CPU > 9"], ["action", "installation", "data", "actor"]),
    "streamhooks.send_resource_change_webhook": (
        ["issue.created", {"issue": {"id": "1"}}],
        ["action", "installation", "data", "actor"],
    ),
}


class Sending(World):
    """With the tasks that there are; what they send is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks.update(registry)
        self.sent: list[tuple[Call, bytes]] = []

    async def deliver(self, call, _hook, payload, traceparent=None, *, is_shown=False):
        self.sent.append((call, payload.body))
        return attempted(200)

    async def call(self, task: str, args: list, of: str | None = HOOK.id, **kwargs) -> None:
        owner = Owner()
        await self.runners.start(Call("c1", task, 0, 0, args, kwargs, hook_id=of, stored=True), owner)
        await asyncio.wait_for(owner.ended.wait(), 5)


def test_the_names_of_the_tasks_that_deliver() -> None:
    of_messages = {"streamhooks.process_message"}  # see test_message_payloads.py
    assert {name for name, task in registry.items() if isinstance(task, DeliveryTask)} == set(DELIVERIES) | of_messages


@pytest.mark.parametrize("task", DELIVERIES)
async def test_what_a_task_sends(task: str) -> None:
    args, wanted = DELIVERIES[task]
    world = Sending()
    await world.call(task, [HOOK.id, *args])
    ((_, body),) = world.sent
    assert list(json.loads(body)) == wanted


@pytest.mark.parametrize("task", DELIVERIES)
async def test_a_call_of_no_hook_is_a_delivery_to_the_hook_of_its_arguments(task: str) -> None:
    """As `process_service_hook.delay(hook_id, event)` makes it: it is counted, and bounded, as any other."""
    args, wanted = DELIVERIES[task]
    world = Sending()
    await world.call(task, [HOOK.id, *args], None)
    ((sent, body),) = world.sent
    assert (sent.hook_id, sent.args[0], list(json.loads(body))) == (HOOK.id, HOOK.id, wanted)
    assert [attempt.outcome for attempt in world.firings.attempts] == ["delivered"]
    assert [call.id for call in world.outputs.settled] == ["c1"]


async def test_such_a_call_may_name_its_arguments() -> None:
    world = Sending()
    await world.call("streamhooks.process_service_hook", [], None, hook_id=HOOK.id, event=EVENT)
    ((sent, _),) = world.sent
    assert (sent.hook_id, sent.args, sent.event) == (HOOK.id, [HOOK.id, EVENT], "event.created")


@pytest.mark.parametrize(
    ("args", "hook_id", "reason"),
    [
        ([HOOK.id], HOOK.id, "TypeError: process_service_hook() missing 1 required positional argument: 'event'"),
        ([HOOK.id, {}], HOOK.id, "BrokenRecord: "),
        ([1, 2, 3], None, "TypeError: too many positional arguments"),
        ([1, EVENT], None, "TypeError: the id of a hook is a string"),
        ([], None, "TypeError: "),
    ],
)
async def test_arguments_that_can_not_be_rendered(args: list, hook_id: str | None, reason: str) -> None:
    world = Sending()
    await world.call("streamhooks.process_service_hook", args, hook_id)
    ((_, given, _),) = world.outputs.dead
    assert given.startswith(reason)
    assert world.sent == world.firings.attempts == []


async def test_a_payload_version_that_there_is_not() -> None:
    world = Sending()
    world.hooks.hook = replace(HOOK, version=7)
    await world.call("streamhooks.process_service_hook", [HOOK.id, EVENT])
    assert [reason for _, reason, _ in world.outputs.dead] == ["unsupported payload version"]
    assert world.sent == []


async def test_what_is_no_delivery_is_not_run_for_a_hook() -> None:
    world = Sending()
    await world.call("streamhooks.note_finding", [HOOK.id, "pause", {}])
    assert [reason for _, reason, _ in world.outputs.dead] == ["unknown task streamhooks.note_finding"]


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ValueError("a defect of ours")])
async def test_an_attempt_that_raises_is_given_up_with_its_reason(error: BaseException) -> None:
    async def deliver(_call: Call) -> None:
        raise error

    world = World()
    await world.run(deliver)
    ((_, reason, _),) = world.outputs.dead
    assert reason.startswith(type(error).__name__)
    assert world.firings.attempts == []
