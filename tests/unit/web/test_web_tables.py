"""What the page takes from the tables of the code: outcomes, source topics, and what is known of hooks."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

from web_fakes import NOW, FakeParts, created, serving

from streamhooks.cli.show import COLOURS
from streamhooks.kafka.reader import Record
from streamhooks.records.firing import OUTCOMES, Outcome
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState
from streamhooks.sources.kinds import OF_USERS
from streamhooks.times import iso
from streamhooks.web.http import observed
from streamhooks.web.http.observed import Column
from streamhooks.web.http.representation import shown_hook
from streamhooks.web.tables import script


def tables() -> dict[str, Any]:
    return {
        name: json.loads(value) for name, value in re.findall(r"^export const (\w+) = (.*);$", script().decode(), re.M)
    }


def test_each_outcome_is_said() -> None:
    assert set(OUTCOMES) == set(get_args(Outcome)) == set(tables()["OUTCOMES"])
    assert set(OUTCOMES) < set(COLOURS)


def test_the_topics_are_those_that_can_fire_a_hook_of_the_kind() -> None:
    base = {"id": "a" * 32, "organization_id": "1", "url": "https://e.test/", "secret": "x" * 16}
    of_service = Hook.from_fields({**base, "events": ["event.created", "event.alert"]})
    of_app = Hook.from_fields({**base, "events": ["*", "event_alert.triggered"], "app_id": "1"})
    assert tables()["TOPICS"] == {
        "service": [kind for kind in OF_USERS if kind.can_fire(of_service)],
        "app": [kind for kind in OF_USERS if kind.can_fire(of_app)],
    }


async def test_the_lines_of_the_page_are_of_moments_that_are_shown() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client)
        state = HookState(made["id"], failing_since=NOW - 5)
        assert parts.hooks.apply([Record("t.hook-states", 0, 0, 0, made["id"].encode(), state.to_json())]) == []
        shown = await (await client.get(f"/api/hooks/{made['id']}")).json()
    assert tables()["OBSERVED"] == [["failing_since", "Failing since"]]
    assert shown["failing_since"] == iso(NOW - 5)


def test_a_column_may_show_what_was_found_as_it_is(monkeypatch: Any) -> None:
    parts = FakeParts()
    hook = Hook.from_fields(
        {"id": "a" * 32, "organization_id": "1", "url": "https://e.test/", "secret": "x" * 16, "events": []}
    )
    assert parts.hooks.apply([Record("t.hooks", 0, 0, 0, hook.id.encode(), hook.to_json())]) == []
    column = Column(lambda seen: iso(seen.state.warned_at), {"type": "string"})
    monkeypatch.setitem(observed.BY_NAME, "failing_since", column)
    state = HookState(hook.id, warned_at=NOW)
    shown = shown_hook(hook, parts.hooks.status(hook.id), None, 1, NOW, state=state)
    assert shown["failing_since"] == iso(NOW)
