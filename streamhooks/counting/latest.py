"""The latest attempts of each hook, for the views; `firings` is the log of all of them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import orjson
from msgspec import Raw, Struct
from msgspec.json import Decoder, encode

#: attempts kept per hook
OF_A_HOOK = 100
#: bytes kept for all hooks together: failed attempts have bodies, of up to some kilobytes each
OF_ALL = 100_000_000


class _OfHook:
    """The newest records of `firings` of a hook, as they are: they are parsed when somebody asks for them."""

    __slots__ = ("attempts", "values")

    def __init__(self) -> None:
        self.values: deque[tuple[bytes, int]] = deque()  # each with its number of attempts
        self.attempts = 0

    @property
    def size(self) -> int:
        """Return how many bytes are kept."""
        return sum(len(value) for value, _ in self.values)


class LatestRequests:
    """The newest attempts of each hook, in memory; the hooks that have not fired for the longest time go first."""

    def __init__(self, of_all: int = OF_ALL) -> None:
        self._of_all = of_all
        self._hooks: OrderedDict[str, _OfHook] = OrderedDict()
        self._total = 0

    def add(self, hook_id: str, value: bytes, attempts: int) -> None:
        """Add the attempts of a record of `firings`: its value in JSON, and how many they are."""
        if attempts > OF_A_HOOK:
            value, attempts = _end_of(value), OF_A_HOOK
        kept = self._hooks.get(hook_id)
        if kept is None:
            kept = self._hooks[hook_id] = _OfHook()
        else:
            self._hooks.move_to_end(hook_id)
        values, left = kept.values, kept.attempts + attempts
        values.append((value, attempts))
        self._total += len(value)
        while left >= OF_A_HOOK + values[0][1]:
            gone, number = values.popleft()
            left -= number
            self._total -= len(gone)
        kept.attempts = left
        while self._total > self._of_all and len(self._hooks) > 1:
            self._forget(next(iter(self._hooks)))

    def of_hook(self, hook_id: str) -> list[dict[str, Any]]:
        """Return the attempts of a hook, the newest first."""
        kept = self._hooks.get(hook_id)
        # After a rebalance, the last records are read again.
        values = dict.fromkeys(value for value, _ in kept.values) if kept else ()
        found = [attempt for value in values for attempt in orjson.loads(value)["attempts"]]
        return sorted(found, key=lambda attempt: attempt["at"], reverse=True)[:OF_A_HOOK]

    def release(self, is_gone: Callable[[str], bool]) -> None:
        """Forget the hooks whose partition was revoked."""
        for hook_id in [hook_id for hook_id in self._hooks if is_gone(hook_id)]:
            self._forget(hook_id)

    def _forget(self, hook_id: str) -> None:
        self._total -= self._hooks.pop(hook_id).size


class _Texts(Struct):
    """A record of `firings` whose attempts are not parsed."""

    attempts: list[Raw]


_texts_of = Decoder(_Texts).decode


def _end_of(value: bytes) -> bytes:
    """Return a record with only the last attempts: one has room for thousands."""
    return encode(_Texts(_texts_of(value).attempts[-OF_A_HOOK:]))
