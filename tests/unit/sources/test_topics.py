"""Which source a topic is: one of ours, or a topic of one's own."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.hook import Hook
from streamhooks.sources.kinds import OF_USERS, SourceKind
from streamhooks.sources.own_file import own_topics
from streamhooks.sources.topics import Sources

FILE = """
- topic: orders
  type: '"order.paid"'
  organization_id: value.customer
  when: value.total > 100
- topic: events
  type: value.type
  organization_id: '"1"'
"""


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    path = tmp_path / "sources.yaml"
    path.write_text(FILE)
    return Sources(Topics("p."), own_topics(path, "p."))


def hook(*events: str, **fields: object) -> Hook:
    given = {"id": "a" * 32, "organization_id": "1", "url": "http://a/", "events": [*events], "secret": "x" * 16}
    return Hook.from_fields(given | fields)


def test_topics_are_known_by_their_full_names(sources: Sources) -> None:
    orders, events = sources.own
    assert sources.of("orders") is orders
    assert sources.of("events") is events
    assert sources.of("p.events") is SourceKind.EVENTS
    assert sources.of("p.notices") is SourceKind.NOTICES
    assert sources.of("alerts") is sources.of("p.orders") is sources.of("p.hooks") is None
    assert [*sources.of_users] == [*(f"p.{kind}" for kind in OF_USERS), "orders", "events"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("orders", "orders"),
        ("p.events", "p.events"),
        ("events", "events"),  # a full name goes before one without its prefix
        ("alerts", "p.alerts"),
        ("notices", None),
        ("p.notices", None),
        ("p.orders", None),
        ("", None),
    ],
)
def test_callers_may_leave_out_the_prefix(sources: Sources, given: str, found: str | None) -> None:
    assert sources.named(given) == found


def test_the_topics_that_can_fire_a_hook(sources: Sources) -> None:
    assert sources.firing(hook("event.created")) == ["p.events"]
    of_users = ["p.resource-changes", "p.messages"]
    assert sources.firing(hook("order.paid", format="standard")) == [*of_users, "orders", "events"]
    assert sources.firing(hook("invoice.paid", format="standard")) == [*of_users, "events"]


def test_a_child_process_reads_records_in_the_same_way(sources: Sources) -> None:
    again = pickle.loads(pickle.dumps(sources))
    for total, kept in ((120, True), (99, False)):
        value = json.dumps({"customer": 12345678901234567890, "total": total}).encode()
        record = Record("orders", 0, 0, 1500, None, value)
        found = again.of("orders").read(record, None)
        assert found == sources.of("orders").read(record, None)
        assert (found is not None) is kept
