"""How long an idle connection is used again, per origin: as long as the origin says, or has shown."""

from __future__ import annotations

from collections import OrderedDict

from streamhooks.delivery.distrust import Origin

#: Just below the 5 s after which Node, uvicorn and others close an idle connection. Reusing one while it is being
#: closed gives a reset, and nobody can know whether the POST was handled.
AT_FIRST = 4.0
LEAST = 1.0
MOST = 60.0
#: the part of the time that an origin has shown
_SAFE = 0.8
#: how much earlier than it says, in seconds
_MARGIN = 1.0
_MOST_ORIGINS = 16_384


class Keeping:
    """What is known of the origins. At most the latest 16,384 are remembered."""

    def __init__(self) -> None:
        self._seconds: OrderedDict[Origin, float] = OrderedDict()

    def seconds(self, origin: Origin) -> float:
        """Return how long a connection may be idle and still be used."""
        return self._seconds.get(origin, AT_FIRST)

    def saw_open(self, origin: Origin, idle: float) -> None:
        """Note that a connection was still open after being idle for so many seconds."""
        if idle * _SAFE > self.seconds(origin):
            self._note(origin, idle)

    def saw_end(self, origin: Origin, idle: float) -> None:
        """Note that the origin closed a connection that was idle for so many seconds."""
        if idle * _SAFE < self.seconds(origin):
            self._note(origin, idle)

    def _note(self, origin: Origin, idle: float) -> None:
        self._seconds[origin] = min(max(idle * _SAFE, LEAST), MOST)
        self._seconds.move_to_end(origin)
        if len(self._seconds) > _MOST_ORIGINS:
            self._seconds.popitem(last=False)


def as_said(seconds: int) -> float:
    """Return how long a connection may be idle whose response says `Keep-Alive: timeout=…`."""
    return min(max(seconds - _MARGIN, 0.0), MOST)
