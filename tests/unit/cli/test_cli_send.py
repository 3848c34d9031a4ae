"""`streamhooks send`: what is read, checked and keyed, before anything is written."""

from __future__ import annotations

import io
import json

import pytest
from click.testing import CliRunner

from streamhooks.cli import main
from streamhooks.cli.records import read_items
from streamhooks.dev.ports import free_port
from streamhooks.dev.traffic import alert, event, resource_change
from streamhooks.sources.kinds import SourceKind

EVENT = event(1, 2, 1_700_000_000.0)


def lines(*records) -> str:
    return "".join(json.dumps(one) + "\n" for one in records)


def send(*arguments: str, **options):
    env = {"STREAMHOOKS_BROKERS": f"127.0.0.1:{free_port()}", "STREAMHOOKS_TOPIC_PREFIX": "t."}
    return CliRunner().invoke(main, ["send", *arguments], env=env, **options)


def dry(*arguments: str, **options):
    result = send(*arguments, "--dry-run", "--json", **options)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("kind", "record", "topic", "key"),
    [
        ("event", EVENT, "t.events", EVENT["project"]["id"]),
        ("alert", alert(1, 5, 1_700_000_000.0), "t.alerts", alert(1, 5, 1.0)["event"]["project"]["id"]),
        (
            "resource-change",
            resource_change(1, 2, 1.0),
            "t.resource-changes",
            "{sender}:{instance_id}".format(**resource_change(1, 2, 1.0)),
        ),
        ("message", {"type": "order.paid", "organization_id": 1, "data": [1.50]}, "t.messages", "1"),
        ("message", {"type": "order.paid", "organization_id": 1, "project_id": "7"}, "t.messages", "7"),
        (
            "message",
            {"specversion": "1.0", "type": "a.b", "source": "/shop", "id": "5", "organizationid": "1"},
            "t.messages",
            "1",
        ),
    ],
)
def test_each_kind_has_its_topic_and_key(kind, record, topic, key):
    assert dry(kind, "-", input=lines(record)) == [{"number": 1, "topic": topic, "key": key, "value": record}]


@pytest.mark.parametrize(
    "text",
    [
        lines(EVENT, EVENT, EVENT),
        "\n" + lines(EVENT) + "  \n" + lines(EVENT, EVENT),
        json.dumps([EVENT] * 3),
        json.dumps([EVENT] * 3, indent=2),
        lines(EVENT, EVENT, EVENT).replace("\n", "\r\n"),
    ],
)
def test_lines_and_documents_are_read(text, tmp_path):
    file = tmp_path / "events"
    file.write_bytes(text.encode())
    for told in (dry("event", "-", input=text), dry("event", str(file))):
        assert [one["value"] for one in told] == [EVENT] * 3


def test_one_document_over_many_lines_is_one_record():
    assert len(dry("event", "-", input=json.dumps(EVENT, indent=2))) == 1


def test_a_line_is_sent_as_it_is():
    raw = json.dumps(EVENT, separators=(" , ", " : "))
    (item,) = read_items(SourceKind.EVENTS, io.BytesIO(raw.encode() + b"\n"))
    assert item.value.decode() == raw


def test_lines_are_given_as_they_come():
    class Endless(io.RawIOBase):
        read_lines = 0

        def readline(self, _size: int | None = -1) -> bytes:
            self.read_lines += 1
            return lines(EVENT).encode()

    source = Endless()
    items = read_items(SourceKind.EVENTS, source)
    assert [next(items).number, next(items).number] == [1, 2]
    assert source.read_lines == 2


BAD = {**EVENT, "event_id": "short"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (lines(EVENT, BAD, EVENT), "2: event_id: must be 32 hex characters"),
        (lines(BAD, EVENT, EVENT), "1: event_id: must be 32 hex characters"),
        (lines(EVENT) + "{nonsense\n" + lines(EVENT), "2: not JSON"),
        ("{nonsense\n" + lines(EVENT, EVENT), "1: not JSON"),
        (lines(EVENT) + "3\n" + lines(EVENT), "2: the value is not a JSON object"),
        (json.dumps([EVENT, BAD, EVENT]), "2: event_id"),
    ],
)
def test_a_bad_record_is_told_by_its_number_and_nothing_is_sent(text, said):
    result = send("event", "-", input=text)
    assert (result.exit_code, result.stdout) == (1, "")
    told, refused = result.stderr.splitlines()
    assert told.startswith(said)
    assert refused == "Error: 1 of 3 records invalid: nothing was written (see --skip-bad)"


