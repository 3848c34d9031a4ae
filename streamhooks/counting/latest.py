"""The latest attempts of each hook, for the views; `firings` is the log of all of them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

#: attempts kept per hook
OF_A_HOOK = 100
#: bytes kept for all hooks together: failed attempts have bodies, of up to some kilobytes each
OF_ALL = 100_000_000


class _Kept(NamedTuple):
    """A record of `firings` as it is: it is parsed when somebody asks for it."""

    value: bytes
    attempts: int


class LatestRequests:
    """The newest attempts of each hook, in memory; the hooks that have not fired for the longest time go first."""

    def __init__(self, of_all: int = OF_ALL) -> None:
        self._of_all = of_all
        self._hooks: OrderedDict[str, deque[_Kept]] = OrderedDict()
        self._attempts: dict[str, int] = {}
        self._total = 0

    def add(self, hook_id: str, value: bytes, attempts: int) -> None:
        """Add the attempts of a record of `firings`: its value in JSON, and how many they are."""
        if attempts > OF_A_HOOK:
            value, attempts = _end_of(value), OF_A_HOOK
        kept = self._hooks.get(hook_id)
        if kept is None:
            kept = self._hooks[hook_id] = deque()
            self._attempts[hook_id] = 0
        else:
            self._hooks.move_to_end(hook_id)
        kept.append(_Kept(value, attempts))
        self._total += len(value)
        left = self._attempts[hook_id] + attempts
        while left - kept[0].attempts >= OF_A_HOOK:
            gone = kept.popleft()
            left -= gone.attempts
            self._total -= len(gone.value)
        self._attempts[hook_id] = left
        while self._total > self._of_all and len(self._hooks) > 1:
            self._forget(next(iter(self._hooks)))

    def of_hook(self, hook_id: str) -> list[dict[str, Any]]:
        """Return the attempts of a hook, the newest first."""
        # After a rebalance, the last records are read again.
        values = dict.fromkeys(one.value for one in self._hooks.get(hook_id, ()))
        found = [attempt for value in values for attempt in orjson.loads(value)["attempts"]]
        return sorted(found, key=lambda attempt: attempt["at"], reverse=True)[:OF_A_HOOK]

    def release(self, is_gone: Callable[[str], bool]) -> None:
        """Forget the hooks whose partition was revoked."""
        for hook_id in [hook_id for hook_id in self._hooks if is_gone(hook_id)]:
            self._forget(hook_id)

    def _forget(self, hook_id: str) -> None:
        self._total -= sum(len(one.value) for one in self._hooks.pop(hook_id))
        del self._attempts[hook_id]


def _end_of(value: bytes) -> bytes:
    """Return a record with only the last attempts: one has room for thousands."""
    return orjson.dumps({"attempts": orjson.loads(value)["attempts"][-OF_A_HOOK:]})
