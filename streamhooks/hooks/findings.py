"""What is found about a hook, put together with what was found before, and the notice that it is worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal, cast, get_args

from streamhooks.errors import BrokenRecord
from streamhooks.records.hook_state import HookState
from streamhooks.records.notice import Notice

What = Literal["disabled", "upheld", "failing", "warned", "recovered", "pause", "breaker", "closed", "sealed", "opened"]
"""What may be found about a hook. The names are those of stored calls of `note_finding`, 0.1.0's too."""

TELL_AGAIN: Final = 3600.0
"""How long after a notice that a hook's breaker opened the next may come, in seconds."""


def known_finding(what: str) -> What:
    """Return what was found, as a stored call names it; raise BrokenRecord if there is no such finding."""
    if what not in get_args(What):
        raise BrokenRecord(f"what: is no finding that is known: {what}")
    return cast(What, what)


def merged(
    state: HookState, what: What, found: dict[str, Any], *, now: float, pause_left: float = 0.0, enabled_at: float = 0.0
) -> HookState:
    """The state with a finding in it; several workers may have found the same, and the first one holds.

    `now` is epoch seconds, `pause_left` how long the endpoint is left alone already, `enabled_at` that of the hook.
    """
    if what == "breaker":
        return _opened(state, found, now)
    if what == "sealed" and state.sealed_since is not None:
        return state
    if what == "pause":
        # 0.1.0 told until when.
        seconds = found["paused_for"] if "paused_for" in found else found["paused_until"] - now
        return state if seconds <= pause_left else replace(state, paused_until=now + seconds, paused_for=seconds)
    if what == "disabled":
        return _disabled(state, found, enabled_at)
    return replace(state, **found)


def _opened(state: HookState, found: dict[str, Any], now: float) -> HookState:
    if state.open_since is not None:
        return state
    told = state.breaker_told_at
    was_told = told is not None and 0 <= now - told < TELL_AGAIN
    return replace(state, **found, breaker_told_at=told if was_told else now)


def _disabled(state: HookState, found: dict[str, Any], enabled_at: float) -> HookState:
    about = found.get("enabled_at")
    if about is not None and about < enabled_at:
        return state  # it has been enabled since
    found = {name: value for name, value in found.items() if name != "enabled_at"}
    if about is not None:
        # Later than what it undoes, whatever the clock says by now.
        found["disabled_since"] = max(found["disabled_since"], enabled_at + 0.001)
    return replace(state, **found, upheld_at=found["disabled_since"])


def notice_of(what: What, state: HookState, now: float, blocked: str | None = None) -> Notice | None:
    """The notice about a finding, if its owner should hear of it; `now` is that of `merged`.

    blocked -- why nothing can be sent to the hook, see `Hook.blocked`.
    """
    at = int(now * 1000)
    if what == "disabled":
        return Notice(state.id, "disabled", state.status_reason or "", state.disabled_since, at)
    if what == "warned":
        return Notice(state.id, "failing", "every attempt fails; the hook will be disabled", state.failing_since, at)
    if what == "breaker" and state.breaker_told_at == now:
        why = "too many deliveries failed; the endpoint is left alone, but for probes, and what it would get waits"
        return Notice(state.id, "breaker_opened", why, state.open_since, at)
    if what == "sealed":
        why = f"{blocked or 'nothing can be sent to it'}; what it would get waits"
        return Notice(state.id, "sealed", why, state.sealed_since, at)
    if what == "opened":
        return Notice(state.id, "resumed", "it can be sent to again", None, at)
    return None
