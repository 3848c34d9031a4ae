"""What users write is what goes out: the digits of each number, the meaning of each text, through every detour."""

from __future__ import annotations

import json
from typing import Any

import pytest
from installation import Hook, Installation, alert, change, event
from support import eventually
from support.documents import as_written, generated

from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.exact_json import loads
from streamhooks.records.formats import encode_avro

SETTINGS = {"retry_delay": 0.3, "max_retries": 1, "hook_max_in_flight": 200, "breaker": False}
NUMBERS = (
    "[18446744073709551616,1.10,1E5,-0,1e-05,1e400,0.1000000000000000000000000000001," + "1" * 400 + ", 1795746417.0]"
)
TEXTS = r'["x\ud83d","\ude00x","\u0000\u2028\uffff\u007f","\ud83d\ude00 gr\u00fc\u00dfe",{"\ud83d":1.10}]'
DOCUMENTS = [NUMBERS, TEXTS, *generated(60)]


def with_text(record: dict[str, Any], text: str) -> bytes:
    """Return the record as JSON, with the text in the place of each "TEXT"."""
    return json.dumps(record).replace('"TEXT"', text).encode()


def bodies(hook: Hook, count: int) -> list[Any]:
    """Wait for the requests and return their bodies, with numbers as they are written."""
    requests = hook.received(count)
    assert all(request["body"].isascii() for request in requests)
    return [as_written(request["body"]) for request in requests]


def numbered(number: int) -> str:
    return f"{number:032x}"


def test_events_through_a_retry_a_redrive_a_replay_and_a_resume(installation: Installation, organization: str) -> None:
    retried = installation.create_hook(organization, behaviour="status=503&fail=1")
    refused = installation.create_hook(organization, behaviour="status=400")
    absent = installation.create_hook(organization)
    assert installation.api.put(f"/api/hooks/{absent.id}", {"status": "disabled"}).status == 200
    for number, document in enumerate(DOCUMENTS):
        given = event(organization, event_id=numbered(number), data={"n": "TEXT"}, own="TEXT")
        installation.produce("events", "11", with_text(given, document))
    expected = {numbered(number): as_written(document) for number, document in enumerate(DOCUMENTS)}

    def all_as_written(hook: Hook, times: int) -> None:
        found = bodies(hook, times * len(DOCUMENTS))
        assert len(found) == times * len(DOCUMENTS)
        for body in found:
            wanted = expected[body["event"]["event_id"]]
            assert body["event"]["data"] == {"n": wanted}
            assert body["event"]["own"] == wanted

    all_as_written(retried, 2)
    all_as_written(refused, 1)
    eventually(lambda: len(installation.dead_letters(lambda one: one["hook_id"] == refused.id)) == len(DOCUMENTS))
    for record in installation.records("dead-letters"):
        letter = as_written(record.value())
        if letter["hook_id"] == refused.id:
            sent = letter["task"]["args"][1]
            assert sent["data"] == {"n": expected[sent["event_id"]]}
    installation.receiver.behave(refused.path)
    url = installation.receiver.url(refused.path)
    assert installation.api.put(f"/api/hooks/{refused.id}", {"url": url}).status == 200
    answer = installation.api.post("/api/dead-letters/redrive", {"hook_id": refused.id})
    assert (answer.status, answer.json["redriven"]) == (202, len(DOCUMENTS)), answer
    all_as_written(refused, 2)
    assert installation.api.post(f"/api/hooks/{refused.id}/replay", {"from": 0}).status == 202
    all_as_written(refused, 3)
    assert installation.api.put(f"/api/hooks/{absent.id}", {"status": "active", "resume": "all"}).status == 200
    all_as_written(absent, 1)
    shown = installation.api.get("/api/dead-letters", hook_id=refused.id)
    assert shown.status == 200, shown


@pytest.mark.parametrize("document", [NUMBERS, TEXTS])
def test_alerts_and_changes(installation: Installation, organization: str, document: str) -> None:
    hook = installation.create_hook(organization, "event_alert", "issue", app_id="pager")
    extra = {"additional_payload_key": "extra", "additional_payload": "TEXT"}
    given = with_text(alert(organization, app_id="pager", **extra), document)
    installation.produce("alerts", "11", given)
    installation.produce("alerts", "11", encode_avro(Alert.from_fields(loads(given))))
    for body in bodies(hook, 2):
        assert body["data"]["extra"] == as_written(document)
    key = f"Group:{organization}"
    own = {"instance": {"n": "TEXT"}, "actor": {"type": "user", "n": "TEXT"}, "instance_id": organization}
    given = with_text(change(organization, **own), document)
    installation.produce("resource-changes", key, given)
    installation.produce("resource-changes", key, encode_avro(ResourceChange.from_fields(loads(given))))
    installation.produce("resources", key, with_text({"n": "TEXT"}, document))
    late = {**own, "instance": None}
    installation.produce("resource-changes", key, with_text(change(organization, **late), document))
    for body in bodies(hook, 5)[2:]:
        assert body["data"] == {"issue": {"n": as_written(document)}}
        assert body["actor"]["n"] == as_written(document)
    whole = {**late, "data": {"comment_id": 5, "n": "TEXT"}}
    given = with_text(change(organization, **whole), document)
    installation.produce("resource-changes", key, given)
    installation.produce("resource-changes", key, encode_avro(ResourceChange.from_fields(loads(given))))
    for body in bodies(hook, 7)[5:]:
        assert body["data"] == {"comment_id": as_written("5"), "n": as_written(document)}


def test_events_in_avro_and_behind_a_byte_order_mark(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    given = with_text(event(organization, data={"n": "TEXT"}, group={"id": 7, "n": "TEXT"}), NUMBERS)
    installation.produce("events", "11", encode_avro(Event.from_fields(loads(given))))
    installation.produce("events", "11", b"\xef\xbb\xbf" + given)
    for body in bodies(hook, 2):
        assert body["event"]["data"] == {"n": as_written(NUMBERS)}
        assert body["group"]["n"] == as_written(NUMBERS)
