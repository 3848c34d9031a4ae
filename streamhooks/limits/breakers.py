"""When an endpoint fails so much that it should be left alone for a while: the statistics of each hook, on one worker.

It trips at 50 % failures of at least 20 within 60 s, or at 10 timeouts in a row (docs/reference/outcomes.md).
"""

from __future__ import annotations

WINDOW = 60.0
BUCKETS = 6
LEAST = 20
RATE = 0.5
TIMEOUTS = 10
#: how long an open breaker stays open before a probe, and at most, in seconds
OPEN_FIRST = 10.0
OPEN_LONGEST = 300.0
#: a probe of which nothing was heard for so long was never sent: its call may have been dropped
PROBE_LOST = 150.0


class Failures:
    """How the deliveries of one hook ended lately."""

    __slots__ = ("_failed", "_number", "_ok", "timeouts")

    def __init__(self) -> None:
        self._ok = [0] * BUCKETS
        self._failed = [0] * BUCKETS
        self._number = 0
        self.timeouts = 0

    def note(self, now: float, *, failed: bool, timed_out: bool) -> bool:
        """Note how a delivery ended (`now` in seconds); whether that is too much."""
        self._turn(int(now * BUCKETS / WINDOW))
        place = self._number % BUCKETS
        if not failed:
            self._ok[place] += 1
            self.timeouts = 0
            return False
        self._failed[place] += 1
        self.timeouts = self.timeouts + 1 if timed_out else 0
        failures = sum(self._failed)
        total = failures + sum(self._ok)
        return self.timeouts >= TIMEOUTS or (total >= LEAST and failures >= RATE * total)

    def is_recent(self, now: float) -> bool:
        """Whether what is noted still counts."""
        return int(now * BUCKETS / WINDOW) < self._number + BUCKETS

    def _turn(self, number: int) -> None:
        for passed in range(max(self._number + 1, number - BUCKETS + 1), number + 1):
            self._ok[passed % BUCKETS] = self._failed[passed % BUCKETS] = 0
        self._number = max(self._number, number)


class Probing:
    """An open breaker, at the hook's home: left alone, then one probe, then left alone for twice as long.

    What was in flight before it opened tells nothing about now: it is no probe, whether it fails or goes well.
    """

    __slots__ = ("_began", "_period", "_sent_at", "next_at")

    def __init__(self, now: float, open_since: float) -> None:
        self._began = now
        self._period = OPEN_FIRST
        self._sent_at: float | None = None
        #: when the next probe may be sent, in seconds
        self.next_at = min(now, open_since) + OPEN_FIRST

    def take(self, now: float) -> bool:
        """Whether the caller may send the probe now."""
        if self._sent_at is not None and now < self._sent_at + PROBE_LOST:
            return False
        if now < self.next_at:
            return False
        self._sent_at = now
        return True

    def failed(self, now: float, started: float) -> None:
        """A delivery that started then failed; was it the probe, the next one has to wait for twice as long."""
        if self._sent_at is not None and _is_from(started, self._sent_at):
            self._sent_at = None
            self._period = min(2 * self._period, OPEN_LONGEST)
            self.next_at = now + self._period

    def unsent(self) -> None:
        """What was taken for the probe had nothing to send: the next one may be it."""
        self._sent_at = None

    def is_over(self, started: float) -> bool:
        """Whether a delivery that started then, and went well, closes the breaker: also one that a person sent."""
        return _is_from(started, self._began)


def _is_from(started: float, moment: float) -> bool:
    # When a delivery started is known in whole milliseconds.
    return started > moment - 0.001
