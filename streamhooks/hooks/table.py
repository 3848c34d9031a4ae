"""All hooks and the findings about them, on every worker."""

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
    """The status of a hook from its owner's settings and the findings, as the API shows it."""

    status: str
    reason: str | None
    disabled_since: float | None
    failing_since: float | None = None
    """Since when every attempt has failed. This and the next are epoch seconds."""
    paused_until: float | None = None
    breaker: str = "closed"


@dataclass(frozen=True, slots=True)
class Tally:
    """The number of hooks in trouble; only active hooks count as failing or with an open breaker."""

    disabled: int
    failing: int
    breakers_open: int


class HooksTable:
    """The hooks as their owners want them, and the findings about them."""

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
        #: which record of a hook is in force
        self.revisions = Revisions()
        self._states: dict[str, HookState] = {}
        self._lasting: dict[str, Lasting] = {}
        self._index = Index()
        #: hooks with secrets encrypted in the old form, as they were written
        self._old: dict[str, Hook] = {}
        self._opens_old = True
        #: the hooks that their owner or the system has disabled; far fewer than those that are active
        self._disabled: set[str] = set()
        self._wishes = Wishes()
        #: when a hook was enabled without effect (epoch seconds), by the hooks whose owner has to record that
        self.upheld: dict[str, float] = {}
        #: the hooks that have become blocked or unblocked, and whose owner has to record that
        self.seals_changed: set[str] = set()

    def go_live(self) -> None:
        """Treat records from now on as just written, not as older than this worker."""
        self._is_live = True

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Apply records of `hooks` and `hook-states`.

        Returns: the broken ones, each with the reason; the previous version of such a hook stays in force.
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
                # Workers must agree on the revision, even if only some of them can read the record.
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
        previous = self._hooks.get(hook_id)
        wish = None if written is None else following(written, previous, record.timestamp)
        hook = None if wish is None else self._keys.decrypted(wish, old=self._opens_old)
        if hook is not None and hook.id != hook_id:
            raise BrokenRecord("id: is not the record's key")
        hook_id = hook_id if hook is None else hook.id  # an equal text, which the hook holds anyway
        if not self._holds(hook_id, record, written):
            return
        self._wishes.note(hook_id, previous, written, hook)
        self._old.pop(hook_id, None)
        if wish is not None and holds_old_texts(wish):
            self._old[hook_id] = wish
        self._replace(hook_id, hook, self._states.get(hook_id))

    def _holds(self, hook_id: str, record: Record, wish: Hook | None) -> bool:
        holds = self.revisions.take(hook_id, record, wish.revision if wish else revision_of_tombstone(record))
        if holds is False and self._is_live:
            REJECTED_HOOKS.inc()
            text = "the record %s is based on an old revision of hook %s: it is ignored"
            log.warning(text, record.source, shown(hook_id))
        return holds is True

    def _open_old(self, opens: bool) -> None:
        """Decrypt secrets in the old form from now on, or no longer."""
        self._opens_old = opens
        for hook_id, wish in self._old.items():
            with suppress(BrokenRecord):  # the plaintext is invalid: the hook stays sealed
                self._replace(hook_id, self._keys.decrypted(wish, old=opens), self._states.get(hook_id))

    def _replace(self, hook_id: str, hook: Hook | None, state: HookState | None) -> None:
        previous = self._hooks.pop(hook_id, None)
        if previous is not None:
            self._index.remove(previous)
        self._states.pop(hook_id, None)
        known = self._lasting.pop(hook_id, None)
        if state is not None:
            self._states[hook_id] = state
            is_old = not self._is_live
            self._lasting[hook_id] = lasting(state, known, self._clock(), is_old=is_old, clock=self._steady)
        self.seals_changed.discard(hook_id)
        self.upheld.pop(hook_id, None)
        self._disabled.discard(hook_id)
        if hook is None:
            return
        self._hooks[hook_id] = hook
        if (hook.blocked is not None) != (state is not None and state.sealed_since is not None):
            self.seals_changed.add(hook_id)
        if hook.status == "disabled":
            self._disabled.add(hook_id)
        elif state is not None and self._was_disabled(hook, state):
            self._disabled.add(hook_id)
            if max(state.disabled_since or 0.0, state.upheld_at or 0.0) < hook.enabled_at:
                self.upheld[hook_id] = hook.enabled_at
        self._index.add(hook)

    # --- one hook

    def get(self, hook_id: str) -> Hook | None:
        """Return a hook as its owner wants it; None if unknown."""
        return self._hooks.get(hook_id)

    def state(self, hook_id: str) -> HookState | None:
        """Return the findings about a hook; None if there are none."""
        return self._states.get(hook_id)

    def lasting(self, hook_id: str) -> Lasting | None:
        """Return the findings with times of the steady clock; None if there are none."""
        return self._lasting.get(hook_id)

    def is_active(self, hook_id: str) -> bool:
        """Tell whether deliveries may be sent to the hook."""
        return hook_id in self._hooks and hook_id not in self._disabled

    def status(self, hook_id: str) -> Status:
        """Return the status of a hook: active unless its owner disabled it, or the system since it was last enabled."""
        hook, state = self._hooks[hook_id], self._states.get(hook_id) or HookState(hook_id)
        breaker = "closed" if state.open_since is None else "open"
        found = (state.failing_since, self._paused_until(hook_id, state.paused_until), breaker)
        if hook.status == "disabled":
            return Status("disabled", "disabled by its owner", None, *found)
        if self._was_disabled(hook, state):
            return Status("disabled", state.status_reason, state.disabled_since, *found)
        blocked = hook.blocked
        return Status("active", f"{blocked}; its deliveries wait" if blocked else None, None, *found)

    def _was_disabled(self, hook: Hook, state: HookState) -> bool:
        """Tell whether the system has disabled the hook since its owner last enabled it."""
        if state.disabled_since is None:
            return False
        if state.upheld_at is None:  # 0.1.0 wrote it: there, each `active` record without `enabled_at` enables
            return state.disabled_since > hook.enabled_at
        return state.disabled_since > self._wishes.enabled_at(hook) or state.upheld_at >= hook.enabled_at

    def decided(self, hook_id: str, after: float) -> str | None:
        """Return the first decision after this time (epoch seconds) about missed records; None if there is none."""
        return self._wishes.decided(hook_id, after)

    def _paused_until(self, hook_id: str, written: float | None) -> float | None:
        """Return the end of a pause (epoch seconds), corrected if the time of day was changed since."""
        known, now = self._lasting.get(hook_id), self._clock()
        if written is None or known is None:
            return written
        until = now + known.pause_left()
        if until == now:
            return written if written <= now else None
        return written if abs(written - until) < 1.0 else until

    # --- many

    @property
    def has_message_hooks(self) -> bool:
        """Tell whether there are message hooks."""
        return self._index.message_hooks > 0

    def matching(self, ask: Ask) -> list[Hook]:
        """Return the hooks, including disabled ones, for which `matches` is true."""
        return self._index.matching(ask)

    def tally(self) -> Tally:
        """Count the hooks in trouble; visits each hook with findings."""
        failing = breakers_open = 0
        for hook_id, state in self._states.items():
            if self.is_active(hook_id):
                failing += state.failing_since is not None
                breakers_open += state.open_since is not None
        return Tally(len(self._disabled), failing, breakers_open)

    def found_about(self) -> list[str]:
        """Return the ids of the hooks with findings."""
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
