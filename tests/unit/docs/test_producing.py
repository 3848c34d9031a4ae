"""What the pages show of each record is what a worker reads: in JSON, in Avro, and field by field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from support.snippets import ROOT, snippets

from streamhooks.kafka.reader import Record as KafkaRecord
from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.fields import Record
from streamhooks.records.formats import decode
from streamhooks.records.message import Message
from streamhooks.records.schemas import load
from streamhooks.sources.messages import read_message

PRODUCING, SENTRY = ROOT / "docs" / "producing.md", ROOT / "docs" / "sentry.md"
RECORDS: dict[str, type[Record]] = {
    "order.json": Message,
    "event.json": Event,
    "alert.json": Alert,
    "issue-resolved.json": ResourceChange,
}
CLOUD_EVENT = "cloudevent.json"
IN_JSON = {one.mark: one.text.encode() for page in (PRODUCING, SENTRY) for one in snippets(page, "json")}
SECTIONS = PRODUCING.read_text() + SENTRY.read_text()


def test_each_record_is_shown() -> None:
    assert IN_JSON.keys() == {*RECORDS, CLOUD_EVENT}


@pytest.mark.parametrize("mark", RECORDS)
def test_it_is_read_and_has_all_fields(mark: str) -> None:
    record = decode(RECORDS[mark], IN_JSON[mark])
    (section,) = re.findall(rf"^## {type(record).__name__}\n(.*?)^## ", SECTIONS, re.MULTILINE | re.DOTALL)
    told = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))))
    known = {field["name"] for field in load().newest[type(record).__name__]["fields"]}
    assert told == known - {"further"}


def test_the_same_in_avro(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    made: dict[str, Any] = {}
    exec(code(PRODUCING, "avro.py"), made)
    exec(code(SENTRY, "records_in_avro.py"), made)
    for value, (mark, record) in zip([made["value"], *made["values"]], RECORDS.items(), strict=True):
        assert value.startswith(b"\xc3\x01")
        assert decode(record, value).to_fields() == decode(record, IN_JSON[mark]).to_fields()


def test_the_cloud_event_is_read() -> None:
    message = read_message(KafkaRecord("messages", 0, 0, 0, None, IN_JSON[CLOUD_EVENT]), None)
    assert (message.type, message.organization_id, message.source) == ("order.shipped", "1", "/shop")


def code(page: Path, mark: str) -> str:
    (block,) = [one.text for one in snippets(page, "python") if one.mark == mark]
    return block
