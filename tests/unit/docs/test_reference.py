"""docs/reference names what there is: every topic, every field of every record, every rollup, every reserved header."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest
from msgspec import Struct
from support.snippets import ROOT

from streamhooks.counting.rollups import ROLLUPS
from streamhooks.kafka.topics import CONFIGS, DAY_MS, NAMES
from streamhooks.records.call import DelayedCall
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.event import Alert
from streamhooks.records.firing import Attempt
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import APP_RESOURCES, SERVICE_EVENTS
from streamhooks.records.hook_state import HookState
from streamhooks.records.letter_state import LetterState
from streamhooks.records.notice import Notice
from streamhooks.records.stretch import Stretch

REFERENCE = ROOT / "docs" / "reference"
_SECTION = re.compile(r"^## (\w+)$\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"`([^`]+)`")


def page(name: str) -> str:
    return (REFERENCE / name).read_text()


def named(text: str) -> set[str]:
    return set(_NAMED.findall(text))


RECORDS = dict(_SECTION.findall(page("records.md")))


@pytest.mark.parametrize(
    ("section", "record"),
    [
        ("Alert", Alert),
        ("HookState", HookState),
        ("Stretch", Stretch),
        ("DelayedCall", DelayedCall),
        ("Firing", Attempt),
        ("Notice", Notice),
        ("DeadLetter", DeadLetter),
        ("LetterState", LetterState),
    ],
)
def test_each_field_of_a_record_is_named(section: str, record: type) -> None:
    names = set(record.__struct_fields__) if issubclass(record, Struct) else {field.name for field in fields(record)}
    assert names - named(RECORDS[section]) == set()


def test_each_field_of_a_hook_is_named_with_its_events() -> None:
    text = page("hooks.md")
    assert {field.name for field in fields(Hook)} | set(SERVICE_EVENTS) | set(APP_RESOURCES) <= named(text)
    for resource, actions in APP_RESOURCES.items():
        assert f"| `{resource}` | {', '.join(actions)} |" in text


def test_each_topic_is_named_with_how_it_is_made() -> None:
    text = page("topics.md")
    for name in NAMES.values():
        shown = name.replace("counting-fired", "").removesuffix("changelog") if "-1" in name else name
        assert f"`{shown}`" in text or f"`{name}`" in text, name
    assert {config.get("cleanup.policy") for config in CONFIGS.values()} - {None} <= named(text)
    for name, days in (("firings", 7), ("dead-letters", 30)):
        assert CONFIGS[name]["retention.ms"] == str(days * DAY_MS)
        assert re.search(rf"^\| `{name}` \|.*\| {days} days \|$", text, re.MULTILINE)


def test_each_rollup_is_named() -> None:
    units = {1: "second", 3600: "hour", 86400: "day"}

    def words(seconds: int) -> str:
        unit = max(one for one in units if seconds % one == 0)
        count = seconds // unit
        return f"{count} {units[unit]}{'s' if count > 1 else ''}"

    for rollup in ROLLUPS:
        assert f"| `{rollup.name}` | {words(rollup.seconds)} | {words(rollup.kept)} |" in page("stats.md")
