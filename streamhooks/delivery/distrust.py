"""Origins that get no kept connections for a while: what comes over one may belong to another request."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

SECONDS = 600
_MOST = 16_384


class Origin(NamedTuple):
    """Where connections lead to."""

    host: str
    port: int | None
    is_ssl: bool


class DistrustedOrigins:
    """The origins of the last ten minutes that sent what nobody had asked for, or broke off an answer.

    `clock` gives seconds; of more than 16,384 the latest are known.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: OrderedDict[Origin, float] = OrderedDict()

    def add(self, origin: Origin) -> None:
        """Distrust an origin from now on for ten minutes."""
        self._until[origin] = self._clock() + SECONDS
        self._until.move_to_end(origin)
        if len(self._until) > _MOST:
            self._until.popitem(last=False)

    def __contains__(self, origin: Origin) -> bool:
        until = self._until.get(origin)
        if until is None:
            return False
        if until > self._clock():
            return True
        del self._until[origin]
        return False

    def __len__(self) -> int:
        return len(self._until)
