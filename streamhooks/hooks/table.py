"""All hooks, on every worker, and what was found about them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from streamhooks.errors import BrokenRecord
from streamhooks.hooks.index import Index
from streamhooks.hooks.lasting import Lasting, lasting
from streamhooks.hooks.matching import Ask
from streamhooks.hooks.revisions import Revisions, revision_of_tombstone
from streamhooks.hooks.wishes import Wishes, following
from streamhooks.kafka.applying import broken_among
from streamhooks.kafka.reader import Record
from streamhooks.masking import shown
from streamhooks.metrics import HOOKS, REJECTED_HOOKS
from streamhooks.records.formats import Registry, decode
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState
from streamhooks.records.sealing import OLD_TEXTS, Keys, holds_old_texts
from streamhooks.times import steady

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """Wish and finding together, as the API shows them."""

    status: str
    reason: str | None
    disabled_since: float | None
    failing_since: float | None = None
    """Since when every attempt failed; this and the next are epoch seconds."""
    paused_until: float | None = None
    breaker: str = "closed"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many hooks are in trouble; failing and open breakers are those of active hooks."""

    disabled: int
    failing: int
    breakers_open: int


class HooksTable:
    """The hooks as wished and what was found about them."""

    def __init__(
        self,
        hooks_topic: str,
        states_topic: str,
        keys: Keys | None = None,
        registry: Registry | None = None,
        clock: Callable[[], float] = time.time,
        steady_clock: Callable[[], float] = steady,
    ) -> None:
        self._clock = clock
        self._steady = steady_clock
        self._is_live = False
        self._keys = keys or Keys()
        self._registry = registry
        self._hooks_topic = hooks_topic
        self._states_topic = states_topic
        self._hooks: dict[str, Hook] = {}
        #: which of the records of a hook holds
        self.revisions = Revisions()
        self._states: dict[str, HookState] = {}
        self._lasting: dict[str, Lasting] = {}
        self._index = Index()
        #: hooks with secrets in the old form, as they were written
        self._old: dict[str, Hook] = {}
        self._opens_old = True
        self._active: set[str] = set()
        self._wishes = Wishes()
        #: when the record was written that has not undone what was found, where that must be told to the hook's home
        self.upheld: dict[str, float] = {}
        #: the hooks that are blocked, or not, other than was found about them, which must be told to their home
        self.seals_changed: set[str] = set()

    def go_live(self) -> None:
        """Take what comes from now on as written a moment ago, not before this worker began to read."""
        self._is_live = True

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Take in records of `hooks` and `hook-states`.

        Returns: the broken ones, each with why; the former version of such a hook stays in force.
        """
        broken = broken_among(records, self._apply)
        HOOKS.set(len(self._hooks))
        return broken

    def _apply(self, record: Record) -> None:
        hook_id = _text_key(record)
        if record.topic == self._hooks_topic:
            try:
                self._apply_wish(hook_id, record)
            except BrokenRecord:
                # Where one worker can't read what another one can, they must agree on the revision all the same.
                self.revisions.take(hook_id, record, None)
                raise
        elif hook_id == OLD_TEXTS:
            self._open_old(record.value is None)
        else:
            state = None if record.value is None else decode(HookState, record.value)
            if state is not None and state.id != hook_id:
                raise BrokenRecord("id: is not the record's key")
            self._replace(hook_id, self._hooks.get(hook_id), state)

    def _apply_wish(self, hook_id: str, record: Record) -> None:
        written = None if record.value is None else decode(Hook, record.value, self._registry)
        former = self._hooks.get(hook_id)
        wish = None if written is None else following(written, former, record.timestamp)
        hook = None if wish is None else self._keys.decrypted(wish, old=self._opens_old)
        if hook is not None and hook.id != hook_id:
            raise BrokenRecord("id: is not the record's key")
        if not self._holds(hook_id, record, written):
            return
        self._wishes.note(hook_id, former, written, hook)
        self._old.pop(hook_id, None)
        if wish is not None and holds_old_texts(wish):
            self._old[hook_id] = wish
        self._replace(hook_id, hook, self._states.get(hook_id))

    def _holds(self, hook_id: str, record: Record, wish: Hook | None) -> bool:
        holds = self.revisions.take(hook_id, record, wish.revision if wish else revision_of_tombstone(record))
        if holds is False and self._is_live:
            REJECTED_HOOKS.inc()
            text = "the record %s was made from an older state of the hook %s: it changes nothing"
            log.warning(text, record.source, shown(hook_id))
        return holds is True

    def _open_old(self, opens: bool) -> None:
        """Open secrets in the old form from now on, or no longer."""
        self._opens_old = opens
        for hook_id, wish in self._old.items():
            with suppress(BrokenRecord):  # what was encrypted may not be in a hook: it stays sealed
                self._replace(hook_id, self._keys.decrypted(wish, old=opens), self._states.get(hook_id))

    def _replace(self, hook_id: str, hook: Hook | None, state: HookState | None) -> None:
        former = self._hooks.pop(hook_id, None)
        if former is not None:
            self._index.remove(former)
        self._states.pop(hook_id, None)
        known = self._lasting.pop(hook_id, None)
        if state is not None:
            self._states[hook_id] = state
            is_old = not self._is_live
            self._lasting[hook_id] = lasting(state, known, self._clock(), is_old=is_old, clock=self._steady)
        self.seals_changed.discard(hook_id)
        self.upheld.pop(hook_id, None)
        self._active.discard(hook_id)
        if hook is None:
            return
        self._hooks[hook_id] = hook
        if (hook.blocked is not None) != (state is not None and state.sealed_since is not None):
            self.seals_changed.add(hook_id)
        if self.status(hook_id).status == "active":
            self._active.add(hook_id)
        elif (
            hook.status == "active"
            and state
            and max(state.disabled_since or 0.0, state.upheld_at or 0.0) < hook.enabled_at
        ):
            self.upheld[hook_id] = hook.enabled_at
        self._index.add(hook)

    # --- one hook

    def get(self, hook_id: str) -> Hook | None:
        """The hook as wished."""
        return self._hooks.get(hook_id)

    def state(self, hook_id: str) -> HookState | None:
        """What was found about the hook."""
        return self._states.get(hook_id)

    def lasting(self, hook_id: str) -> Lasting | None:
        """The same, with the moments by the steady clock."""
        return self._lasting.get(hook_id)

    def is_active(self, hook_id: str) -> bool:
        """Whether deliveries may be sent to it."""
        return hook_id in self._active

    def status(self, hook_id: str) -> Status:
        """Whether the hook is active: the user has not disabled it, and the system not since it was last enabled."""
        hook, state = self._hooks[hook_id], self._states.get(hook_id) or HookState(hook_id)
        breaker = "closed" if state.open_since is None else "open"
        found = (state.failing_since, self._paused_until(hook_id, state.paused_until), breaker)
        if hook.status == "disabled":
            return Status("disabled", "disabled by its owner", None, *found)
        if self._was_disabled(hook, state):
            return Status("disabled", state.status_reason, state.disabled_since, *found)
        blocked = hook.blocked
        return Status("active", f"{blocked}; what it would get waits" if blocked else None, None, *found)

    def _was_disabled(self, hook: Hook, state: HookState) -> bool:
        """Whether the system has disabled the hook since a user last enabled it."""
        if state.disabled_since is None:
            return False
        if state.upheld_at is None:  # of 0.1.0, where each record that says `active` without `enabled_at` enables
            return state.disabled_since > hook.enabled_at
        return state.disabled_since > self._wishes.enabled_at(hook) or state.upheld_at >= hook.enabled_at

    def decided(self, hook_id: str, after: float) -> str | None:
        """What was decided first after this moment (epoch seconds) about what a hook missed; None if nothing was."""
        return self._wishes.decided(hook_id, after)

    def _paused_until(self, hook_id: str, told: float | None) -> float | None:
        """What was told, unless a clock was set since."""
        known, now = self._lasting.get(hook_id), self._clock()
        if told is None or known is None:
            return told
        until = now + known.pause_left()
        if until == now:
            return told if told <= now else None
        return told if abs(told - until) < 1.0 else until

    # --- many

    def matching(self, ask: Ask) -> list[Hook]:
        """The hooks, disabled ones too, that get what is asked for: those that `matches` is true of."""
        return self._index.matching(ask)

    def tally(self) -> Tally:
        """How many hooks are in trouble; looks at each."""
        disabled = failing = breakers_open = 0
        for hook_id, hook in self._hooks.items():
            state = self._states.get(hook_id)
            if hook.status == "disabled" or (state is not None and self._was_disabled(hook, state)):
                disabled += 1
            elif state is not None:
                failing += state.failing_since is not None
                breakers_open += state.open_since is not None
        return Tally(disabled, failing, breakers_open)

    def found_about(self) -> list[str]:
        """The ids of the hooks about which something was found."""
        return list(self._states)

    def __iter__(self) -> Iterator[Hook]:
        return iter(self._hooks.values())

    def __len__(self) -> int:
        return len(self._hooks)


def _text_key(record: Record) -> str:
    try:
        return (record.key or b"").decode()
    except UnicodeDecodeError:
        raise BrokenRecord("the key is not UTF-8") from None
