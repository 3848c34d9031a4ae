"""Messages that are sent by the API, from a caller without a Kafka client to a receiver, through either worker."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from installation import Installation
from standardwebhooks import Webhook
from support import Api, eventually

from streamhooks.cli import main
from streamhooks.dev.kafka import EmbeddedKafka

PATH = "/api/messages"
ALL_MAY, MAY_SEND = "a-token-that-may-do-all", "a-token-that-may-send"
WORKERS = 2
SETTINGS = {"token": ALL_MAY, "api_tokens": f"send:{MAY_SEND}", "partitions": 4, "idempotence_window": 600}


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka.start() as own:  # it is paused here
        yield own


def order(organization: str, number: int, **fields: object) -> dict[str, object]:
    return {"type": "order.paid", "organization_id": organization, "data": {"order": number}} | fields


def senders(installation: Installation) -> list[Api]:
    return [Api(worker.base, MAY_SEND, timeout=30) for worker in installation.workers]


def test_each_worker_takes_messages_for_a_receiver(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, "order.*", format="standard")
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    one, other = senders(installation)
    first = one.call("POST", PATH, order(organization, 1, id="o-1"), {"streamhooks-hops": "1", "traceparent": trace})
    assert first.status == 201
    (request,) = hook.received()
    assert Webhook(hook.secret).verify(request["body"], request["headers"])["data"] == {"order": 1}
    assert request["headers"]["streamhooks-hops"] == "2"
    assert request["headers"]["traceparent"][3:35] == "a" * 32
    coordinates = first.json["messages"][0]["coordinates"]
    explained = installation.api.get(f"/api/explain?source={coordinates}").json
    (found,) = [one for one in explained["hooks"] if one["hook_id"] == hook.id]
    assert (found["matched"], found["webhook_id"]) == (True, request["headers"]["webhook-id"])

    # The same id again is a duplicate, whichever worker it is sent to.
    again = [order(organization, 1, id="o-1"), *[order(organization, number) for number in range(2, 500)]]
    answer = other.post(PATH, again)
    assert (answer.status, len(answer.json["messages"])) == (201, 499)
    offsets = [int(sent["coordinates"].rsplit(":", 1)[1]) for sent in answer.json["messages"]]
    assert offsets == sorted(offsets)
    bodies = [json.loads(request["body"])["data"]["order"] for request in hook.received(499)]
    assert sorted(bodies) == list(range(1, 500))


def test_a_token_that_may_send_may_do_nothing_else(installation: Installation, organization: str) -> None:
    for sender in senders(installation):
        for path in ("/api/hooks", "/metrics", "/api/overview"):
            assert sender.get(path).status == 403
        assert sender.post("/api/hooks", {}).status == 403
        wrong = sender.post(PATH, [order(organization, 1), order(organization, 2, type="order paid")])
        assert (wrong.status, wrong.json.keys()) == (400, {"[1].type"})
        assert Api(sender.base).post(PATH, order(organization, 1)).status == 401


def test_the_command_line_needs_no_kafka(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, "*", format="data")
    text = "".join(json.dumps(order(organization, number)) + "\n" for number in range(3))
    arguments = ("send", "message", "-", "--url", installation.workers[1].base, "--token", MAY_SEND)
    result = CliRunner().invoke(main, arguments, env={"STREAMHOOKS_BROKERS": "127.0.0.1:1"}, input=text)
    assert result.exit_code == 0, result.output
    assert [line.rsplit(":", 2)[0] for line in result.stdout.splitlines()] == [f"{installation.prefix}messages"] * 3
    assert sorted(json.loads(request["body"])["order"] for request in hook.received(3)) == [0, 1, 2]


def test_a_message_that_is_too_large_for_kafka(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, "*", format="data")
    limit = ConfigEntry("max.message.bytes", "20000", incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ResourceType.TOPIC, f"{installation.prefix}messages", incremental_configs=[limit])
    admin = AdminClient({"bootstrap.servers": installation.brokers})
    admin.incremental_alter_configs([topic])[topic].result()
    sender = senders(installation)[0]
    # Hardly to be compressed, since the broker compares what it gets.
    large = order(organization, 1, data="".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(20_000)))
    answer = sender.post(PATH, large)
    assert (answer.status, answer.json["messages"][0]["status"]) == (413, "refused")
    assert "maybe_applied" not in answer.json
    both = sender.post(PATH, [order(organization, 2), large])
    assert (both.status, both.json["maybe_applied"]) == (413, True)
    assert [one["status"] for one in both.json["messages"]] == ["written", "refused"]
    assert [json.loads(request["body"]) for request in hook.received()] == [{"order": 2}]


def test_while_kafka_is_away_a_caller_learns_what_became_of_it(
    installation: Installation, organization: str, kafka: EmbeddedKafka
) -> None:
    hook = installation.create_hook(organization, "*", format="data")
    sender = senders(installation)[0]
    kafka.pause()
    try:
        lost = sender.post(PATH, order(organization, 1))
        refused = sender.post(PATH, order(organization, 2))
    finally:
        kafka.resume()
    assert (lost.status, lost.json["maybe_applied"], lost.json["messages"][0]["status"]) == (503, True, "unknown")
    assert (refused.status, "maybe_applied" in refused.json) == (503, False)
    eventually(lambda: sender.post(PATH, order(organization, 3)).status == 201, timeout=30)
    orders = {json.loads(request["body"])["order"] for request in hook.received(2)}
    assert orders == {1, 3}, "what nobody confirmed came later; what was refused never did"
