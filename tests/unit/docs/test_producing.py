"""What docs/producing.md shows of each record is what a worker reads: in JSON, in Avro, and field by field."""

from __future__ import annotations

import re

import pytest
from support.snippets import ROOT, snippets

from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.fields import Record
from streamhooks.records.formats import decode
from streamhooks.records.schemas import load

PAGE = ROOT / "docs" / "producing.md"
RECORDS: dict[str, type[Record]] = {"event.json": Event, "alert.json": Alert, "order-paid.json": ResourceChange}
IN_JSON = {one.mark: one.text.encode() for one in snippets(PAGE, "json")}


def test_each_record_is_shown() -> None:
    assert IN_JSON.keys() == RECORDS.keys()


@pytest.mark.parametrize("mark", RECORDS)
def test_it_is_read_and_has_all_fields(mark: str) -> None:
    record = decode(RECORDS[mark], IN_JSON[mark])
    (section,) = re.findall(rf"^## {type(record).__name__}\n(.*?)^## ", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    told = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))))
    known = {field["name"] for field in load().newest[type(record).__name__]["fields"]}
    assert told == known - {"further"}


def test_the_same_in_avro(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (block,) = snippets(PAGE, "python")
    made: dict = {}
    exec(block.text, made)
    for value, (mark, record) in zip(made["values"], RECORDS.items(), strict=True):
        assert value.startswith(b"\xc3\x01")
        assert decode(record, value).to_fields() == decode(record, IN_JSON[mark]).to_fields()
