"""Origins that get no kept connections for a while: a response on one may belong to another request."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

SECONDS = 600
_MOST = 16_384


class Origin(NamedTuple):
    """The destination of connections."""

    host: str
    port: int | None
    is_ssl: bool


class DistrustedOrigins:
    """The origins that sent unsolicited bytes or broke off a response within the last ten minutes.

    `clock` gives seconds. At most the latest 16,384 are remembered.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: OrderedDict[Origin, float] = OrderedDict()

    def add(self, origin: Origin) -> None:
        """Distrust an origin for ten minutes from now."""
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
