"""Sending messages through the API: what is valid, what is written, and what became of each."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from support.web_parts import FakeParts, FakeSettings, serving

from streamhooks.errors import NotConfirmed, ProducerDead, RecordTooLarge, WriteRefused
from streamhooks.kafka.publisher import Published
from streamhooks.sources import sending
from streamhooks.sources.sending import MessageSender
from streamhooks.web.http import problems

PATH = "/api/messages"
PAID: dict[str, Any] = {"type": "order.paid", "organization_id": 1, "data": {"order": 42}}
EVENT = {"specversion": "1.0", "type": "order.paid", "source": "/shop", "id": "o-1", "organizationid": "1", "x": 1}
READ, SEND, WRITE, BOTH = "a-token-that-reads", "a-token-that-sends", "a-token-that-writes", "a-token-of-both"


class Kafka:
    """An outbox whose records end as `endings` say, in turn: with an error, or never, for None; all others are written.

    `full` is how many records there is room for.
    """

    def __init__(self, *endings: Exception | None, full: int = 1000) -> None:
        self.endings = list(endings)
        self.room = full
        self.came = asyncio.Semaphore(0)
        self.offered: list[asyncio.Future[Published]] = []

    def offer(self, topic: str, _value: bytes | None, **_: Any) -> asyncio.Future[Published]:
        if len(self.offered) == self.room:
            raise BufferError
        future: asyncio.Future[Published] = asyncio.get_running_loop().create_future()
        ending = self.endings.pop(0) if self.endings else Published(topic, 0, len(self.offered))
        self.offered.append(future)
        self.came.release()
        if isinstance(ending, Published):
            future.set_result(ending)
        elif ending is not None:
            future.set_exception(ending)
        return future


def with_kafka(kafka: Kafka) -> FakeParts:
    parts = FakeParts()
    parts.message_sender = MessageSender(kafka, parts.topics.messages)
    return parts


async def sent(given: Any, parts: FakeParts | None = None, **headers: str) -> tuple[int, Any, FakeParts]:
    parts = parts or FakeParts()
    body = given if isinstance(given, bytes) else json.dumps(given).encode()
    async with serving(parts) as client:
        answer = await client.post(PATH, data=body, headers={"Content-Type": "application/json", **headers})
        return answer.status, await answer.json(), parts


async def test_one_message_is_written_with_its_key_as_it_was_given() -> None:
    given = b'{"type": "order.paid", "organization_id": 1, "id": "o-1", "data": {"total": 129.50, "n": 1e2}}'
    status, found, parts = await sent(given)
    assert (status, found) == (
        201,
        {"messages": [{"id": "o-1", "status": "written", "coordinates": "t.messages:0:0"}]},
    )
    ((topic, key, value),) = parts.published
    assert (topic, key) == ("t.messages", "1")
    assert value == given.replace(b" ", b"")


async def test_a_list_is_written_in_its_order() -> None:
    status, found, parts = await sent([PAID, EVENT, PAID | {"project_id": "7"}])
    assert status == 201
    assert [one["coordinates"] for one in found["messages"]] == [f"t.messages:0:{offset}" for offset in range(3)]
    assert [one["id"] for one in found["messages"]] == [None, "o-1", None]
    assert [(key, json.loads(value)) for _, key, value in parts.published] == [
        ("1", PAID), ("1", EVENT), ("7", PAID | {"project_id": "7"})
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("media", "given", "status"),
    [
        ("application/cloudevents+json", EVENT, 201),
        ("application/cloudevents+json; charset=utf-8", EVENT, 201),
        ("application/cloudevents-batch+json", [EVENT, EVENT], 201),
        ("application/cloudevents-batch+json", b"\xef\xbb\xbf" + json.dumps([EVENT]).encode(), 201),
        ("application/cloudevents+json", [EVENT], 400),
        ("application/cloudevents-batch+json", EVENT, 400),
        ("application/cloudevents+json", PAID, 400),
        ("application/cloudevents-batch+json", [PAID], 400),
        ("application/xml", EVENT, 415),
        ("text/plain", PAID, 415),
    ],
)
async def test_the_media_types_of_cloud_events(media: str, given: Any, status: int) -> None:
    found, _, parts = await sent(given, **{"Content-Type": media})
    assert found == status
    assert bool(parts.published) is (status == 201)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (PAID | {"type": "order paid"}, {"type": "must be segments of"}),
        ({"type": "order.paid"}, {"organization_id": "must be an id"}),
        (PAID | {"organisation_id": 1}, {"organisation_id": "unknown field"}),
        (PAID | {"id": 5}, {"id": "must be a text"}),
        (PAID | {"timestamp": "now"}, {"timestamp": "must be RFC 3339"}),
        ([PAID, PAID | {"type": ""}, 3, [PAID]], {"[1].type": "must not", "[2]": "it is not a", "[3]": "it is not a"}),
        ([EVENT | {"specversion": "2.0"}], {"[0].specversion": "must be 1.0"}),
        (EVENT | {"data_base64": "aGk="}, {"data_base64": "data must be JSON"}),
        ({name: one for name, one in EVENT.items() if name != "organizationid"}, {"organizationid": "a CloudEvent"}),
        ([EVENT | {"time": "now"}], {"[0].time": "must be RFC 3339"}),
        (EVENT | {"organizationid": True}, {"organizationid": "must be an id"}),
        (PAID | {"specversion": None}, {"specversion": "unknown field"}),
        (PAID | {"a: b": 1}, {"a: b": "unknown field"}),
        (b'\xef\xbb\xbf[{"type": "a"}]', {"[0].organization_id": "must be an id"}),
        ([], {"detail": "a list must have 1 to 500 messages"}),
        ([PAID] * 501, {"detail": "a list must have 1 to 500 messages"}),
        (3, {"detail": "it is not a JSON object"}),
        (b"", {"detail": "not JSON"}),
        (b"[{]", {"detail": "not JSON"}),
        (b'{"data":' + b"[" * 250 + b"]" * 250 + b"}", {"detail": "JSON nested more than 200"}),
    ],
)
async def test_of_what_is_wrong_nothing_is_written(given: Any, wrong: dict[str, str]) -> None:
    status, found, parts = await sent(given)
    assert (status, found.keys()) == (400, wrong.keys())
    for name, text in wrong.items():
        assert found[name].startswith(text)
    assert parts.published == []


async def test_of_many_wrong_messages_the_first_are_told() -> None:
    _, found, _ = await sent([{"type": "a"}] * 500)
    assert [*found] == [f"[{index}].organization_id" for index in range(20)]


async def test_a_message_may_be_nested_as_deep_in_a_list_as_alone() -> None:
    deep = b'{"type":"a","organization_id":1,"data":' + b"[" * 199 + b"]" * 199 + b"}"
    for given in (deep, b" [" + deep + b"]"):
        assert (await sent(given))[0] == 201


async def test_a_megabyte_is_taken_and_no_more() -> None:
    largest = json.dumps(PAID | {"data": ""}).encode()
    largest = largest.replace(b'""', b'"' + b"x" * (1_000_000 - len(largest)) + b'"')
    assert len(largest) == 1_000_000
    assert (await sent(largest))[0] == 201
    assert (await sent(gzip.compress(largest), **{"Content-Encoding": "gzip"}))[0] == 201
    assert (await sent(largest.replace(b"order.paid", b"order paid")))[0] == 400
    status, found, parts = await sent(largest + b" ")
    assert (status, found.keys(), parts.published) == (413, {"detail"}, [])
    assert (await sent(gzip.compress(largest + b" "), **{"Content-Encoding": "gzip"}))[0] == 413


async def test_hops_and_trace_are_passed_on() -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    _, _, parts = await sent([PAID, PAID], **{"streamhooks-hops": "2", "traceparent": trace})
    assert [parts.headers_of[offset] for offset in range(2)] == [
        [("streamhooks-hops", b"2"), ("traceparent", trace.encode())]
    ] * 2
    status, found, parts = await sent(PAID, **{"streamhooks-hops": "two"})
    assert (status, found.keys(), parts.published) == (400, {"streamhooks-hops"}, [])


async def test_of_several_numbers_of_hops_the_highest_counts() -> None:
    parts = FakeParts()
    headers = [("streamhooks-hops", "2"), ("Streamhooks-Hops", "11"), ("streamhooks-hops", "3")]
    async with serving(parts) as client:
        assert (await client.post(PATH, json=PAID, headers=headers)).status == 201
        assert parts.headers_of[0] == [("streamhooks-hops", b"11")]
        assert (await client.post(PATH, json=PAID, headers=[*headers, ("streamhooks-hops", "x")])).status == 400


async def test_each_message_that_kafka_refuses_is_told() -> None:
    kafka = Kafka(Published("t.messages", 2, 7), WriteRefused("no permission"))
    status, found, _ = await sent([PAID | {"id": "a"}, PAID | {"id": "b"}], with_kafka(kafka))
    assert status == 503
    assert found == {
        "detail": "1 of 2 messages are not known to be written: messages says why",
        "maybe_applied": True,
        "messages": [
            {"id": "a", "status": "written", "coordinates": "t.messages:2:7"},
            {"id": "b", "status": "refused", "coordinates": None, "error": "no permission"},
        ],
    }
    status, found, _ = await sent(PAID, with_kafka(Kafka(WriteRefused("no permission"))))
    assert (status, "maybe_applied" in found) == (503, False)


@pytest.mark.parametrize(
    ("error", "status", "state"),
    [
        (RecordTooLarge("too large"), 413, "refused"),
        (NotConfirmed("not in time"), 503, "unknown"),
        (ProducerDead("fenced"), 503, "unknown"),
    ],
)
async def test_what_a_caller_can_do_follows_from_the_status(error: Exception, status: int, state: str) -> None:
    found, body, _ = await sent(PAID, with_kafka(Kafka(error)))
    assert (found, body["messages"][0]["status"]) == (status, state)
    assert body.get("maybe_applied", False) is (state == "unknown")


async def test_what_there_is_no_room_for_is_refused() -> None:
    status, found, _ = await sent([PAID] * 3, with_kafka(Kafka(full=1)))
    assert status == 503
    assert [one["status"] for one in found["messages"]] == ["written", "refused", "refused"]


async def test_while_kafka_does_not_confirm_only_the_first_call_may_be_written(monkeypatch: Any) -> None:
    monkeypatch.setattr(problems, "CONFIRMED_WITHIN", 0.05)
    kafka = Kafka(None)
    parts = with_kafka(kafka)
    status, found, _ = await sent(PAID, parts)
    assert (status, found["maybe_applied"], found["messages"][0]["status"]) == (503, True, "unknown")
    status, found, _ = await sent(PAID, parts)
    assert (status, found) == (503, {"detail": "Kafka has not confirmed earlier messages yet: nothing was written"})
    assert len(kafka.offered) == 1
    kafka.offered[0].set_result(Published("t.messages", 0, 0))
    await asyncio.sleep(0)
    assert (await sent(PAID, parts))[0] == 201


async def test_large_calls_wait_for_each_other(monkeypatch: Any) -> None:
    monkeypatch.setattr(sending, "ROOM", 2000)
    kafka = Kafka(None, None)
    parts = with_kafka(kafka)
    async with serving(parts) as client:
        first = asyncio.ensure_future(client.post(PATH, json=PAID | {"data": "x" * 1500}))
        await kafka.came.acquire()
        assert (await client.post(PATH, json=PAID | {"data": "x" * 1500})).status == 429
        second = asyncio.ensure_future(client.post(PATH, json=PAID))
        await kafka.came.acquire()
        for future in kafka.offered:
            future.set_result(Published("t.messages", 0, 0))
        assert [(await one).status for one in (first, second)] == [201, 201]
        assert (await client.post(PATH, json=PAID | {"data": "x" * 1500})).status == 201


async def test_who_may_send() -> None:
    tokens = (("read", READ), ("send", SEND), ("write", WRITE), ("read", BOTH), ("send", BOTH))
    told = {
        SEND: "this token may only send messages", READ: "this token may only read",
        BOTH: "this token may only read and send messages",
    }  # fmt: skip
    async with serving(FakeParts(settings=FakeSettings(None, tokens))) as client:
        for token, statuses in {READ: (403, 200, 403), SEND: (201, 403, 403), BOTH: (201, 200, 403)}.items():
            headers = {"Authorization": f"Bearer {token}"}
            answers = [
                await client.post(PATH, json=PAID, headers=headers),
                await client.get("/api/hooks", headers=headers),
                await client.post("/api/hooks", json={}, headers=headers),
            ]
            assert tuple(answer.status for answer in answers) == statuses
            for answer in answers:
                if answer.status == 403:
                    assert await answer.json() == {"detail": told[token]}
        assert (await client.post(PATH, json=PAID)).status == 401
        for path in ("/metrics", "/api/overview", PATH, "/api/explain"):
            assert (await client.get(path, headers={"Authorization": f"Bearer {SEND}"})).status == 403
