"""Comparing what was produced with its outcome; pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from chaos.account import must_be_counted
from chaos.evidence import Counts, Evidence, Firings
from chaos.scene import DOOMED, Hook

_FAILED = ("retried", "dead")


@dataclass
class Verdict:
    """The numbers of a run; `wrong` is empty if every promise holds."""

    records: int = 0
    """Records that Kafka confirmed."""
    held: int = 0
    """Those of them that it holds in the end."""
    expected: int = 0
    delivered: int = 0
    dead: int = 0
    later: int = 0
    """That wait in `delayed` for a time of day that a clock that was ahead meant."""
    lost: list[str] = field(default_factory=list)
    """Deliveries of records that Kafka holds."""
    skipped: int = 0
    """Deliveries that nobody made, since who enabled the hook did not want them."""
    gone: int = 0
    """Deliveries that were not made because Kafka had removed the record, and that was reported."""
    told: int = 0
    """Those of a hook that was disabled; the answer to enabling it, or a notice about it, said so."""
    unknowable: int = 0
    """Those of records that Kafka lost before anybody could know that it had them."""
    vanished: int = 0
    """Those of records that Kafka lost though nothing was done that takes records; the account is wrong then."""
    silent: list[str] = field(default_factory=list)
    """Those of which it was not reported."""
    unexpected: list[str] = field(default_factory=list)
    requests: int = 0
    attempts: int = 0
    duplicates: int = 0
    """Requests beyond one for each counted (id, attempt), all with the id of their original."""
    given_up_though_well: list[str] = field(default_factory=list)
    """At endpoints that were never troubled; not wrong by itself: a busy machine makes requests time out."""
    differences: list[str] = field(default_factory=list)
    """Counters that are not what is promised."""
    wrong: list[str] = field(default_factory=list)


def judge(
    evidence: Evidence, hooks: Iterable[Hook], troubled: set[str], skipped: AbstractSet[str] = frozenset()
) -> Verdict:
    """Compare everything with what was produced; `skipped` ids may be missing."""
    behaviour = {hook.id: hook.behaviour for hook in hooks}
    expected, dead = evidence.expected, evidence.dead
    requests = Counter(request.id for request in evidence.requests)
    taken = {one.id for one in evidence.requests if one.status is not None and 200 <= one.status < 300}
    attempts = Counter(identifier for _hook, identifier, _attempt in evidence.firings)
    missing = [one for one in expected if one not in taken and one not in dead and one not in evidence.pending]
    missing = [one for one in missing if one not in skipped]
    fates = Counter(evidence.gone[one] for one in missing if one in evidence.gone)
    verdict = Verdict(
        records=evidence.account.written,
        held=evidence.account.held,
        expected=len(expected),
        delivered=len(taken & expected.keys()),
        dead=len(dead.keys() & expected.keys()),
        later=len(evidence.later & expected.keys()),
        lost=[f"{one}: {expected[one]}" for one in missing if one not in evidence.gone],
        skipped=len(skipped - taken),
        gone=fates["reported"],
        told=fates["told"],
        unknowable=fates["unknowable"],
        vanished=fates["vanished"],
        silent=[f"{one}: {expected[one]}" for one in missing if evidence.gone.get(one) == "silent"],
        unexpected=list(_unexpected(evidence)),
        requests=len(evidence.requests),
        attempts=len(evidence.firings),
        duplicates=sum(max(0, count - attempts[one]) for one, count in requests.items() if one in expected),
        given_up_though_well=[
            f"{one}: {reasons}"
            for one, reasons in dead.items()
            if one in expected
            and one not in taken
            and behaviour[expected[one].hook] not in DOOMED
            and expected[one].hook not in troubled
        ],
        differences=list(_differences(evidence, taken, skipped)),
    )
    doomed = [one for one in taken & expected.keys() if behaviour[expected[one].hook] in DOOMED]
    verdict.wrong = [
        *_wrong("lost", verdict.lost),
        *_wrong("lost in silence", verdict.silent),
        *_wrong("unexpected", verdict.unexpected),
        *_wrong("counters differ", verdict.differences),
        *_wrong("delivered to an endpoint that takes nothing", doomed),
        *_wrong("dead letters that stand for nothing", evidence.dead_otherwise),
        *_wrong(
            "still pending",
            [
                *(f"{one}: {expected.get(one)}" for one in sorted(evidence.pending.keys() - evidence.later)),
                *["in the web views"] * evidence.pending_shown,
            ],
        ),
        *_wrong("wrong signatures", ["request"] * evidence.unverified),
        *_wrong("Kafka's account", evidence.account.wrong),
        *_wrong("the metrics of moves", list(_miscounted(evidence))),
    ]
    return verdict


def _wrong(what: str, found: list[str]) -> list[str]:
    return [f"{what}: {len(found)}, such as {found[:3]}"] if found else []


def _unexpected(evidence: Evidence) -> Iterable[str]:
    for request in evidence.requests:
        expected = evidence.expected.get(request.id)
        if expected is None:
            yield f"{request.id} at {request.path} stands for no record"
        elif request.path != f"/{expected.hook}" or request.number != expected.number:
            yield f"{request.id} with record {request.number} at {request.path} should be {expected}"


def _miscounted(evidence: Evidence) -> Iterable[str]:
    """Compare counts with notices. A killed worker's last count is unknown, so the counts seen may be fewer."""
    reported = must_be_counted(evidence.reported)
    for what in sorted(reported.keys() | evidence.moves.keys()):
        said, counted = reported.get(what, 0), evidence.moves.get(what, 0)
        if counted > said or (counted < said and evidence.all_moves_seen):
            yield f"{what}: counted {counted}, and the notices make {said}"


