"""The plan of a run: how long, how hard, on what."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

Deck = dict[str, int]

#: what may happen, and how often of a deck of cards that is dealt again and again: each kind comes up
PROCESSES: Deck = {
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
#: what a log may do that its readers rely on
LOG: Deck = {"retention": 3, "anew": 2, "cut": 2, "regrow": 2, "partitions": 1}
#: what happens to one of several brokers
BROKERS: Deck = {
    "kill one broker": 2,
    "pause one broker": 1,
    "kill coordinator": 2,
    "move leaders": 2,
    "too few in sync": 1,
    "wipe replica": 1,
    "unclean election": 1,
}
#: what happens between a worker and the brokers
NETWORK: Deck = {"slow network": 1, "deaf network": 1, "silent network": 2, "reset network": 1}
#: what keeps workers from writing
OUTPUT: Deck = {"not permitted": 2, "refused timestamps": 2, "missing topic": 1, "under min ISR": 1, "full disk": 1}
#: what a worker's clock does
CLOCKS: Deck = {"clock ahead": 1, "clock back": 1}
#: when a worker is asked to end
STOPPING: Deck = {"stop without Kafka": 2, "stop with frozen Kafka": 1, "stop at start": 2, "stop in rebalance": 1}
#: what callers change of hooks, and what happens to the workers meanwhile
CHANGES: Deck = {"change hooks": 3, "toggle hooks": 3, "kill": 2, "pause": 2, "join": 1, "leave": 1, "stop": 1}
STORMS = ("change hooks", "toggle hooks")
GROUPS: Mapping[str, Deck] = {
    "processes": PROCESSES,
    "log": LOG,
    "brokers": BROKERS,
    "network": NETWORK,
    "output": OUTPUT,
    "clocks": CLOCKS,
    "stopping": STOPPING,
    "changes": CHANGES,
}

SHORT_FAULTS: Deck = {
    "kill": 2,
    "stop": 1,
    "join": 1,
    "leave": 1,
    "pause": 1,
    "kill one broker": 1,
    "move leaders": 1,
    "silent network": 1,
    "reset network": 1,
    "hang": 1,
    "reset": 1,
}


@dataclass(frozen=True)
class Plan:
    """One run; times in seconds, `rate` in records per second."""

    seed: int
    seconds: float = 300.0
    rate: float = 100.0
    workers: int = 2
    most_workers: int = 3
    lasting: int = 0
    """How many workers nothing ends: what they take shows whether it grows."""
    gap: tuple[float, float] = (4.0, 12.0)
    partitions: int = 6
    session_timeout: float = 6.0
    retry_delay: float = 1.0
    max_retries: int = 5
    request_timeout: float = 2.0
    grace: float = 3.0
    settle: float = 240.0
    faults: Deck = field(default_factory=lambda: dict(PROCESSES))

    @property
    def brokers(self) -> int:
        """Return the number of brokers needed."""
        return 3 if self.faults.keys() & {*BROKERS, "under min ISR"} else 1

    @property
    def wires(self) -> int:
        """Return the number of wires with proxies; 0 if no kind disturbs the network."""
        return self.most_workers if self.faults.keys() & NETWORK.keys() else 0

    @property
    def has_rules(self) -> bool:
        """Tell whether Kafka asks who may write to a topic."""
        return bool(self.faults.keys() & {"not permitted", "missing topic"})

    @property
    def has_clocks(self) -> bool:
        """Tell whether the clocks of workers can be shifted."""
        return bool(self.faults.keys() & CLOCKS.keys())

    @property
    def has_toggles(self) -> bool:
        """Tell whether there are hooks that are disabled and enabled."""
        return "toggle hooks" in self.faults

    @property
    def stop_limit(self) -> float:
        """Return how long a worker may take to end, in seconds, as docs/running.md promises."""
        return self.grace + 15.0

    def without(self, kind: str) -> Plan:
        """Return the plan without a kind that can't be done here; raise ValueError if it has no other."""
        faults = {one: times for one, times in self.faults.items() if one != kind}
        if not faults:
            raise ValueError(f"{kind!r} can't be done here, and there is nothing else to do")
        return replace(self, faults=faults)

    def worker_settings(self) -> dict[str, object]:
        """Return the settings of workers, besides the address of Kafka."""
        return {
            "partitions": self.partitions,
            "replication": self.brokers,
            "session_timeout": self.session_timeout,
            "retry_delay": self.retry_delay,
            # Endpoints that always fail must use up their retries: an open breaker lets a probe through now and then.
            "breaker": False,
            "max_retries": self.max_retries,
            "request_timeout": self.request_timeout,
            # Small, so that a burst for a slow endpoint overflows into `delayed`.
            "hook_max_in_flight": 10,
            "grace": self.grace,
        }

    def deal(self) -> Iterator[tuple[float, str]]:
        """Give, forever, how long to wait and what happens then."""
        draw = random.Random(f"faults:{self.seed}")
        while True:
            deck = [kind for kind, times in self.faults.items() for _ in range(times)]
            draw.shuffle(deck)
            for kind in deck:
                yield draw.uniform(*self.gap), kind


def deck(names: Sequence[str]) -> Deck:
    """Return the cards of these kinds and groups of kinds; raise ValueError with what there is for an unknown one."""
    cards: Deck = {}
    for name in names:
        known = next((group for group in GROUPS.values() if name in group), {})
        found = GROUPS.get(name) or {kind: 1 for kind in known if kind == name}
        if not found:
            kinds = ", ".join(kind for group in GROUPS.values() for kind in group)
            raise ValueError(f"no kind {name!r}; there are the groups {', '.join(GROUPS)}, and of them {kinds}")
        cards |= found
    return cards


def short(seed: int) -> Plan:
    """Return the run for CI: about 90 s with its start and its account."""
    return Plan(seed, seconds=50.0, rate=60.0, gap=(2.5, 6.0), partitions=4, faults=dict(SHORT_FAULTS))


def soak(seed: int) -> Plan:
    """Return the run that shows whether anything grows: an hour at a moderate rate, one worker of which lasts."""
    faults = PROCESSES | OUTPUT | CLOCKS | STOPPING
    return Plan(seed, seconds=3600.0, rate=30.0, gap=(8.0, 20.0), lasting=1, faults=faults)


def kills(seed: int) -> Plan:
    """Return the run that times redelivery: nothing but kills, far apart, with the default session timeout."""
    return Plan(seed, seconds=240.0, gap=(28.0, 36.0), partitions=4, session_timeout=10.0, faults={"kill": 1})
