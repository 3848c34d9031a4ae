"""The views of single attempts: which attempts are looked for, what is shown, and a request sent once more."""

from __future__ import annotations

import pytest
from support.web_parts import NOW, FakeParts, created, serving

from streamhooks.errors import BrokenRecord, RecordTooLarge, RegistryAway
from streamhooks.history.attempts import Wanted
from streamhooks.kafka.backwards import Page, Place
from streamhooks.kafka.reader import Record
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode
from streamhooks.records.ids import webhook_id
from streamhooks.tasks.call import Call
from streamhooks.times import Between

PATH = "/api/attempts"
HOOK = "a" * 32
ATTEMPT = {"hook_id": HOOK, "id": "msg_1", "attempt": 1, "at": 5, "outcome": "delivered", "source": "t.events:3:17"}


class Away:
    """A schema registry that is away."""

    def learn(self, value: bytes | None) -> None:
        raise RegistryAway("the schema registry does not answer")


async def test_what_is_shown_of_a_page() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        last = {"attempts": [], "next_cursor": None, "looked_back_to": None}
        assert await (await client.get(PATH)).json() == last
        parts.history.attempts_page = Page([ATTEMPT], {11: Place(18, 4), 2: Place(7)}, 1_000_500)
        page = await (await client.get(PATH)).json()
        assert page == {
            "attempts": [{"webhook_id": "msg_1", **ATTEMPT}],
            "next_cursor": "2:7.11:18:4",
            "looked_back_to": "1970-01-01T00:16:40.500+00:00",
        }
        assert (await client.get(PATH, params={"cursor": page["next_cursor"]})).status == 200
    assert parts.history.asked[-1] == ("attempts", Wanted(), {2: Place(7), 11: Place(18, 4)}, 100)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", Wanted()),
        ("limit=", Wanted()),
        (f"hook_id={HOOK.upper()}&webhook_id=msg_1", Wanted(HOOK, "msg_1")),
        ("outcome=dead&status=503&event=issue.created", Wanted(outcome="dead", status=503, event="issue.created")),
        ("since=1&until=1970-01-01T00:00:02Z", Wanted(between=Between(1000, 2000))),
        ("webhook_id=%00%ff&event=%F0%9F", Wanted(webhook_id="\0\ufffd", event="\ufffd")),
    ],
)
async def test_which_are_looked_for(query: str, wanted: Wanted) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        assert (await client.get(f"{PATH}?{query}")).status == 200
    assert parts.history.asked == [("attempts", wanted, {}, 100)]


@pytest.mark.parametrize(
    "query",
    ["hook_id=msg_1", "outcome=fired", "status=99", "status=1000", "status=-1", "status=5xx", f"status={'9' * 20}",
     "status=%00", "status=%D9%A5%D9%A0%D9%A3", "since=-1", "until=1e400", "since=then", "limit=0", "limit=501",
     f"limit={'9' * 20}", "cursor=1", "cursor=1:2:-3", "cursor=1:2.", f"cursor=1:{'9' * 20}", "cursor=%00",
     "colour=red", "event=a&event=b"],
)  # fmt: skip
async def test_what_is_refused(query: str) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        assert (await client.get(f"{PATH}?{query}")).status == 400
    assert parts.history.asked == []


async def test_few_searches_run_at_once_and_kafka_may_be_away() -> None:
    parts = FakeParts()

    async def away(*_args):
        raise TimeoutError

    parts.history.attempts = away
    async with serving(parts) as client:
        answer = await client.get(PATH)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        with parts.looks.long_place(), parts.looks.long_place():
            answer = await client.get(PATH)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")


async def test_a_request_is_sent_once_more() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        hook_id = (await created(client))["id"]
        parts.history.record = Record("t.events", 3, 17, 5000, b"k", b"{}")
        wanted = webhook_id("t.events", 3, 17, 5000, hook_id)
        parts.call = Call(wanted, "a.task", 2, int(NOW * 1000), ["x"], hook_id=hook_id, source="t.events:3:17")
        parts.published.clear()
        path = f"/api/hooks/{hook_id}/requests/{wanted}/resend"
        answers = [await client.post(path, json={"source": "t.events:3:17"}) for _ in range(2)]
        told = [await answer.json() for answer in answers]
    assert [answer.status for answer in answers] == [202, 202]
    assert {tuple(one) for one in told} == {("call_id", "webhook_id", "source")}
    assert told[0]["call_id"] != told[1]["call_id"], "each is another one"
    assert {one["webhook_id"] for one in told} == {wanted}
    assert parts.history.asked == [("record", ("t.events", 3), 17)] * 2
    for (topic, key, value), answer in zip(parts.published, told, strict=True):
        call = decode(DelayedCall, value)
        assert (topic, key) == ("t.delayed", answer["call_id"])
        assert (call.id, call.webhook_id, call.cause, call.reason) == (key, wanted, "replay", "resend")
        assert (call.attempt, call.hook_id, call.source, call.args) == (1, hook_id, "t.events:3:17", ["x"])


