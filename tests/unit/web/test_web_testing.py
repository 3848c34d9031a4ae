"""The views of tests: what may be asked for, and what goes out."""

from __future__ import annotations

import json

import pytest
from support.web_parts import FakeParts, FakeSettings, created, serving


@pytest.mark.parametrize(
    ("body", "event", "sent"),
    [
        (None, "event.alert", None),
        (b"{}", "event.alert", None),
        (b'{"event": null, "body": null}', "event.alert", None),
        (b'{"event": "event.created"}', "event.created", None),
        (b'{"body": {}}', "event.alert", b"{}"),
        ('{"body": {"b": 1.10, "a": "\u00e9"}}'.encode(), "event.alert", b'{"b":1.10,"a":"\\u00e9"}'),
        (b'{"body": {"n": 18446744073709551616, "s": "\\ud800"}, "event": "event.created"}', "event.created",
         b'{"n":18446744073709551616,"s":"\\ud800"}'),
    ],
)  # fmt: skip
async def test_a_test_is_of_the_event_and_the_body_that_are_asked_for(
    body: bytes | None, event: str, sent: bytes | None
) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client, events=["event.created", "event.alert"])
        url, json_type = f"/api/hooks/{made['id']}/test", {"Content-Type": "application/json"}
        answer = await client.post(url, data=body, headers=json_type if body else None)
        assert answer.status == 200, await answer.text()
        told = await answer.json()
        assert (told["outcome"], told["event"]) == ("delivered", event)
        assert parts.tested == [(event, sent)]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        (
            {"event": "event.alert"},
            {"event": "'event.alert' can't fire this hook; these can: event.created"},
        ),
        ({"event": ""}, {"event": "'' can't fire this hook; these can: event.created"}),
        ({"event": 1, "body": "{}"}, {"event": "must be a text", "body": "must be a JSON object"}),
        ({"body": []}, {"body": "must be a JSON object"}),
        ({"secret": "x"}, {"secret": "unknown field"}),
        ({"body": {"a": "\u20ac" * 200}}, {"body": "has 1208 bytes, more than 1024 (STREAMHOOKS_MAX_BODY)"}),
    ],
)
async def test_what_can_not_be_sent_is_refused(fields: dict[str, object], wrong: dict[str, str]) -> None:
    parts = FakeParts(settings=FakeSettings(max_body=1024))
    async with serving(parts) as client:
        url = f"/api/hooks/{(await created(client))['id']}/test"
        answer = await client.post(url, json=fields)
        assert (answer.status, await answer.json()) == (400, wrong)
        assert parts.tested == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"body": ' + b'{"a":' * 500 + b"1" + b"}" * 501, "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"body": {"a": NaN}}', "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'{"body": {"a": "%s"}}' % (b"x" * 70_000), "application/json", 413),
    ],
)
async def test_what_is_no_request_of_a_test(body: bytes, content_type: str, status: int) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        url = f"/api/hooks/{(await created(client))['id']}/test"
        answer = await client.post(url, data=body, headers={"Content-Type": content_type})
        assert answer.status == status
        assert (await answer.json())["detail"]
        assert (await client.post(f"{url}?event=event.created")).status == 400
        assert parts.tested == []


async def test_what_a_test_would_send() -> None:
    async with serving(FakeParts()) as client:
        made = await created(client, app_id="a", events=["issue.created", "comment.*"])
        url = f"/api/hooks/{made['id']}/test"
        told = await (await client.get(url)).json()
        assert told["event"] == "comment.created"
        assert told["events"] == ["comment.created", "comment.deleted", "comment.updated", "issue.created"]
        told = await (await client.get(url, params={"event": "issue.created"})).json()
        assert (told["event"], told["body"]["action"]) == ("issue.created", "created")
        assert list(told["body"]["data"]) == ["issue"]
        told = await (await client.get(url, params={"event": "comment.own"})).json()
        assert told["body"]["action"] == "own"
        answer = await client.get(url, params={"event": "comment"})
        assert (answer.status, list(await answer.json())) == (400, ["event"])
        assert (await client.get(f"{url}?body={{}}")).status == 400
        # What it says can be sent as it is.
        answer = await client.post(url, data=json.dumps({"event": told["event"], "body": told["body"]}).encode(),
                                   headers={"Content-Type": "application/json"})  # fmt: skip
        assert answer.status == 200
