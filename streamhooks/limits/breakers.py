"""Breakers: the statistics of each hook on one worker, which decide when its endpoint is not called for a while.

A breaker opens at 50 % failures of at least 20 deliveries within 60 s, or at 10 timeouts in a row
(docs/reference/outcomes.md).
"""

from __future__ import annotations

WINDOW = 60.0
BUCKETS = 6
LEAST = 20
RATE = 0.5
TIMEOUTS = 10
#: the wait before the first probe, and the longest wait before a probe, in seconds
OPEN_FIRST = 10.0
OPEN_LONGEST = 300.0
#: a probe without a result after this time, in seconds, was never sent: its call may have been dropped
PROBE_LOST = 150.0


class Failures:
    """The recent outcomes of the deliveries of one hook."""

    __slots__ = ("_failed", "_number", "_ok", "timeouts")

    def __init__(self) -> None:
        self._ok = [0] * BUCKETS
        self._failed = [0] * BUCKETS
        self._number = 0
        self.timeouts = 0

    def note(self, now: float, *, failed: bool, timed_out: bool) -> bool:
        """Record the outcome of a delivery (`now` in seconds); return whether the breaker opens."""
        number = int(now * BUCKETS / WINDOW)
        if number != self._number:
            self._turn(number)
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
        """Tell whether any recorded outcome still counts."""
        return int(now * BUCKETS / WINDOW) < self._number + BUCKETS

    def _turn(self, number: int) -> None:
        for passed in range(max(self._number + 1, number - BUCKETS + 1), number + 1):
            self._ok[passed % BUCKETS] = self._failed[passed % BUCKETS] = 0
        self._number = max(self._number, number)


class Probing:
    """An open breaker, on the hook's owner: a wait, then one probe; after a failed probe, twice the wait.

    Deliveries that were in flight before it opened say nothing about now: they are not probes, however they end.
    """

    __slots__ = ("_began", "_period", "_sent_at", "next_at")

    def __init__(self, now: float, open_since: float) -> None:
        self._began = now
        self._period = OPEN_FIRST
        self._sent_at: float | None = None
        #: when the next probe may be sent, in seconds
        self.next_at = min(now, open_since) + OPEN_FIRST

    def take(self, now: float) -> bool:
        """Tell whether the caller may send the probe now; if so, it counts as sent."""
        if self._sent_at is not None and now < self._sent_at + PROBE_LOST:
            return False
        if now < self.next_at:
            return False
        self._sent_at = now
        return True

    def failed(self, now: float, started: float) -> None:
        """Record a failed delivery, by when it started. If it was the probe, double the wait before the next one."""
        if self._sent_at is not None and _is_from(started, self._sent_at):
            self._sent_at = None
            self._period = min(2 * self._period, OPEN_LONGEST)
            self.next_at = now + self._period

    def unsent(self) -> None:
        """Record that the probe was not sent after all: the next delivery may be the probe."""
        self._sent_at = None

    def is_over(self, started: float) -> bool:
        """Tell whether a success that started then closes the breaker; a delivery that a person sent counts as well."""
        return _is_from(started, self._began)


def _is_from(started: float, moment: float) -> bool:
    # The start of a delivery is only known in whole milliseconds.
    return started > moment - 0.001
