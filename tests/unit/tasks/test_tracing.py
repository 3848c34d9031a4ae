"""Spans of records and deliveries, with the real runner and the SDK's exporter in memory."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span
from support.runs import Owner
from support.runs import World as Runs

from streamhooks.delivery.client import Answer
from streamhooks.errors import Refusal
from streamhooks.kafka.reader import Record
from streamhooks.records.hook import Hook
from streamhooks.settings import Settings
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import running
from streamhooks.tasks.retry import RetryTaskError
from streamhooks.tasks.tracing import Tracing, make_tracing
from streamhooks.webhooks.deliver import deliverer
from streamhooks.webhooks.rendering import Payload

HOOK = Hook("a" * 32, "1", "https://example.com:8443/in?token=x", (), "x" * 16)
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


class World(Runs):
    def __init__(self, *answers: Answer, traced: bool = True) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = Tracing(provider) if traced else None
        super().__init__(tracing=self.tracing)
        self.answers, self.sent = list(answers), []
        self.hooks.hook = HOOK
        self.send = deliverer(self.post, clock=lambda: 1000.0, timeout=1.0, max_body=100)
        self.delivery(None, "t")

    async def post(self, url, headers, body, timeout, organization):
        self.sent.append(headers)
        return self.answers.pop(0)

    async def deliver(self, call, hook, _payload, traceparent=None, *, is_shown=False):
        return await self.send(call, hook, Payload(b"{}", lambda *_: {}), traceparent)

    async def attempt(self, traceparent: str | None = TRACEPARENT, attempt: int = 1, hook_id: str = HOOK.id) -> None:
        call = Call("c1", "t", 0, 0, attempt=attempt, hook_id=hook_id, source="e:0:7", event="event.created")
        call.traceparent = traceparent
        await self.runners.start(call, Owner())
        await self.runs.idle(5)

    def spans(self) -> list:
        return list(self.exporter.get_finished_spans())


def answered(status: int) -> Answer:
    return Answer(status, None, "answered", (), "", 1)


async def test_the_request_names_the_span_of_its_attempt() -> None:
    world = World(answered(200))
    await world.attempt()
    (span,) = world.spans()
    assert world.sent[0]["traceparent"] == f"00-{TRACE}-{span.context.span_id:016x}-01"
    assert (span.kind, f"{span.parent.span_id:016x}") == (SpanKind.CLIENT, SPAN)
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes) == {
        "streamhooks.hook.id": HOOK.id,
        "streamhooks.webhook.id": "c1",
        "streamhooks.attempt": 1,
        "streamhooks.event": "event.created",
        "streamhooks.source": "e:0:7",
        "streamhooks.task": "t",
        "streamhooks.outcome": "delivered",
        "http.request.method": "POST",
        "server.address": "example.com",
        "server.port": 8443,
        "http.response.status_code": 200,
    }


@pytest.mark.parametrize(
    ("answer", "outcome", "error"),
    [
        (answered(503), "retried", "503"),
        (answered(400), "dead", "400"),
        (Answer(None, "timeout: not done within 1 s", "timeout", (), "", 1000), "retried", "timeout"),
    ],
)
async def test_an_attempt_that_failed(answer: Answer, outcome: str, error: str) -> None:
    world = World(answer)
    await world.attempt()
    (span,) = world.spans()
    assert (span.attributes["streamhooks.outcome"], span.attributes["error.type"]) == (outcome, error)
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes.get("http.response.status_code") == answer.status


async def test_a_retry_is_a_sibling_of_the_attempt_before() -> None:
    world = World(answered(503), answered(200))
    await world.attempt()
    ((stored, *_),) = world.outputs.stored
    await world.attempt(stored.traceparent, attempt=2)
    first, second = world.spans()
    assert first.parent.span_id == second.parent.span_id
    assert first.context.span_id != second.context.span_id
    assert second.attributes["streamhooks.attempt"] == 2


async def test_what_sends_nothing_is_an_attempt_that_was_dropped() -> None:
    world = World()
    world.hooks.is_active = lambda _hook_id: True
    await world.attempt(hook_id="b" * 32)
    (span,) = world.spans()
    assert span.attributes["streamhooks.outcome"] == "dropped"
    assert "http.request.method" not in span.attributes


async def test_without_a_parent_a_trace_begins() -> None:
    world = World(answered(200))
    await world.attempt(None)
    (span,) = world.spans()
    assert span.parent is None
    assert world.sent[0]["traceparent"].split("-")[1] == f"{span.context.trace_id:032x}"


async def test_who_does_not_want_a_trace_gets_none() -> None:
    world = World(answered(200))
    await world.attempt(TRACEPARENT[:-1] + "0")
    assert world.spans() == []
    assert world.sent[0]["traceparent"].startswith(f"00-{TRACE}-")
    assert world.sent[0]["traceparent"].endswith("-00")


async def test_the_deliveries_are_children_of_their_record() -> None:
    world = World()
    calls = [Call(name, "t", 0, 0, hook_id=HOOK.id, traceparent=TRACEPARENT) for name in ("a", "b")]
    with world.tracing.taking_up(Record("t.events", 3, 7, 0, None, b"{}"), calls):
        pass
    (span,) = world.spans()
    assert (span.name, span.kind, f"{span.parent.span_id:016x}") == ("process t.events", SpanKind.CONSUMER, SPAN)
    assert {call.traceparent for call in calls} == {f"00-{TRACE}-{span.context.span_id:016x}-01"}
    wanted = {"messaging.destination.name": "t.events", "messaging.kafka.offset": 7}
    assert wanted.items() <= span.attributes.items()


async def run_of_a_user(world: World, function: Any, name: str = "shop.t", **options: Any) -> Call:
    world.task(function, name)
    call = Call("call_1", name, 0, 0, attempt=2, source="e:0:7", **options)
    await world.runners.start(call, owner := Owner())
    await asyncio.wait_for(owner.ended.wait(), 30)
    return call


async def test_the_span_of_a_dead_letter_that_is_sent_again_names_the_call_of_its_caller() -> None:
    world = World()
    await run_of_a_user(world, lambda: None, first_id="call_0")
    (span,) = world.spans()
    assert span.attributes["streamhooks.call.id"] == "call_0"


async def test_a_run_of_a_users_task_has_a_span_which_is_that_of_its_code() -> None:
    world, inside = World(), []

    async def task() -> None:
        inside.append((get_current_span().get_span_context().span_id, running().traceparent))

    await run_of_a_user(world, task, traceparent=TRACEPARENT)
    (span,) = world.spans()
    assert (span.name, span.kind, f"{span.parent.span_id:016x}") == ("run shop.t", SpanKind.CONSUMER, SPAN)
    assert inside == [(span.context.span_id, f"00-{TRACE}-{span.context.span_id:016x}-01")]
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes) == {
        "streamhooks.task": "shop.t",
        "streamhooks.call.id": "call_1",
        "streamhooks.attempt": 2,
        "streamhooks.source": "e:0:7",
        "streamhooks.outcome": "done",
    }


@pytest.mark.parametrize(
    ("error", "outcome"), [(RetryTaskError("away"), "retry"), (ValueError("a defect"), "dead"), (SystemExit(3), "dead")]
)
async def test_the_span_of_a_run_that_fails_says_so(error: BaseException, outcome: str) -> None:
    world = World()

    async def task() -> None:
        raise error

    await run_of_a_user(world, task)
    (span,) = world.spans()
    assert (span.attributes["streamhooks.outcome"], span.status.status_code) == (outcome, StatusCode.ERROR)
    assert span.status.description == f"{type(error).__name__}: {error}"


async def test_without_a_parent_all_runs_of_a_call_are_in_the_trace_of_the_first() -> None:
    world = World()

    async def task() -> None:
        raise RetryTaskError

    await run_of_a_user(world, task)
    (first,) = world.spans()
    ((stored, *_),) = world.outputs.stored
    await run_of_a_user(world, task, traceparent=stored.traceparent)
    _, second = world.spans()
    assert first.context.trace_id == second.context.trace_id
    assert second.parent.span_id == first.context.span_id


async def test_a_run_of_a_task_of_ours_has_no_span_of_its_own() -> None:
    world = World()

    async def task() -> None:
        """Do nothing."""

    await run_of_a_user(world, task, "streamhooks.t")
    assert world.spans() == []


async def test_when_off_what_the_record_brought_is_passed_on() -> None:
    world = World(answered(200), traced=False)
    await world.attempt()
    assert world.sent[0]["traceparent"] == TRACEPARENT
    assert world.spans() == []


def test_off_by_default() -> None:
    assert make_tracing(Settings(_env_file=None)) is None


def test_without_its_packages_the_start_ends_with_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(Refusal, match=r"streamhooks\[otel\]"):
        make_tracing(Settings(_env_file=None, otlp_endpoint="http://127.0.0.1:4318"))
