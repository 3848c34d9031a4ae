from __future__ import annotations

from typing import get_args

import pytest

from streamhooks.errors import BrokenRecord
from streamhooks.records.hook_events import (
    APP_RESOURCES,
    expand_events,
    fires,
    never_fire,
    sample_of,
    singles_of,
    warnings_about,
)
from streamhooks.records.notice import What


def test_expansion_of_app_events():
    assert expand_events(["issue"], True) == (
        *("issue.archived", "issue.assigned", "issue.created"),
        *("issue.ignored", "issue.resolved", "issue.unresolved"),
    )
    assert expand_events(["invoice.paid", "error", "error.created"], True) == (
        "error.created",
        "invoice.paid",
    )
    assert expand_events(["event_alert"], True) == ("event_alert.triggered",)


def test_expansion_of_service_events():
    assert expand_events(["event.created", "event.alert", "event.created"], False) == (
        "event.alert",
        "event.created",
    )
    assert expand_events([], False) == ()


@pytest.mark.parametrize("name", ["issue.created", "event", "event.*", "", "Event.created"])
def test_service_hooks_know_two_events(name):
    with pytest.raises(BrokenRecord, match=r"^events: "):
        expand_events(["event.created", name], False)


@pytest.mark.parametrize(
    "name",
    [
        "invoice",
        "a.b.c",
        "a.*.c",
        "*.created",
        "is*",
        "**",
        ".",
        "a.",
        ".b",
        "a b.c",
        "issue.created\n",
    ],
)
def test_app_hooks_refuse_what_could_never_fire(name):
    with pytest.raises(BrokenRecord, match=r"^events: "):
        expand_events([name], True)


@pytest.mark.parametrize("name", ["Issue.Updated", "issue.deleted", "metric_alert.open", "issue.*", "invoice.*", "*"])
def test_actions_are_open_and_in_lower_case(name):
    assert expand_events([name], True) == (name.lower(),)


@pytest.mark.parametrize(
    ("events", "event", "is_fired"),
    [
        (["issue.created"], "issue.created", True),
        (["issue.created"], "issue.updated", False),
        (["issue"], "issue.updated", False),
        (["issue.*"], "issue.updated", True),
        (["issue.*"], "issues.updated", False),
        (["issue.*"], "issue2.updated", False),
        (["*"], "invoice.paid", True),
        (["*", "invoice.*", "invoice.paid"], "invoice.paid", True),
        ([], "invoice.paid", False),
    ],
)
def test_what_an_event_fires(events, event, is_fired):
    assert fires(expand_events(events, True), event) is is_fired


def test_slips_are_told():
    events = expand_events(["issue", "issue.updated", "issue.*", "invoice.paid", "*"], True)
    assert list(warnings_about(events)) == [
        "issue.updated: issue usually has the actions assigned, archived, created, ignored, resolved, unresolved"
    ]
    for resource in APP_RESOURCES:
        assert not list(warnings_about(expand_events([resource, f"{resource}.*"], True)))


def test_events_of_projects_never_fire_a_hook_of_an_app():
    assert never_fire(expand_events(["event.created", "event.*", "event_alert", "issue"], True)) == [
        "event.*", "event.created",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "sample"),
    [
        ("*", "issue.created"),
        ("hook.*", "hook.disabled"),
        ("comment.*", "comment.created"),
        ("event_alert.*", "event_alert.triggered"),
        ("invoice.*", "invoice.created"),
        ("invoice.paid", "invoice.paid"),
    ],
)
def test_a_sample_fires_what_it_is_a_sample_of(event, sample):
    assert sample_of(event) == sample
    assert fires([event], sample)


@pytest.mark.parametrize("pattern", ["*", "hook.*"])
def test_every_notice_about_a_hook_is_a_known_event(pattern: str) -> None:
    about_hooks = [what for what in get_args(What) if what not in ("retention", "topic_paused")]
    assert sorted(event for event in singles_of(pattern) if event.startswith("hook.")) == sorted(
        f"hook.{what}" for what in about_hooks
    )
