"""Records that nobody should have written, on every topic: each is told, and the partition goes on."""

from __future__ import annotations

import base64
import json
import secrets

import pytest
from installation import Installation, alert, change, coordinates, event, hook_record
from support import create_topic, eventually

#: `unknown_task_days`: a call of an unknown task is given up after a second
SETTINGS = {"retry_delay": 0.3, "max_retries": 1, "partitions": 4, "unknown_task_days": 1e-5}
UNKNOWN_FINGERPRINT = b"\xc3\x01" + b"\xee" * 8 + b"\x02\x04"
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000

BYTES = {
    "empty": b"",
    "no text": b"\xff\xfe\x80",
    "no JSON": b"{broken",
    "no object": b"[1, 2]",
    "null": b"null",
    "nothing in it": b"{}",
    "wrong types": b'{"event_id": 5, "organization": [], "action": {}, "event": 1.5, "hook_id": [], "id": true}',
    "not a number": b'{"a": NaN}',
    "deep": DEEP,
    "half a surrogate": b'{"action": "\\ud800"}',
    "unknown fingerprint": UNKNOWN_FINGERPRINT,
    "half a fingerprint": b"\xc3\x01\xee",
    "no registry": b"\x00\x00\x00\x00\x07abc",
}


def goes_on(installation: Installation, organization: str, topic: str) -> None:
    """Check that a record behind the poison, in its partition, is delivered."""
    hook = installation.create_hook(organization, *([] if topic != "alerts" else ["event.alert"]))
    if topic == "resource-changes":
        hook = installation.create_hook(organization, "issue", app_id="pager")
    value = {"events": event, "alerts": alert, "resource-changes": change}[topic](organization)
    installation.produce(topic, "poison", value)
    hook.received()


@pytest.mark.parametrize("topic", ["events", "alerts", "resource-changes"])
def test_broken_bytes_on_a_source_topic(installation: Installation, organization: str, topic: str) -> None:
    written = {name: installation.produce(topic, "poison", value) for name, value in BYTES.items()}
    goes_on(installation, organization, topic)
    for name, message in written.items():
        letter = installation.dead_letter_at(message)
        assert letter["id"] == coordinates(message), name
        assert letter["reason"], name
        assert base64.b64decode(letter["raw"]) == BYTES[name], name
        assert (letter["hook_id"], letter["task"], letter["truncated"]) == (None, None, False), name
    keys = {record.key().decode() for record in installation.records("dead-letters")}
    assert {coordinates(message) for message in written.values()} <= keys


@pytest.mark.parametrize("topic", ["events", "alerts", "resource-changes"])
def test_tombstones_are_skipped(installation: Installation, organization: str, topic: str) -> None:
    written = [installation.produce(topic, "poison", None) for _ in range(3)]
    goes_on(installation, organization, topic)
    sources = {coordinates(message) for message in written}
    assert installation.dead_letters(lambda letter: letter["source"] in sources) == []


BROKEN_EVENTS = {
    "event_id": "too short",
    "type": "",
    "datetime": "yesterday",
    "organization": {"id": None, "slug": "acme"},
    "project": {"id": True, "slug": "shop", "name": "Shop"},
    "group": {"title": "no id"},
    "data": "text",
}


def test_the_reason_names_the_field(installation: Installation, organization: str) -> None:
    written = {
        name: installation.produce("events", "poison", {**event(organization), name: value})
        for name, value in BROKEN_EVENTS.items()
    }
    for name, message in written.items():
        assert name in installation.dead_letter_at(message)["reason"]