async def test_what_is_told_is_the_request_also_when_a_fan_out_makes_it() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        hook_id = (await created(client))["id"]
        parts.history.record = Record("t.resource-changes", 3, 17, 5000, b"k", b"{}")
        wanted = webhook_id("t.resource-changes", 3, 17, 5000, hook_id)
        # Of a change whose resource is still to be looked up: its child gets the id of the request.
        parts.call = Call("msg_of_the_record", "a.task", 2, int(NOW * 1000), source="t.resource-changes:3:17")
        answer = await client.post(
            f"/api/hooks/{hook_id}/requests/{wanted}/resend", json={"source": "t.resource-changes:3:17"}
        )
        assert (answer.status, (await answer.json())["webhook_id"]) == (202, wanted)


async def test_what_cannot_be_sent_once_more() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        hook_id = (await created(client))["id"]
        wanted = webhook_id("t.events", 3, 17, 5000, hook_id)
        path = f"/api/hooks/{hook_id}/requests/{wanted}/resend"
        parts.published.clear()

        async def refused(body, where: str = path) -> tuple[int, str]:
            answer = await client.post(where, json=body)
            assert not parts.published
            found = await answer.json()
            return answer.status, found.get("detail") or next(iter(found.items()))

        good = {"source": "t.events:3:17"}
        for source in (
            None,
            5,
            "",
            "msg_1",
            "t.events:-1:0",
            f"t.events:0:{'9' * 20}",
            "t.events:0:1\n",
        ):
            assert (await refused({"source": source}))[0] == 400, source
        assert (await refused({**good, "dry_run": True})) == (400, ("dry_run", "unknown field"))
        assert (await refused(good, path.replace(hook_id, "0" * 32))) == (404, "hook not found")
        gone = (404, "Kafka no longer has the record t.events:3:17: its request can't be sent again")
        assert await refused(good) == gone
        for source in ("u.events:3:17", "t.u.events:3:17", "events:3:17", "t.hooks:0:1", "orders:0:1"):
            parts.history.asked.clear()
            assert (await refused({"source": source}))[0] == 404, "another installation's"
            assert parts.history.asked == [], source
        for topic in ("t.u.events", "t.u.resource-changes", "t.u.notices", "t.uevents"):
            # Its webhook-id follows from what anybody knows who reads that topic.
            parts.history.record = Record(topic, 3, 17, 5000, b"k", b"{}")
            theirs = path.replace(wanted, webhook_id(topic, 3, 17, 5000, hook_id))
            assert (await refused({"source": f"{topic}:3:17"}, theirs))[0] == 404, "one whose prefix begins with ours"
        parts.history.record = Record("t.events", 3, 17, 5000, b"k", None)
        assert await refused(good) == gone
        parts.history.record = Record("t.events", 3, 17, 6000, b"k", b"{}")
        status, text = await refused(good)
        assert (status, "was not made from the record that is now at t.events:3:17" in text) == (404, True)
        parts.history.record = Record("t.events", 3, 17, 5000, b"k", b"{}")
        status, text = await refused(good)
        assert (status, "no longer fires this hook" in text) == (409, True)
        parts.failure = BrokenRecord("event_id: must be a text")
        assert await refused(good) == (409, "the record can't be read: event_id: must be a text")
        parts.registry = Away()
        assert await refused(good) == (503, "the schema registry does not answer")
        parts.registry, parts.failure, parts.failure_of_publish = None, None, RecordTooLarge("2 MB")
        parts.call = Call(wanted, "a.task", 2, 5, hook_id=hook_id, source="t.events:3:17")
        status, text = await refused(good)
        assert (status, "too large" in text) == (409, True)
        parts.failure_of_publish = None
        assert (await client.put(f"/api/hooks/{hook_id}", json={"status": "disabled"})).status == 200
        parts.published.clear()
        status, text = await refused(good)
        assert (status, "disabled" in text) == (409, True)
