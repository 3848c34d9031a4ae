"""What a run is: how long, how hard, on what."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

#: what may happen, and how often of a deck of cards that is dealt again and again: each kind comes up
FAULTS = {
    "kill": 5,
    "stop": 4,
    "join": 2,
    "leave": 2,
    "pause": 2,
    "kill all": 1,
    "restart broker": 1,
    "kill broker": 1,
    "pause broker": 1,
    "hang": 1,
    "reset": 1,
    "fail": 1,
}
SHORT_FAULTS = {"kill": 2, "stop": 1, "join": 1, "leave": 1, "pause": 1, "restart broker": 1, "hang": 1, "reset": 1}


@dataclass(frozen=True)
class Plan:
    """One run; times in seconds, `rate` in records a second."""

    seed: int
    seconds: float = 300.0
    rate: float = 100.0
    workers: int = 2
    most_workers: int = 3
    gap: tuple[float, float] = (4.0, 12.0)
    partitions: int = 6
    session_timeout: float = 6.0
    retry_delay: float = 1.0
    max_retries: int = 5
    request_timeout: float = 2.0
    settle: float = 240.0
    faults: dict[str, int] = field(default_factory=lambda: dict(FAULTS))

    def worker_settings(self) -> dict[str, object]:
        """Return what the workers are told, besides where Kafka is."""
        return {
            "partitions": self.partitions,
            "session_timeout": self.session_timeout,
            "retry_delay": self.retry_delay,
            # Endpoints that always fail must use up their retries: an open breaker lets a probe through now and then.
            "breaker": False,
            "max_retries": self.max_retries,
            "request_timeout": self.request_timeout,
            # Small, so that a burst for a slow endpoint overflows into `delayed`.
            "hook_max_in_flight": 10,
            "grace": 3,
        }

    def deal(self) -> Iterator[tuple[float, str]]:
        """Give, for ever, how long to wait and what happens then."""
        draw = random.Random(f"faults:{self.seed}")
        while True:
            deck = [kind for kind, times in self.faults.items() for _ in range(times)]
            draw.shuffle(deck)
            for kind in deck:
                yield draw.uniform(*self.gap), kind


def short(seed: int) -> Plan:
    """Return the run for CI: about 90 s with its start and its reckoning."""
    return Plan(seed, seconds=50.0, rate=60.0, gap=(2.5, 6.0), partitions=4, faults=dict(SHORT_FAULTS))


def kills(seed: int) -> Plan:
    """Return the run that times redelivery: nothing but kills, far apart, with the default session timeout."""
    return Plan(seed, seconds=240.0, gap=(28.0, 36.0), partitions=4, session_timeout=10.0, faults={"kill": 1})
