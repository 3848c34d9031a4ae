"""What a source topic is, is known by its kind."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import streamhooks
from streamhooks.kafka.topics import NAMES, Topics
from streamhooks.records.hook import Hook
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.topics import Sources

PACKAGE = Path(streamhooks.__file__).parent
TOPICS = Topics("a.")
SOURCES = Sources(TOPICS)


def hook(*events: str, app_id: str | None = None) -> Hook:
    given = {"id": "a" * 32, "organization_id": "1", "url": "http://a/", "events": events, "secret": "x" * 16}
    return Hook.from_fields(given | {"app_id": app_id, "events": list(events)})


@pytest.mark.parametrize("kind", SourceKind)
def test_a_topic_is_known_by_its_whole_name(kind: SourceKind) -> None:
    assert kind in NAMES.values()
    assert SOURCES.of(f"a.{kind}") is kind
    for other in (kind, f"b.{kind}", f"a.a.{kind}", f"a.{kind}x", ""):
        assert SOURCES.of(other) is None


@pytest.mark.parametrize(
    ("one", "kinds"),
    [
        (hook("event.created", "event.alert"), ["events", "alerts"]),
        (hook("event.alert"), ["alerts"]),
        (hook(), []),
        (hook(app_id="a"), []),
        (hook("issue.created", app_id="a"), ["resource-changes"]),
        (hook("event_alert", app_id="a"), ["alerts"]),
        (hook("event_alert", "issue", app_id="a"), ["alerts", "resource-changes"]),
        (hook("event_alert.*", app_id="a"), ["alerts", "resource-changes"]),
        (hook("*", app_id="a"), ["alerts", "resource-changes", "notices"]),
        (hook("hook.disabled", app_id="a"), ["resource-changes", "notices"]),
        (hook("event.created", "event.*", app_id="a"), ["resource-changes"]),
    ],
)
def test_a_hook_is_fired_by_the_kinds_that_have_its_events(one: Hook, kinds: list[str]) -> None:
    assert [kind for kind in SourceKind if kind.can_fire(one)] == kinds


def test_nothing_takes_a_prefix_off_a_topic_to_learn_what_it_is() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}: {ast.unparse(node)}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if _takes_off(node)
    ]
    assert found == []


def _takes_off(node: ast.AST) -> bool:
    """Whether it is `x.removeprefix(prefix)`, `x.partition(prefix)` or `x[len(prefix):]` of what is named a prefix."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        return node.func.attr in ("removeprefix", "partition", "split", "replace") and _is_prefix(node.args[0])
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and isinstance(node.slice.lower, ast.Call):
        return ast.unparse(node.slice.lower.func) == "len" and _is_prefix(node.slice.lower.args[0])
    return False


def _is_prefix(node: ast.expr) -> bool:
    # What is written in capitals is the beginning of a secret, or the like.
    return re.search(r"(^|[._])prefix$", ast.unparse(node)) is not None
