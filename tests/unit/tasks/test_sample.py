"""Samples are few at a time, of a worker and of a hook."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from streamhooks.delivery.links import Links
from streamhooks.errors import Busy
from streamhooks.records.firing import Attempt
from streamhooks.records.hook import Hook
from streamhooks.tasks.context import Sent, current
from streamhooks.tasks.delivering import DeliveryFailed, DeliveryRejected, HookGone
from streamhooks.tasks.sample import AT_ONCE, Samples

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


class Endpoint:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.came: list[str] = []

    async def deliver(self, to: Hook, _body: bytes, _headers: object) -> None:
        assert current().call.hook_id == to.id
        self.came.append(to.id)
        await self.go_on.wait()


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


def samples_by(deliver: object, told: list[Attempt] | None = None) -> Samples:
    told = [] if told is None else told
    services = SimpleNamespace(deliver=deliver, links=Links("http://base"))
    return Samples(services, lambda: 1000.0, lambda _hook_id, attempt: told.append(attempt), log_bodies=True)


@pytest.fixture
def samples(endpoint: Endpoint) -> Samples:
    return samples_by(endpoint.deliver)


async def test_one_of_a_hook_and_ten_of_a_worker(samples: Samples, endpoint: Endpoint) -> None:
    tasks = [asyncio.create_task(samples.send(hook(number))) for number in range(AT_ONCE)]
    await asyncio.sleep(0)
    assert endpoint.came == [hook(number).id for number in range(AT_ONCE)]
    with pytest.raises(Busy, match="to this hook"):
        await samples.send(hook(0))
    with pytest.raises(Busy, match="by this worker"):
        await samples.send(hook(AT_ONCE))
    tasks[0].cancel()  # its caller has hung up
    await asyncio.wait(tasks[:1])
    tasks.append(asyncio.create_task(samples.send(hook(AT_ONCE))))
    await asyncio.sleep(0)
    assert endpoint.came[-1] == hook(AT_ONCE).id
    endpoint.go_on.set()
    for answer in await asyncio.gather(*tasks[1:]):
        assert answer["outcome"] == "delivered"
    assert not samples._sent


async def test_a_payload_version_that_there_is_not_fails_as_an_event_would(
    samples: Samples, endpoint: Endpoint
) -> None:
    answer = await samples.send(replace(HOOK, version=7))
    assert (answer["outcome"], answer["error"]) == ("failed", "unsupported payload version")
    assert endpoint.came == []


@pytest.mark.parametrize("failure", [DeliveryFailed("status 503", None), DeliveryRejected("status 400"), HookGone()])
async def test_a_sample_that_is_not_taken_has_failed(failure: Exception) -> None:
    async def deliver(*_: object) -> None:
        current().sent = Sent(5, "http://e.test/", b"{}", 404, None, 3, "no")
        raise failure

    told: list[Attempt] = []
    samples = samples_by(deliver, told)
    answer = await samples.send(HOOK)
    assert answer["outcome"] == "failed"
    assert [(one.id, one.cause, one.outcome, one.response) for one in told] == [
        (answer["webhook_id"], "test", "failed", "no")
    ]


@pytest.mark.parametrize(
    ("events", "resource"),
    [(("*",), "issue"), (("comment.*",), "comment"), (("event.created", "invoice.paid"), "invoice"), ((), "issue")],
)
async def test_a_sample_of_a_hook_of_an_app(events: tuple[str, ...], resource: str) -> None:
    sent: list[bytes] = []

    async def deliver(_hook: Hook, body: bytes, _headers: object) -> None:
        sent.append(body)

    samples = samples_by(deliver)
    assert (await samples.send(replace(HOOK, app_id="a", events=events)))["outcome"] == "delivered"
    assert list(json.loads(sent[0])["data"]) == [resource]
