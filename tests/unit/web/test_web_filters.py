from __future__ import annotations

from typing import Any

import pytest
from support.web_parts import FakeParts, serving

from streamhooks.filters.judging import Verdict
from streamhooks.history.trying import Trial, Tried
from streamhooks.records.message import Message

PATH = "/api/filters/try"


async def tried(fields: Any, parts: FakeParts | None = None) -> tuple[int, Any]:
    async with serving(parts or FakeParts()) as client:
        answer = await client.post(PATH, json=fields)
        return answer.status, await answer.json()


async def test_a_filter_is_tried_on_a_message() -> None:
    message = {"type": "order.paid", "organization_id": 1, "data": {"total": 1.10}}
    assert await tried({"filter": "message.data.total > 1.0", "message": message}) == (
        200,
        {
            "match": 1, "no_match": 0, "failed": 0,
            "tried": [{"source": None, "timestamp": None, "type": "order.paid", "verdict": "match", "why": ""}],
        },
    )  # fmt: skip
    _, found = await tried({"filter": "message.data.sum > 1.0", "message": {"data": {}}})
    assert [(one["type"], one["verdict"], one["why"]) for one in found["tried"]] == [
        ("any", "no_match", "there is no sum")
    ]
    _, found = await tried({"filter": "message.data > 1.0", "message": {"data": "x"}})
    assert (found["failed"], found["tried"][0]["verdict"]) == (1, "failed")


async def test_a_sample_has_what_every_message_has() -> None:
    text = "message.id != null && message.timestamp > timestamp('1970-01-01T00:00:00Z')"
    for message in ({}, {"id": None, "timestamp": None}, {"id": "1", "timestamp": 5}):
        _, found = await tried({"filter": text, "message": message})
        assert found["match"] == 1
    event = {"specversion": "1.0", "type": "order.paid", "source": "/s", "id": "o-1", "organizationid": "7"}
    _, found = await tried({"filter": "message.organization_id == '7' && message.id == 'o-1'", "message": event})
    assert (found["match"], found["tried"][0]["type"]) == (1, "order.paid")


async def test_a_sample_may_have_what_a_record_may_have() -> None:
    for data in (b"1e400", b'"\\ud800"', b"12345678901234567890"):
        async with serving(FakeParts()) as client:
            body = b'{"filter": "message.data != null", "message": {"data": ' + data + b"}}"
            answer = await client.post(PATH, data=body, headers={"Content-Type": "application/json"})
            assert (answer.status, (await answer.json())["match"]) == (200, 1)


async def test_a_filter_is_tried_on_the_latest_messages_of_an_organization() -> None:
    parts = FakeParts()
    parts.history.tried = [
        Tried("t.messages:0:7", 1_700_000_000_500, "order.paid", Verdict("match")),
        Tried("t.messages:0:6", 1_700_000_000_000, "order.paid", Verdict("no_match", "it is false")),
    ]
    status, found = await tried({"filter": "true", "organization_id": "1", "events": ["order.*"], "limit": 2}, parts)
    assert status == 200
    assert (found["match"], found["no_match"], found["failed"]) == (1, 1, 0)
    assert found["tried"][1] == {
        "source": "t.messages:0:6", "timestamp": "2023-11-14T22:13:20.000+00:00", "type": "order.paid",
        "verdict": "no_match", "why": "it is false",
    }  # fmt: skip
    assert parts.history.asked == [("try", Trial("true", "1", (), ("order.*",)), 2)]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {"filter": "is required, and must be a text"}),
        ({"filter": "true", "message": []}, {"message": "must be an object"}),
        ({"filter": "true", "message": {"type": "a b"}}, {"message": "type: must be segments"}),
        ({"filter": "true", "organization_id": 1, "message": {}}, {"message": "give either this or organization_id"}),
        ({"filter": "true", "organization_id": 1}, {"organization_id": "is required, and must be a text"}),
        ({"filter": "true", "organization_id": "1", "events": "*"}, {"events": "must be a list of texts"}),
        ({"filter": "true", "organization_id": "1", "events": ["order.**"]}, {"events": "'order.**' is not a type"}),
        ({"filter": "true", "organization_id": 1, "limit": 0}, {"limit": "must be a whole number from 1 to 200"}),
        ({"filter": "message.", "organization_id": 1}, {"filter": "position 9: "}),
        ({"filter": "true", "organization_id": 1, "colour": 1}, {"colour": "unknown"}),
    ],
)
async def test_what_is_wrong_is_told(fields: Any, wrong: dict[str, str]) -> None:
    status, found = await tried(fields)
    assert status == 400
    for name, text in wrong.items():
        assert found[name].startswith(text)


@pytest.mark.parametrize(
    ("trial", "message", "asks"),
    [
        (Trial("true", "1"), Message("a.b", "1", None), True),
        (Trial("true", "1"), Message("a.b", "2", None), False),
        (Trial("true", "1", ("7",)), Message("a.b", "1", None), False),
        (Trial("true", "1", ("7",)), Message("a.b", "1", None, "7"), True),
        (Trial("true", "1", (), ("a.*",)), Message("a.b.c", "1", None), True),
        (Trial("true", "1", (), ("a.b",)), Message("a.b.c", "1", None), False),
        (Trial("true", "1", (), ("a.*",)), Message("ab", "1", None), False),
    ],
)
def test_a_trial_asks_for_what_a_hook_would_get(trial: Trial, message: Message, *, asks: bool) -> None:
    assert trial.asks_for(message) is asks
