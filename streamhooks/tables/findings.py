"""What is found about a hook, put together with what was found before, and the notice that it is worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streamhooks.records.hook import HookState
from streamhooks.records.notice import Notice


def merged(state: HookState, what: str, found: dict[str, Any]) -> HookState:
    """The state with a finding in it; several workers may have found the same, and the first one holds."""
    if what == "breaker" and state.open_since is not None:
        return state
    if what == "sealed" and state.sealed_since is not None:
        return state
    if what == "pause":
        return replace(state, paused_until=max(state.paused_until or 0.0, found["paused_until"]))
    return replace(state, **found)


def notice_of(what: str, state: HookState, now: float, blocked: str | None = None) -> Notice | None:
    """The notice about a finding, if its owner should hear of it; `now` in epoch seconds.

    blocked -- why nothing can be sent to the hook, see `Hook.blocked`.
    """
    at = int(now * 1000)
    if what == "disabled":
        return Notice(state.id, "disabled", state.status_reason or "", state.disabled_since, at)
    if what == "warned":
        return Notice(state.id, "failing", "every attempt fails; the hook will be disabled", state.failing_since, at)
    if what == "sealed":
        why = f"{blocked or 'nothing can be sent to it'}; what it would get waits"
        return Notice(state.id, "sealed", why, state.sealed_since, at)
    if what == "opened":
        return Notice(state.id, "resumed", "it can be sent to again", None, at)
    return None