def _differences(evidence: Evidence, taken: set[str], skipped: AbstractSet[str]) -> Iterable[str]:
    firings = evidence.firings
    counted = {identifier for (_hook, identifier, _attempt), outcomes in firings.items() if "delivered" in outcomes}
    # A receiver may have taken what the worker did not live to see; then it was tried again, to whatever end, unless
    # Kafka had lost the record meanwhile, or nobody wanted it any longer.
    settled = evidence.dead.keys() | evidence.pending.keys() | evidence.gone.keys() | skipped
    for one in sorted((taken & evidence.expected.keys()) - counted - settled):
        yield f"{one}: taken by the receiver, and no firing says so: {evidence.expected[one]}"
    for one in sorted(counted - taken):
        yield f"{one}: a firing says delivered, and the receiver did not take it"
    made: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for hook, identifier, attempt in firings:
        made[hook, identifier].add(attempt)
    for (hook, identifier), numbers in made.items():
        if missing := set(range(1, max(numbers))) - numbers:
            yield f"{identifier} of {hook}: the attempts {sorted(missing)} are in no firing, {sorted(numbers)} are"
    for rollup, counters in evidence.counters.items():
        for hook, counts in counters.items():
            if not _is_right(counts, least := _count(firings, hook, all), most := _count(firings, hook, any)):
                yield f"{rollup} of {hook}: fired, delivered, failed are {counts}, and should be {least} to {most}"


def _is_right(counts: Counts, least: Counts, most: Counts) -> bool:
    return all(low <= count <= high for low, count, high in zip(least, counts, most, strict=True))


def _count(firings: Firings, hook: str, quantifier: Callable[[Iterable[bool]], bool]) -> Counts:
    """Fired and delivered are exact; an attempt that was made twice and failed once may count as failed or not."""
    fired = failed = 0
    delivered = set()
    for (of, identifier, _attempt), outcomes in firings.items():
        if of == hook:
            fired += 1
            failed += quantifier(outcome in _FAILED for outcome in outcomes)
            if "delivered" in outcomes:
                delivered.add(identifier)
    return fired, len(delivered), failed
