"""Tests of hooks: few at a time, of a worker and of a hook; of any event that a hook can get, with any body."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from msgspec import UNSET, structs

from streamhooks.delivery.client import Answer
from streamhooks.delivery.links import Links
from streamhooks.delivery.outcomes import Attempted, Request, Verdict, VerdictKind, not_sent
from streamhooks.errors import Busy
from streamhooks.records.firing import Attempt
from streamhooks.records.hook import Hook
from streamhooks.tasks.call import Call
from streamhooks.webhooks.deliver import Deliver
from streamhooks.webhooks.rendering import Payload
from streamhooks.webhooks.sample import AT_ONCE, Samples
from streamhooks.webhooks.sample_bodies import can_get, events_of, sample_body, usual_event

EVENT = "event.created"
HOOK = Hook.from_fields(
    {
        "id": "0" * 32,
        "organization_id": "1",
        "project_ids": [],
        "app_id": None,
        "url": "http://e.test/",
        "events": ["event.created"],
        "secret": "a secret of sixteen",
        "version": 0,
        "status": "active",
        "date_created": "2026-11-22T10:00:00+00:00",
    }
)


def hook(number: int) -> Hook:
    return replace(HOOK, id=f"{number:032x}")


def attempted(status: int, kind: str = "delivered") -> Attempted:
    verdict = Verdict(VerdictKind(kind), None, f"status {status}")
    return Attempted(Request(5, "http://e.test/", b"{}"), Answer(status, None, "answered", (), "no", 3), verdict)


class Endpoint:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.came: list[str] = []

    async def deliver(self, call: Call, to: Hook, *_: object, is_shown: bool) -> Attempted:
        assert (call.hook_id, is_shown) == (to.id, True)
        self.came.append(to.id)
        await self.go_on.wait()
        return attempted(200)


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


def samples_by(deliver: Deliver, told: list[Attempt] | None = None) -> Samples:
    told = [] if told is None else told
    return Samples(
        deliver, Links("http://base"), lambda: 1000.0, lambda _hook_id, attempt: told.append(attempt), log_bodies=True
    )


@pytest.fixture
def samples(endpoint: Endpoint) -> Samples:
    return samples_by(endpoint.deliver)


async def test_one_of_a_hook_and_ten_of_a_worker(samples: Samples, endpoint: Endpoint) -> None:
    tasks = [asyncio.create_task(samples.send(hook(number), EVENT)) for number in range(AT_ONCE)]
    await asyncio.sleep(0)
    assert endpoint.came == [hook(number).id for number in range(AT_ONCE)]
    with pytest.raises(Busy, match="to this hook"):
        await samples.send(hook(0), EVENT)
    with pytest.raises(Busy, match="this worker"):
        await samples.send(hook(AT_ONCE), EVENT)
    tasks[0].cancel()  # its caller has hung up
    await asyncio.wait(tasks[:1])
    tasks.append(asyncio.create_task(samples.send(hook(AT_ONCE), EVENT)))
    await asyncio.sleep(0)
    assert endpoint.came[-1] == hook(AT_ONCE).id
    endpoint.go_on.set()
    for answer in await asyncio.gather(*tasks[1:]):
        assert answer["outcome"] == "delivered"
    assert not samples._sent


async def test_a_payload_version_that_there_is_not_fails_as_an_event_would(
    samples: Samples, endpoint: Endpoint
) -> None:
    answer = await samples.send(replace(HOOK, version=7), EVENT)
    assert (answer["outcome"], answer["error"]) == ("failed", "unsupported payload version")
    assert endpoint.came == []


@pytest.mark.parametrize("kind", ["retry", "rejected", "gone"])
async def test_a_sample_that_is_not_taken_has_failed(kind: str) -> None:
    async def deliver(*_: object, is_shown: bool) -> Attempted:
        return attempted(404, kind)

    told: list[Attempt] = []
    samples = samples_by(deliver, told)
    answer = await samples.send(HOOK, EVENT)
    assert answer["outcome"] == "failed"
    assert [(one.id, one.cause, one.outcome, one.response) for one in told] == [
        (answer["webhook_id"], "test", "failed", "no")
    ]


@pytest.mark.parametrize(
    ("events", "usual"),
    [
        (("*",), "issue.created"),
        (("comment.*",), "comment.created"),
        (("event.created", "invoice.paid"), "invoice.paid"),
        ((), "issue.created"),
    ],
)
async def test_a_test_of_a_hook_of_an_app(events: tuple[str, ...], usual: str) -> None:
    sent: list[tuple[bytes, dict[str, str]]] = []

    async def deliver(_call: Call, _hook: Hook, payload: Payload, *, is_shown: bool) -> Attempted:
        sent.append((payload.body, payload.headers("msg_1", 1, payload.body)))
        return attempted(200)

    samples, of_app = samples_by(deliver), replace(HOOK, app_id="a", events=events)
    assert usual_event(of_app) == usual
    resource, action = usual.split(".")
    told = await samples.send(of_app, usual)
    assert (told["outcome"], told["event"]) == ("delivered", usual)
    body, headers = sent[0]
    assert (json.loads(body)["action"], list(json.loads(body)["data"])) == (action, [resource])
    assert headers["Sentry-Hook-Resource"] == resource


@pytest.mark.parametrize(
    ("app_id", "events", "can", "can_not"),
    [
        (None, ("event.created",), ["event.created"], ["event.alert", "issue.created", "event", "*", ""]),
        (None, ("event.alert", "event.created"), ["event.alert", "event.created"], ["event.*", "EVENT.CREATED"]),
        (
            "a",
            ("comment.*",),
            ["comment.created", "comment.own"],
            ["comment", "comment.*", "issue.created", "comment."],
        ),
        ("a", ("*",), ["issue.created", "order.paid", "hook.disabled"], ["*", "*.*", "a b.c", "a.b.c", "event.*"]),
        ("a", ("event.created", "issue.created"), ["issue.created"], ["event.created"]),
        ("a", ("hook.*",), ["hook.failing", "hook.breaker_opened"], ["hook.*"]),
        (None, (), ["event.created"], ["event.alert"]),
    ],
)
def test_what_a_hook_can_be_tested_with(
    app_id: str | None, events: tuple[str, ...], can: list[str], can_not: list[str]
) -> None:
    of_kind = replace(HOOK, app_id=app_id, events=events)
    assert [event for event in can + can_not if can_get(of_kind, event)] == can
    known = events_of(of_kind)
    assert usual_event(of_kind) in known
    for event in {*known, *can}:
        assert can_get(of_kind, event)
        body = sample_body(of_kind, event, Links("http://base"), 1000.0)
        assert body.isascii()
        data = json.loads(body)
        assert list(data) == (
            ["project", "group", "event"] if app_id is None else ["action", "installation", "data", "actor"]
        )


async def test_what_was_sent_and_what_came_back_is_told() -> None:
    async def deliver(_call: Call, _hook: Hook, payload: Payload, *, is_shown: bool) -> Attempted:
        came = attempted(200)
        return structs.replace(
            came,
            request=structs.replace(came.request, body=payload.body, headers=(("A", "b"),)),
            answer=structs.replace(came.answer, excerpt="fine", headers=(("C", "d"), ("C", "e"))),
        )

    told: list[Attempt] = []
    answer = await samples_by(deliver, told).send(HOOK, EVENT, b'{"a":1.10}')
    assert answer == {
        "event": EVENT, "webhook_id": told[0].id, "outcome": "delivered", "status": 200, "error": None,
        "duration_ms": 3, "url": "http://e.test/", "request_headers": [{"name": "A", "value": "b"}],
        "request": '{"a":1.10}',
        "response_headers": [{"name": "C", "value": "d"}, {"name": "C", "value": "e"}], "response": "fine",
    }  # fmt: skip
    assert [(one.cause, one.event, one.request) for one in told] == [("test", EVENT, UNSET)]


async def test_of_a_test_that_was_not_sent_no_request_is_told() -> None:
    async def deliver(*_: object, is_shown: bool) -> Attempted:
        return not_sent("why", may_pass=True)

    told: list[Attempt] = []
    answer = await samples_by(deliver, told).send(HOOK, EVENT)
    assert (answer["outcome"], answer["status"], answer["error"], told) == ("failed", None, "why", [])
    assert (answer["request"], answer["request_headers"], answer["response_headers"]) == (None, [], [])
