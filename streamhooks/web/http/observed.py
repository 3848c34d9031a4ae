"""The observed state of a hook in the API: each value, its schema, and its line on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from streamhooks.hooks.table import Status
from streamhooks.hooks.trouble import TROUBLES, Trouble
from streamhooks.records import rotation
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState
from streamhooks.records.json_schema import TEXT, Schema, of_list, or_null
from streamhooks.times import iso


class Observed(NamedTuple):
    """A hook and what this worker knows about it at `now` (epoch seconds)."""

    hook: Hook
    status: Status
    state: HookState
    trouble: Trouble | None
    now: float


@dataclass(frozen=True, slots=True)
class Column:
    """A value of the observed state."""

    show: Callable[[Observed], Any]
    schema: Schema
    title: str = ""
    """The title of its line on the page, which shows how long ago a time was; empty if there is no line."""


_MOMENT: Final = or_null(TEXT)

COLUMNS: Final[Mapping[str, Mapping[str, Column]]] = {
    "secret": {
        "previous_secrets_until": Column(
            lambda seen: [iso(one.until) for one in rotation.in_force(seen.hook, seen.now)],
            {
                **of_list(TEXT),
                "maxItems": rotation.MOST,
                "description": "ISO 8601; until when each replaced secret still signs, the most recent first",
            },
        ),
    },
    "status": {
        "status_reason": Column(lambda seen: seen.status.reason, or_null(TEXT)),
        "disabled_since": Column(lambda seen: iso(seen.status.disabled_since), {**_MOMENT, "description": "ISO 8601"}),
        "failing_since": Column(
            lambda seen: iso(seen.status.failing_since),
            {**_MOMENT, "description": "ISO 8601; since when every attempt failed"},
            "Failing since",
        ),
        "paused_until": Column(
            lambda seen: iso(seen.status.paused_until),
            {**_MOMENT, "description": "ISO 8601; until when the endpoint asked not to be called"},
        ),
        "breaker": Column(lambda seen: seen.status.breaker, {"type": "string", "enum": ["closed", "open"]}),
        "trouble": Column(
            lambda seen: seen.trouble,
            {
                "enum": [*TROUBLES, None],
                "description": "the first of these that applies; null if none does, or its owner has disabled it",
            },
        ),
    },
}
"""The columns by the field of the hook that they follow."""

BY_NAME: Final[Mapping[str, Column]] = {name: one for columns in COLUMNS.values() for name, one in columns.items()}