def test_bad_ones_may_be_left_out():
    result = send("event", "-", "--skip-bad", "--dry-run", input=lines(EVENT, BAD, EVENT))
    assert result.exit_code == 1, "not all of it could be sent"
    assert "2 records valid: nothing was written" in result.stdout
    assert "2: event_id" in result.stderr


def test_of_many_bad_ones_the_first_are_told():
    result = send("event", "-", input=lines(*[BAD] * 50))
    assert len(result.stderr.splitlines()) == 12
    assert "50 of 50 records invalid" in result.stderr


def test_options_make_an_event():
    (told,) = dry("event", "--organization", "1:acme", "--project", "7:web", "--group", "9", "--message", "it broke")
    value = told["value"]
    assert told["key"] == "7"
    assert value["organization"] == {"id": "1", "slug": "acme"}
    assert value["project"] == {"id": "7", "slug": "web", "name": "web"}
    assert (value["group"], value["data"]) == ({"id": "9"}, {"message": "it broke"})


def test_options_make_an_alert():
    options = (
        "--organization",
        "1",
        "--project",
        "7",
        "--rule",
        "High",
        "--app",
        "pager",
        "--payload",
        "extra",
        '{"a": 1}',
    )
    (told,) = dry("alert", *options)
    value = told["value"]
    assert (told["key"], value["rule"], value["app_id"]) == ("7", "High", "pager")
    assert (value["additional_payload_key"], value["additional_payload"]) == ("extra", {"a": 1})


def test_options_make_a_resource_change():
    options = ("--organization", "1", "--sender", "Group", "--action", "resolved", "--instance-id", "5")
    (told,) = dry("resource-change", *options, "--instance", '{"id": "5"}')
    assert told["key"] == "Group:5"
    assert (told["value"]["action"], told["value"]["instance"]) == ("resolved", {"id": "5"})


def test_options_make_a_message():
    options = ("--type", "order.paid", "--organization", "1:a", "--project", "7", "--id", "order-42")
    (told,) = dry("message", *options, "--data", '{"order": 42, "total": 129.50}')
    assert told["key"] == "7"
    assert told["value"] == {
        "type": "order.paid",
        "organization_id": "1:a",
        "project_id": "7",
        "id": "order-42",
        "data": {"order": 42, "total": 129.5},
    }
    (told,) = dry("message", "--type", "order.paid", "--organization", "1")
    assert told["value"] == {"type": "order.paid", "organization_id": "1", "data": None}


@pytest.mark.parametrize(
    "arguments",
    [
        ("message",),
        ("message", "--type", "order.paid"),
        ("message", "--organization", "1"),
        ("event",),
        ("event", "--organization", "1"),
        ("event", "-", "--organization", "1"),
        ("event", "no-such-file"),
        ("event", "--organization", "1", "--project", "1", "--data", "{"),
        ("alert", "--organization", "1", "--project", "1"),
        ("resource-change", "--sender", "Group"),
    ],
)
def test_a_wrong_use_ends_with_2(arguments):
    assert send(*arguments, input="").exit_code == 2


def test_options_that_make_no_record_are_refused():
    result = send("event", "--organization", "1", "--project", "1", "--event-id", "short")
    assert result.exit_code == 1
    assert "event_id: must be 32 hex" in result.stderr


def test_a_kafka_that_is_away_is_named():
    result = send("event", "-", "--wait", "0.2", input=lines(EVENT))
    assert result.exit_code == 1
    assert "(STREAMHOOKS_BROKERS) does not answer" in result.stderr
    assert result.stderr.count("\n") == 1


def test_one_record_is_told_as_one():
    assert (
        send("event", "-", "--dry-run", "--quiet", input=lines(EVENT)).stdout == "1 record valid: nothing was written\n"
    )
    result = send("event", "-", input=lines(BAD))
    assert result.stderr.splitlines()[-1] == "Error: 1 of 1 record invalid: nothing was written (see --skip-bad)"
    result = send("event", "-", "--dry-run", "--skip-bad", input=lines(BAD))
    assert result.stderr.splitlines()[-1] == "Error: 1 record skipped"
