"""What is stored about hooks is read by the next version: the calls of `note_finding` that workers wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from streamhooks.errors import BrokenRecord
from streamhooks.hooks.findings import What, known_finding, merged
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode
from streamhooks.records.hook_state import HookState
from streamhooks.tasks.context import NOTE_FINDING

ID = "a" * 32
NOW = 1000.0
WRITTEN: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("disabled", {"status_reason": "r", "disabled_since": 5.0}, {"status_reason": "r", "disabled_since": 5.0}),
    (
        "disabled",
        {"status_reason": "r", "disabled_since": 5.0, "enabled_at": 4.0},
        {"status_reason": "r", "disabled_since": 5.0, "upheld_at": 5.0},
    ),
    ("upheld", {"upheld_at": 6.0}, {"upheld_at": 6.0}),
    ("failing", {"failing_since": 5.0, "warned_at": None}, {"failing_since": 5.0, "warned_at": None}),
    ("warned", {"warned_at": 6.0}, {"warned_at": 6.0, "failing_since": 1.0}),
    ("recovered", {"failing_since": None, "warned_at": None}, {"failing_since": None, "warned_at": None}),
    ("pause", {"paused_until": 1030.0}, {"paused_until": 1030.0, "paused_for": 30.0}),
    ("pause", {"paused_for": 30.0}, {"paused_until": 1030.0, "paused_for": 30.0}),
    ("breaker", {"open_since": 5.0}, {"open_since": 5.0, "breaker_told_at": NOW}),
    ("closed", {"open_since": None}, {"open_since": None}),
    ("sealed", {"sealed_since": 5.0}, {"sealed_since": 5.0}),
    ("opened", {"sealed_since": None}, {"sealed_since": None}),
]
BEFORE = {
    "closed": HookState(ID, open_since=1.0),
    "opened": HookState(ID, sealed_since=1.0),
    "recovered": HookState(ID, failing_since=1.0, warned_at=2.0),
    "warned": HookState(ID, failing_since=1.0),
}


@pytest.mark.parametrize(("what", "found", "state"), WRITTEN)
def test_what_was_written_of_a_finding_is_read(what: str, found: dict[str, Any], state: dict[str, Any]) -> None:
    before = BEFORE.get(what, HookState(ID))
    after = merged(before, known_finding(what), found, now=NOW)
    assert {name: getattr(after, name) for name in state} == state
    assert after != before


def test_each_finding_has_its_stored_form_here() -> None:
    assert {what for what, *_ in WRITTEN} == set(get_args(What))


def test_those_that_0_1_0_recorded_are_read() -> None:
    lines = (Path(__file__).parents[2] / "recorded/0.1.0.jsonl").read_text().splitlines()
    values = [record.get("value") for line in lines if (record := json.loads(line)).get("topic") == "delayed"]
    calls = [decode(DelayedCall, value.encode()) for value in values if value is not None]
    notes = [call.args for call in calls if call.task == NOTE_FINDING]
    assert {what for _, what, _ in notes} == {"disabled", "failing"}
    for hook_id, what, found in notes:
        after = merged(HookState(hook_id), known_finding(what), found, now=NOW)
        assert all(getattr(after, name) == value for name, value in found.items())


def test_a_finding_that_is_not_known_is_not_merged() -> None:
    with pytest.raises(BrokenRecord, match="unknown finding: dissabled"):
        known_finding("dissabled")
