"""What is sent again after a kill, besides what was in flight: a pure comparison.

A killed worker had requests in flight (begun, not answered), which must be sent again. What was answered shortly before
may not have been settled yet. And where a record fires several hooks, all of its requests are sent again if one of them
was not settled: such are counted apart, as fan-outs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from chaos.evidence import Evidence
from chaos.ledger import Request

#: seconds before a kill within which a response may be unsettled: one commit per second, and the time that it takes
RECENT = 2.0
#: seconds before a kill in which nothing else must have happened for it to be alone
_BEFORE = 10.0
#: what an endpoint says for good
_FINAL = range(200, 500)


@dataclass(frozen=True)
class Kill:
    """SIGKILL of a worker; times in epoch seconds."""

    at: float
    worker: str
    since: float
    """When it was started."""
    ports: frozenset[int]
    """Its ends of all connections to the receiver."""

    def sent(self, request: Request) -> bool:
        """Tell whether the killed process sent this request."""
        return request.port in self.ports and self.since <= request.at <= self.at


@dataclass
class Repeats:
    """What was in flight at a kill, and what was sent again after it; all are numbers of requests."""

    at: float
    worker: str
    alone: bool
    """Nothing else had happened in the seconds before that keeps workers from settling."""
    in_flight: int = 0
    in_flight_again: int = 0
    recent: int = 0
    """Answered in the last seconds before it."""
    answered_again: int = 0
    """Answered before it, at any time, and sent again, though the record had no other request to make."""
    fan_outs_again: int = 0
    """The same of records that had another request to make, or to be answered."""
    earliest: float = 0.0
    """How long before the kill the first of those that were answered and sent again had been answered, in seconds."""


def repeats(evidence: Evidence, kills: Sequence[Kill], disturbed: Sequence[tuple[float, float]]) -> list[Repeats]:
    """Return one for each kill; `disturbed` are times (from, to) in which workers could not settle as they do."""
    of_id: defaultdict[str, list[Request]] = defaultdict(list)
    for request in sorted(evidence.requests, key=lambda one: one.at):
        of_id[request.id].append(request)
    of_number: defaultdict[int, list[str]] = defaultdict(list)
    for identifier, expected in evidence.expected.items():
        of_number[expected.number].append(identifier)
    attempts = Counter(identifier for _hook, identifier, _attempt in evidence.firings)
    #: requests beyond those that were counted, and no kill is known for yet
    left = {identifier: len(found) - attempts[identifier] for identifier, found in of_id.items()}
    found = []
    for kill in sorted(kills, key=lambda one: one.at):
        alone = not any(start < kill.at and end > kill.at - _BEFORE for start, end in disturbed)
        one = Repeats(kill.at, kill.worker, alone)
        for identifier in {request.id for request in evidence.requests if kill.sent(request)}:
            requests = of_id[identifier]
            if identifier in evidence.expected and (last := _last(kill, requests)):
                siblings = of_number[evidence.expected[identifier].number]
                whole = all(_is_answered(of_id.get(other, ()), kill.at) for other in siblings if other != identifier)
                _count(one, last, any(request.at > kill.at for request in requests), whole, left)
        found.append(one)
    return found


def _last(kill: Kill, requests: Sequence[Request]) -> Request | None:
    """Return the last request that the killed worker sent, unless another worker sent one after it, before the kill."""
    before = [request for request in requests if request.at <= kill.at]
    return before[-1] if before and kill.sent(before[-1]) else None


def _is_answered(requests: Sequence[Request], at: float) -> bool:
    before = [request for request in requests if request.at <= at]
    return bool(before) and before[-1].ended is not None and before[-1].ended <= at


def _count(one: Repeats, last: Request, again: bool, whole: bool, left: dict[str, int]) -> None:
    """Add what became of the last request of an id; `whole`: its record had no other request to make."""
    in_flight = last.ended is None or last.ended > one.at
    # What was answered with a failure for now is tried again anyhow: of such only what is beyond the counted attempts.
    certain = in_flight or (last.status in _FINAL if last.status else False)
    again = again and (certain or left[last.id] > 0)
    left[last.id] -= again
    if in_flight or last.ended is None:
        one.in_flight += 1
        one.in_flight_again += again
        return
    before = one.at - last.ended
    one.recent += before <= RECENT
    if not again:
        return
    if whole:
        one.answered_again += 1
        one.earliest = max(one.earliest, before)
    else:
        one.fan_outs_again += 1
