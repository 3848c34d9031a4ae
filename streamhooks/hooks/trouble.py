"""Which hooks need attention first (docs/reference/hooks.md): the trouble of each, as every worker knows it.

All of it is in `hook-states`, which every worker reads, so no other worker is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    from streamhooks.hooks.table import HooksTable
    from streamhooks.records.hook import Hook

Trouble = Literal["disabled_by_system", "blocked", "breaker_open", "failing", "paused"]

TROUBLES: Final[tuple[Trouble, ...]] = get_args(Trouble)
"""The worst first. A hook that a user has disabled has no trouble."""

Place = tuple[int, int, str]
"""The place of a hook in a list: its rank, the start of its condition in epoch milliseconds, its id."""

LATEST: Final = 10**15 - 1
"""In a place: the start is unknown, or there is no trouble."""

Test = Callable[["HooksTable", "Hook"], bool]


def trouble_of(hooks: HooksTable, hook: Hook) -> Trouble | None:
    """Return the worst trouble of a hook; None without trouble, or if a user has disabled it."""
    if hook.blocked is None and hooks.state(hook.id) is None:
        return None  # by far the most common case
    return next((trouble for trouble in TROUBLES if _TESTS[trouble](hooks, hook)), None)


def place_of(hooks: HooksTable, hook: Hook) -> Place:
    """Return the place of a hook in the order of attention; within one trouble, the longest comes first."""
    trouble, state = trouble_of(hooks, hook), hooks.state(hook.id)
    rank = _rank(trouble, is_disabled=hook.status == "disabled")
    if state is None:
        return rank, LATEST, hook.id
    since = state.disabled_since if trouble == "disabled_by_system" else state.failing_since
    return rank, LATEST if since is None else min(int(since * 1000), LATEST), hook.id


def place_of_shown(hook: Mapping[str, Any]) -> tuple[int, str, str]:
    """Return the place of a hook as the API shows it, in the same order; a worker of 0.1.0 shows no trouble."""
    rank = _rank(hook.get("trouble"), is_disabled=hook["status"] == "disabled")
    return rank, hook["disabled_since"] or hook["failing_since"] or "~", hook["id"]


def _rank(trouble: str | None, *, is_disabled: bool) -> int:
    # Hooks that a user has disabled come last.
    if trouble is None:
        return len(TROUBLES) + is_disabled
    return TROUBLES.index(trouble)


def test_of(state: str) -> Test:
    """Return the test for one of STATES; a hook may be in several."""
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
"""The filters of hooks; `trouble` is any of TROUBLES."""
