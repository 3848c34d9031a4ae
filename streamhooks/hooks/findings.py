"""Merges a finding about a hook into previous ones, and makes the notice about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal, cast, get_args

from streamhooks.errors import BrokenRecord
from streamhooks.records.hook_state import HookState
from streamhooks.records.notice import Notice

What = Literal["disabled", "upheld", "failing", "warned", "recovered", "pause", "breaker", "closed", "sealed", "opened"]
"""The kinds of findings. Stored calls of `note_finding` contain these names, also those of 0.1.0."""

TELL_AGAIN: Final = 3600.0
"""The shortest time between two notices that a hook's breaker opened, in seconds."""


def known_finding(what: str) -> What:
    """Return the kind of finding that a stored call names; raise BrokenRecord if it is unknown."""
    if what not in get_args(What):
        raise BrokenRecord(f"what: unknown finding: {what}")
    return cast(What, what)


def merged(
    state: HookState, what: What, found: dict[str, Any], *, now: float, pause_left: float = 0.0, enabled_at: float = 0.0
) -> HookState:
    """Return the state with a finding. If several workers report the same finding, the first one is kept.

    `now` is in epoch seconds, `pause_left` the rest of the current pause in seconds, `enabled_at` that of the hook.
    """
    if what == "breaker":
        return _opened(state, found, now)
    if what == "sealed" and state.sealed_since is not None:
        return state
    if what == "pause":
        # 0.1.0 wrote the end of the pause instead of its length.
        seconds = found["paused_for"] if "paused_for" in found else found["paused_until"] - now
        return state if seconds <= pause_left else replace(state, paused_until=now + seconds, paused_for=seconds)
    if what == "disabled":
        return _disabled(state, found, enabled_at)
    return replace(state, **found)


def _opened(state: HookState, found: dict[str, Any], now: float) -> HookState:
    if state.open_since is not None:
        return state
    at = state.breaker_told_at
    was_told = at is not None and 0 <= now - at < TELL_AGAIN
    return replace(state, **found, breaker_told_at=at if was_told else now)


def _disabled(state: HookState, found: dict[str, Any], enabled_at: float) -> HookState:
    about = found.get("enabled_at")
    if about is not None and about < enabled_at:
        return state  # the hook has been enabled since
    found = {name: value for name, value in found.items() if name != "enabled_at"}
    if about is not None:
        # It must be later than the enabling that it undoes, whatever the clock says.
        found["disabled_since"] = max(found["disabled_since"], enabled_at + 0.001)
    return replace(state, **found, upheld_at=found["disabled_since"])


def notice_of(what: What, state: HookState, now: float, blocked: str | None = None) -> Notice | None:
    """Return the notice about a finding; None if the hook's owner need not know. `now` is that of `merged`.

    `blocked` is why nothing can be sent to the hook, see `Hook.blocked`.
    """
    at = int(now * 1000)
    if what == "disabled":
        return Notice(state.id, "disabled", state.status_reason or "", state.disabled_since, at)
    if what == "warned":
        return Notice(state.id, "failing", "every attempt fails; the hook will be disabled", state.failing_since, at)
    if what == "breaker" and state.breaker_told_at == now:
        why = "too many deliveries failed; deliveries wait until a probe succeeds"
        return Notice(state.id, "breaker_opened", why, state.open_since, at)
    if what == "sealed":
        why = f"{blocked or 'nothing can be sent to the hook'}; its deliveries wait"
        return Notice(state.id, "sealed", why, state.sealed_since, at)
    if what == "opened":
        return Notice(state.id, "resumed", "deliveries are possible again", None, at)
    return None
