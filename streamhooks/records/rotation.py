"""Replaced secrets: each signs until its own end (docs/reference/hooks.md#secrets)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from streamhooks.errors import TooManySecrets
from streamhooks.records.hook import Hook
from streamhooks.records.secret import SEALED

MOST: Final = 2
"""How many replaced secrets fit into a record, and so how many may sign at a time."""


class Replaced(NamedTuple):
    """A replaced secret, and until when it signs, in epoch seconds."""

    secret: str
    until: float


def in_force(hook: Hook, now: float) -> list[Replaced]:
    """Return the replaced secrets that sign at `now` (epoch seconds), the most recent first."""
    return [
        Replaced(secret, until)
        for secret, until in _places(hook)
        if secret and until and now < until and secret != hook.secret and not secret.startswith(SEALED)
    ]


def signing_secrets(hook: Hook, now: float) -> tuple[str, ...]:
    """Return the secrets that sign at `now` (epoch seconds), the current one first."""
    if hook.previous_secret is None and hook.earlier_secret is None:
        return (hook.secret,)
    return (hook.secret, *(one.secret for one in in_force(hook, now)))


def rotated(previous: Hook, hook: Hook, now: float, overlap: float) -> Hook:
    """Return `hook`, which has a new secret; that of `previous` still signs until `now` + `overlap` (seconds).

    Secrets that were replaced earlier sign until their own end. Raise TooManySecrets if they do not fit into a record.
    """
    kept = [one for one in in_force(hook, now) if one.secret != previous.secret]
    if overlap > 0 and not previous.secret.startswith(SEALED):  # a secret that no key can decrypt can't sign
        if len(kept) == MOST:
            raise TooManySecrets(min(one.until for one in kept))
        kept.insert(0, Replaced(previous.secret, now + overlap))
    return _with_replaced(hook, kept)


def without_expired(hook: Hook, now: float) -> Hook:
    """Return the hook without the replaced secrets that have expired; an encrypted one stays in its place."""
    changed = hook
    if hook.previous_secret_until is not None and hook.previous_secret_until <= now:
        changed = replace(changed, previous_secret=None, previous_secret_until=None)
    if hook.earlier_secret_until is not None and hook.earlier_secret_until <= now:
        changed = replace(changed, earlier_secret=None, earlier_secret_until=None)
    return changed


def _places(hook: Hook) -> tuple[tuple[str | None, float | None], ...]:
    return (
        (hook.previous_secret, hook.previous_secret_until),
        (hook.earlier_secret, hook.earlier_secret_until),
    )


def _with_replaced(hook: Hook, kept: Sequence[Replaced]) -> Hook:
    places: list[Replaced | None] = [*kept, None, None]
    previous, earlier = places[:MOST]
    return replace(
        hook,
        previous_secret=previous and previous.secret,
        previous_secret_until=previous and previous.until,
        earlier_secret=earlier and earlier.secret,
        earlier_secret_until=earlier and earlier.until,
    )