def test_an_unhashable_key(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    for key in (None, b"", b"\xff\x00"):
        installation.produce("events", key, event(organization))
    assert len({request["id"] for request in hook.received(3)}) == 3


def test_as_deep_as_it_may_be(installation: Installation, organization: str) -> None:
    nested: object = 1
    for _ in range(150):
        nested = [nested]
    hook = installation.create_hook(organization, behaviour="status=500")
    installation.produce("events", "poison", event(organization, data={"nested": nested}))
    letter = installation.dead_letter_of(hook)
    assert letter["task"]["args"][1]["data"] == {"nested": nested}
    assert json.loads(hook.requests()[0]["body"])["event"]["data"] == {"nested": nested}


# --- large ones


def test_ids_without_end(installation: Installation, organization: str) -> None:
    # What they hold is what the filter of the log looks for.
    bomb = f"{organization}?{'http://' * 130_000}"
    installation.produce("resource-changes", "poison", change(organization, "Error", instance_id=bomb, instance=None))
    hook = installation.create_hook(organization, "issue", app_id="pager")
    ahead = installation.produce("resource-changes", "poison", change(organization, instance_id=bomb, instance=None))
    letter = installation.dead_letter_at(ahead)
    assert f"the resource Group:{organization}" in letter["reason"]
    assert len(letter["reason"]) < 500
    installation.produce("resource-changes", "poison", change(organization))
    hook.received()
    logged = [line for line in installation.worker.log.read_text().splitlines() if organization in line]
    assert any("event_missing_event" in line for line in logged)
    assert max(map(len, logged)) < 2_000


def random_text(size: int) -> str:
    return base64.b64encode(secrets.token_bytes(size)).decode()[:size]


def test_almost_as_large_as_it_may_be(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, behaviour="status=500&fail=1")
    given = event(organization, data={"text": random_text(900_000)})
    installation.produce("events", "poison", given)
    first, second = hook.received(2)
    assert first["body"] == second["body"]
    assert json.loads(second["body"])["event"]["data"] == given["data"]


def test_a_body_that_is_too_large(installation: Installation, organization: str) -> None:
    # Compressed it fits into the broker's 1 MB, the body that it makes is over streamhooks' own.
    hook = installation.create_hook(organization)
    value = json.dumps(event(organization, data={"text": "x" * 3_000_000})).encode()
    installation.produce_with("events", "poison", [value], compression_type="zstd", message_max_bytes=5_000_000)
    letter = installation.dead_letter_of(hook)
    assert "bytes" in letter["reason"]
    assert letter["attempts"] == 1
    goes_on(installation, f"{organization}-next", "events")
    assert hook.requests() == []


def test_what_is_too_large_to_be_kept(install, organization: str) -> None:
    # The user's topic takes more than ours do: neither a retry nor a whole dead letter can be written.
    one = install(**SETTINGS | {"max_body": 5_000_000, "partitions": 1})
    create_topic(one.brokers, f"{one.prefix}events", max_message_bytes=5_000_000)
    one.add_worker()
    hook = one.create_hook(organization, behaviour="status=500")
    large = event(organization, data={"text": random_text(2_000_000)})
    one.produce_with("events", "1", [json.dumps(large).encode()], message_max_bytes=5_000_000)
    letter = one.dead_letter_of(hook)
    assert (letter["truncated"], letter["task"], letter["source"]) == (True, None, f"{one.prefix}events:0:0")
    one.produce_with("events", "1", [b"{" + random_text(2_000_000).encode()], message_max_bytes=5_000_000)
    letter = eventually(lambda: one.dead_letters(lambda found: found["source"] == f"{one.prefix}events:0:1"))[0]
    assert (letter["truncated"], letter["raw"]) == (True, None)
    small = one.create_hook(f"{organization}-small")
    one.produce("events", "1", event(f"{organization}-small"))
    small.received()


# --- our own topics


OWN_BYTES = {name: value for name, value in BYTES.items() if name != "no registry"}


@pytest.mark.parametrize("topic", ["hooks", "hook-states"])
def test_broken_bytes_about_hooks(installation: Installation, organization: str, topic: str) -> None:
    known = installation.create_hook(organization)
    written = [installation.produce(topic, known.id, value) for value in OWN_BYTES.values()]
    written.append(installation.produce(topic, "not a hook's id", hook_record("0" * 32, organization)))
    written.append(installation.produce(topic, b"\xff\xfe", hook_record("0" * 32, organization)))
    for message in written:
        letter = installation.dead_letter_at(message)
        assert letter["reason"]
        assert letter["id"] == coordinates(message)
    # The former version stays in force, and later ones are read.
    assert installation.api.get(f"/api/hooks/{known.id}").json["status"] == "active"
    goes_on(installation, organization, "events")
    known.received()


@pytest.mark.parametrize("topic", ["hooks", "hook-states"])
def test_tombstones_of_nothing(installation: Installation, organization: str, topic: str) -> None:
    written = [installation.produce(topic, key, None) for key in ("0" * 32, "")]
    goes_on(installation, organization, "events")
    sources = {coordinates(message) for message in written}
    assert installation.dead_letters(lambda letter: letter["source"] in sources) == []


def test_broken_bytes_in_delayed(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, behaviour="status=500&fail=1")
    written = [
        installation.produce("delayed", "poison", value, partition=partition)
        for partition in range(SETTINGS["partitions"])
        for value in OWN_BYTES.values()
    ]
    # Retries come through the same partitions.
    installation.produce("events", "11", event(organization))
    hook.received(2)
    sources = {coordinates(message) for message in written}
    eventually(lambda: {letter["source"] for letter in installation.dead_letters()} >= sources)


def test_a_call_of_an_unknown_task(installation: Installation, organization: str) -> None:
    call = {"id": organization, "task": "nobody.knows", "attempt": 1, "due": 0, "created": 0, "reason": "countdown"}
    installation.produce("delayed", organization, call)
    (letter,) = eventually(lambda: installation.dead_letters(lambda letter: letter["id"] == organization))
    assert "nobody.knows" in letter["reason"]


def test_a_call_with_wrong_arguments(installation: Installation, organization: str) -> None:
    call = {"id": organization, "task": "streamhooks.process_service_hook", "attempt": 1, "due": 0, "created": 0}
    installation.produce("delayed", organization, {**call, "reason": "retry", "args": [1, 2, 3]})
    (letter,) = eventually(lambda: installation.dead_letters(lambda letter: letter["id"] == organization))
    assert letter["reason"]


def test_firings_go_on(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    for partition in range(SETTINGS["partitions"]):
        for value in (*OWN_BYTES.values(), None):
            installation.produce("firings", hook.id, value, partition=partition)
    installation.produce("events", "11", event(organization))
    hook.received()
    eventually(lambda: installation.totals(hook) == (1, 1, 0))


def test_broken_firings_are_told(installation: Installation, organization: str) -> None:
    written = installation.produce("firings", organization, UNKNOWN_FINGERPRINT)
    assert installation.dead_letter_at(written, timeout=15)["reason"]


def test_resources_go_on(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, "issue", app_id="pager")
    key = f"Group:{organization}"
    place = installation.produce("resources", key, None).partition()
    for value in OWN_BYTES.values():  # of another key: this one has no former version that could be found meanwhile
        installation.produce("resources", f"{key}-broken", value, partition=place)
    installation.produce("resources", key, {"id": organization})
    installation.produce("resource-changes", key, change(organization, instance_id=organization, instance=None))
    (request,) = hook.received()
    assert json.loads(request["body"])["data"] == {"issue": {"id": organization}}


def test_a_change_whose_resource_is_broken(installation: Installation, organization: str) -> None:
    installation.create_hook(organization, "issue", app_id="pager")
    key = f"Group:{organization}"
    installation.produce("resources", key, UNKNOWN_FINGERPRINT)
    written = installation.produce(
        "resource-changes", key, change(organization, instance_id=organization, instance=None)
    )
    letter = installation.dead_letter_at(written)
    assert letter["reason"].startswith("retries used up")
    assert letter["task"]["name"].endswith("process_resource_change")


def test_broken_resources_are_told(installation: Installation, organization: str) -> None:
    written = installation.produce("resources", f"Group:{organization}", UNKNOWN_FINGERPRINT)
    assert installation.dead_letter_at(written, timeout=15)["reason"]


def test_what_was_broken_before_the_start_is_told(install, organization: str) -> None:
    one = install()
    create_topic(one.brokers, f"{one.prefix}hooks", cleanup_policy="compact")
    written = one.produce("hooks", "0" * 32, UNKNOWN_FINGERPRINT)
    one.add_worker()
    hook = one.create_hook(organization)
    one.produce("events", "11", event(organization))
    hook.received()
    assert one.dead_letter_at(written, timeout=15)["reason"]
