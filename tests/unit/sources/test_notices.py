"""Who hears of what happened to a hook."""

from __future__ import annotations

import json

import pytest
from support import examples

from streamhooks.delivery.links import Links
from streamhooks.errors import BrokenRecord
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.hook import Hook
from streamhooks.records.notice import Notice
from streamhooks.sources.calls import Calls
from streamhooks.sources.duplicates import Duplicates
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.origin import Origin
from streamhooks.sources.topics import Sources
from streamhooks.webhooks.sample_bodies import sample_body

ORIGIN = Origin("msg_o", "notices:0:7", 5, 0, None, 2)


def hook(number: int, *events: str, **fields: object) -> Hook:
    fields = {"url": "https://user.example/hook?token=planted"} | fields
    return examples.hook(number, *(events or ("event.created",)), **fields)


def told(what: str, about: Hook | str, *others: Hook) -> list:
    table = HooksTable("hooks", "states")
    known = [*others, about] if isinstance(about, Hook) else [*others]
    table.apply([Record("hooks", 0, 0, 0, one.id.encode(), one.to_json()) for one in known])
    notice = Notice(about.id if isinstance(about, Hook) else about, what, "why", 3.0, 4000)
    record = Record("notices", 0, 7, 0, b"k", notice.to_json())
    return calls_of(table).of(SourceKind.NOTICES, record, ORIGIN)


def calls_of(table: HooksTable) -> Calls:
    return Calls(
        table, Sources(Topics("")), partition_of=lambda _: 3, partitions=8, duplicates=Duplicates(0), clock=lambda: 0.0
    )


def ids(*hooks: Hook) -> set[str]:
    return {one.id for one in hooks}


def test_an_app_hook_that_subscribed_hears_of_it() -> None:
    about = hook(1, project_ids=["7"], name="Orders")
    app = hook(2, "hook.disabled", app_id="ops")
    (call,) = told("disabled", about, app, hook(3, "hook.failing", app_id="ops"), hook(4))
    assert (call.hook_id, call.event, call.partition, call.source) == (app.id, "hook.disabled", 3, "notices:0:7")
    assert (call.hops, call.webhook_id) == (2, call.id)
    hook_id, event, data, actor = call.args
    assert (hook_id, event, actor) == (app.id, "hook.disabled", None)
    assert data == {
        "hook": {
            "id": about.id,
            "organization_id": "1",
            "project_ids": ["7"],
            "app_id": None,
            "name": "Orders",
            "url": "https://user.example/hook?********",
            "events": ["event.created"],
            "why": "why",
            "since": "1970-01-01T00:00:03.000+00:00",
            "at": "1970-01-01T00:00:04.000+00:00",
        }
    }
    sample = json.loads(sample_body(app, event, Links("http://base"), 1000.0))
    assert list(sample["data"]["hook"]) == list(data["hook"])


def test_projects_and_organizations_keep_things_apart() -> None:
    everywhere = hook(2, "hook.disabled", app_id="a")
    both = hook(3, "hook.disabled", app_id="a", project_ids=["7", "8"])
    others = [
        hook(4, "hook.disabled", app_id="a", project_ids=["9"]),
        hook(5, "hook.disabled", app_id="a", organization_id="2"),
    ]
    calls = told("disabled", hook(1, project_ids=["7", "8"]), everywhere, both, *others)
    assert [call.hook_id for call in calls] == sorted(ids(everywhere, both))
    assert {call.hook_id for call in told("disabled", hook(1), everywhere, both, *others)} == ids(everywhere)


def test_a_notice_about_a_hook_that_gets_notices_fires_nothing() -> None:
    one = hook(1, "hook.disabled", "issue", app_id="a")
    other = hook(2, "hook.failing", app_id="a")
    for about in (one, other):
        assert told("disabled", about, one, other) == []
        assert told("failing", about, one, other) == []


def test_who_wants_to_hear_of_breakers_does() -> None:
    about, app = hook(1), hook(2, "hook.breaker_opened", app_id="a")
    every, other = hook(3, "hook.*", app_id="a"), hook(4, "hook.disabled", app_id="a")
    calls = told("breaker_opened", about, app, every, other)
    assert [(call.hook_id, call.event) for call in calls] == [(one.id, "hook.breaker_opened") for one in (app, every)]


def test_what_is_about_no_hook_fires_nothing() -> None:
    app = hook(2, "hook.retention", "hook.disabled", app_id="a")
    assert told("retention", "events:3", app) == []
    assert told("disabled", "0" * 32, app) == []


def test_what_is_no_notice_is_broken() -> None:
    with pytest.raises(BrokenRecord):
        calls_of(HooksTable("h", "s")).of(SourceKind.NOTICES, Record("n", 0, 0, 0, b"k", b"{}"), ORIGIN)
