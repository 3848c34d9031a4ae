"""Which hooks need a person first (docs/reference/hooks.md): what is wrong with each, as every worker knows it.

All of it is in `hook-states`, which every worker reads: nobody else is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    from streamhooks.hooks.table import HooksTable
    from streamhooks.records.hook import Hook

Trouble = Literal["disabled_by_system", "blocked", "breaker_open", "failing", "paused"]

TROUBLES: Final[tuple[Trouble, ...]] = get_args(Trouble)
"""The worst first. What its owner has disabled is in none."""

Place = tuple[int, int, str]
"""Where a hook stands in a list: its rank, since when it is so in epoch milliseconds, its id."""

LATEST: Final = 10**15 - 1
"""In a place: since when is not known, or nothing is wrong."""

Test = Callable[["HooksTable", "Hook"], bool]


def trouble_of(hooks: HooksTable, hook: Hook) -> Trouble | None:
    """Return the worst that is wrong with a hook; None if nothing is, or its owner has disabled it."""
    if hook.blocked is None and hooks.state(hook.id) is None:
        return None  # as nearly always
    return next((trouble for trouble in TROUBLES if _TESTS[trouble](hooks, hook)), None)


def place_of(hooks: HooksTable, hook: Hook) -> Place:
    """Return where a hook stands if those come first that need a person, and of these what is so for the longest."""
    trouble, state = trouble_of(hooks, hook), hooks.state(hook.id)
    rank = _rank(trouble, is_disabled=hook.status == "disabled")
    if state is None:
        return rank, LATEST, hook.id
    since = state.disabled_since if trouble == "disabled_by_system" else state.failing_since
    return rank, LATEST if since is None else min(int(since * 1000), LATEST), hook.id


def place_of_shown(hook: Mapping[str, Any]) -> tuple[int, str, str]:
    """Return the same of a hook as the API shows it, which compares alike; a worker of 0.1.0 tells no trouble."""
    rank = _rank(hook.get("trouble"), is_disabled=hook["status"] == "disabled")
    return rank, hook["disabled_since"] or hook["failing_since"] or "~", hook["id"]


def _rank(trouble: str | None, *, is_disabled: bool) -> int:
    # Of those without trouble, what its owner has disabled comes last.
    if trouble is None:
        return len(TROUBLES) + is_disabled
    return TROUBLES.index(trouble)


def test_of(state: str) -> Test:
    """Return what tells whether a hook is in one of STATES; it may be in several."""
    return _TESTS[state]


def _is_paused(hooks: HooksTable, hook: Hook) -> bool:
    lasting = hooks.lasting(hook.id)
    return hooks.is_active(hook.id) and lasting is not None and lasting.pause_left() > 0


def _is_found(name: str) -> Test:
    def is_found(hooks: HooksTable, hook: Hook) -> bool:
        state = hooks.state(hook.id)
        return state is not None and getattr(state, name) is not None and hooks.is_active(hook.id)

    return is_found


_TESTS: Final[Mapping[str, Test]] = {
    "active": lambda hooks, hook: hooks.is_active(hook.id),
    "disabled": lambda hooks, hook: not hooks.is_active(hook.id),
    "disabled_by_owner": lambda _hooks, hook: hook.status == "disabled",
    "disabled_by_system": lambda hooks, hook: hook.status == "active" and not hooks.is_active(hook.id),
    "blocked": lambda hooks, hook: hook.blocked is not None and hooks.is_active(hook.id),
    "breaker_open": _is_found("open_since"),
    "failing": _is_found("failing_since"),
    "paused": _is_paused,
    "trouble": lambda hooks, hook: trouble_of(hooks, hook) is not None,
}

STATES: Final = tuple(_TESTS)
"""What hooks are filtered by; `trouble` is any of TROUBLES."""
