"""The latest attempts of each hook, for the views; `firings` is the log of all of them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

import orjson

from streamhooks.records.firing import Attempt

#: attempts kept per hook
OF_A_HOOK = 100
#: bytes kept for all hooks together: failed attempts have bodies, of up to some kilobytes each
OF_ALL = 100_000_000


class LatestRequests:
    """The newest attempts of each hook, in memory; the hooks that have not fired for the longest time go first."""

    def __init__(self, of_all: int = OF_ALL) -> None:
        self._of_all = of_all
        self._hooks: OrderedDict[str, deque[bytes]] = OrderedDict()
        self._total = 0

    def add(self, hook_id: str, attempts: tuple[Attempt, ...]) -> None:
        """Add the attempts of a record of `firings`."""
        kept = self._hooks.get(hook_id)
        if kept is None:
            kept = self._hooks[hook_id] = deque()
        else:
            self._hooks.move_to_end(hook_id)
        for attempt in attempts[-OF_A_HOOK:]:
            if len(kept) == OF_A_HOOK:
                self._total -= len(kept.popleft())
            value = attempt.to_json()
            kept.append(value)
            self._total += len(value)
        while self._total > self._of_all and len(self._hooks) > 1:
            _, forgotten = self._hooks.popitem(last=False)
            self._total -= sum(map(len, forgotten))

    def of_hook(self, hook_id: str) -> list[dict[str, object]]:
        """Return the attempts of a hook, the newest first."""
        # After a rebalance, the last records are read again.
        found = [orjson.loads(value) for value in dict.fromkeys(self._hooks.get(hook_id, ()))]
        return sorted(found, key=lambda attempt: attempt["at"], reverse=True)

    def release(self, is_gone: Callable[[str], bool]) -> None:
        """Forget the hooks whose partition was revoked."""
        for hook_id in [hook_id for hook_id in self._hooks if is_gone(hook_id)]:
            self._total -= sum(map(len, self._hooks.pop(hook_id)))
