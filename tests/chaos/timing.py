"""How long deliveries stood still after what happened."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from chaos.evidence import Evidence
from chaos.fleet import Happened
from chaos.plan import GROUPS, STORMS

#: a source partition that had new work this long before a fault, in seconds, is one that we can see standing still
_STEADY = 3.0
#: they trouble endpoints, and stand for what they do
_OTHERWISE = ("hang", "reset", "fail", "join", "leave", "kill all", *STORMS)
DISTURBING = {kind for group in GROUPS.values() for kind in group} - {*_OTHERWISE}


@dataclass(frozen=True)
class Wait:
    """After a fault, in seconds, until every source partition that had steady work was delivered from again."""

    kind: str
    at: float
    seconds: float
    alone: bool
    """Nothing else happened from 10 s before to the end of the wait."""


def waits(evidence: Evidence, happened: Sequence[Happened], kinds: Sequence[str] = ("kill",)) -> list[Wait]:
    """Return one for each fault of these kinds that can be timed; work is new when its id came for the first time."""
    first: dict[str, float] = {}
    for request in evidence.requests:
        if request.id in evidence.expected:
            first.setdefault(request.id, request.at)
    by_partition: defaultdict[str, list[float]] = defaultdict(list)
    for identifier, at in first.items():
        by_partition[evidence.expected[identifier].partition].append(at)
    for times in by_partition.values():
        times.sort()
    found = []
    for one in happened:
        if one.kind not in kinds:
            continue
        longest = max((_wait(times, one.at) for times in by_partition.values()), default=0.0)
        if not longest:
            continue
        others = [
            other
            for other in happened
            if other is not one
            and other.kind in DISTURBING
            and other.at < one.at + longest
            and (other.until or other.at) > one.at - 10
        ]
        found.append(Wait(one.kind, one.at, longest, not others))
    return found


def disturbances(happened: Sequence[Happened]) -> list[tuple[float, float]]:
    """Return from when to when (epoch seconds) something happened after which workers settle less soon."""
    return [(one.at, one.until or one.at) for one in happened if one.kind in DISTURBING]


def added(evidence: Evidence, happened: Sequence[Happened]) -> list[float]:
    """Return for each partition that was added how long its first record waited for its first request, in seconds."""
    new = set()
    for one in happened:
        if one.kind == "partitions":
            topic, before, after = one.what.split()
            new |= {f"{topic}:{number}" for number in range(int(before), int(after))}
    written: dict[str, float] = {}
    for expected in evidence.expected.values():
        if expected.partition in new:
            written[expected.partition] = min(expected.produced, written.get(expected.partition, expected.produced))
    came: dict[str, float] = {}
    for request in evidence.requests:
        known = evidence.expected.get(request.id)
        if known and known.partition in new:
            came.setdefault(known.partition, request.at)
    return [at - written[partition] for partition, at in came.items()]


def _wait(times: list[float], at: float) -> float:
    following = bisect_right(times, at)
    if following == 0 or following == len(times) or at - times[following - 1] > _STEADY:
        return 0.0
    return times[following] - at
