"""Hooks that were disabled and enabled again: what may be missing of them, and what may have come twice.

Pure comparison. Times are epoch seconds, those of records and of requests too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chaos.answers import NOTHING, Told
from chaos.evidence import Evidence, Expected
from chaos.ledger import Request
from chaos.scene import Hook

#: how long a worker may take from what it decides about a delivery to its request, in seconds
_LATE = 2.0
#: how long an attempt that failed may be tried again
_TRIED = 20.0
#: how long what was missed may take to be sent
_SENT = 30.0
#: before a disturbance, what was answered may not be settled; after it, partitions move: on a busy machine, a worker
#: joins ten seconds after its start
_UNSETTLED, _MOVING = 10.0, 30.0


@dataclass(frozen=True)
class Toggle:
    """A hook was disabled and enabled again; each from when it was asked for to when it was answered."""

    hook: str
    disabling: tuple[float, float]
    enabling: tuple[float, float]
    cutoff: float
    """Records before it need not be sent that came while it was disabled."""
    told: Told = NOTHING
    """What the answer to enabling it said."""
    is_unanswered: bool = False
    """An answer to enabling it, which would have said that, did not arrive."""


@dataclass(frozen=True)
class Missing:
    """What the account of toggled hooks says."""

    skipped: frozenset[str]
    """Ids that never came, or were never counted, and need not."""
    duplicates: int
    """Deliveries that came again though they had been taken."""
    unexplained: tuple[str, ...]
    """Of these, what nothing explains."""


def judge_toggles(
    evidence: Evidence,
    hooks: Iterable[Hook],
    toggles: Sequence[Toggle],
    disturbed: Sequence[tuple[float, float]],
) -> Missing:
    """Hold what hooks got that were toggled against when they were; `disturbed` are times from, to."""
    hooks = list(hooks)
    toggled = {hook.id for hook in hooks if hook.resume}
    witnesses = {hook.path for hook in hooks if not hook.resume}
    of_hook: defaultdict[str, list[Toggle]] = defaultdict(list)
    for one in toggles:
        of_hook[one.hook].append(one)
    of_id: defaultdict[str, list[Request]] = defaultdict(list)
    seen: defaultdict[int, float] = defaultdict(float)
    for request in sorted(evidence.requests, key=lambda one: one.at):
        of_id[request.id].append(request)
        if request.path in witnesses:
            seen[request.number] = request.at
    counted = {identifier for (_hook, identifier, _attempt), found in evidence.firings.items() if "delivered" in found}
    skipped, duplicates, unexplained = set(), 0, []
    for identifier, expected in evidence.expected.items():
        if expected.hook not in toggled:
            continue
        requests, own = of_id[identifier], of_hook[expected.hook]
        taken = next((one for one in requests if _is_taken(one)), None)
        # A worker may not have lived to see that it was taken: then it is decided about once more.
        if taken is None or identifier not in counted:
            decided = [seen[expected.number] + _LATE, evidence.waited.get(identifier, 0.0)]
            decided += [one.at + _TRIED for one in requests]
            if may_be_missing(expected.produced, max(decided), own):
                skipped.add(identifier)
        for again in [one for one in requests if taken is not None and one.at > taken.at]:
            duplicates += 1
            if not is_explained(expected, taken, again, own, disturbed):
                unexplained.append(f"{identifier} at {taken.at:.3f} and {again.at:.3f}: {expected}")
    return Missing(frozenset(skipped), duplicates, tuple(unexplained))


def may_be_missing(produced: float, decided: float, toggles: Sequence[Toggle]) -> bool:
    """Tell whether a record need not be sent that was produced and last decided about at these times.

    It was passed over while its hook was disabled, and who enabled the hook did not want it; or it was still to be sent
    when the hook was disabled once more, and who enabled it then did not want it.
    """
    held = [one for one in toggles if one.disabling[0] <= decided and one.enabling[1] >= produced]
    return any(produced < one.cutoff and any(first is one or _is_soon(first, one) for first in held) for one in toggles)


def is_explained(
    expected: Expected,
    taken: Request,
    again: Request,
    toggles: Sequence[Toggle],
    disturbed: Sequence[tuple[float, float]],
) -> bool:
    """Tell whether a record may have been sent again.

    It came at an end of a disabling; or it was there and not settled yet when something happened to a worker.
    """
    ends = [end for one in toggles for end in (one.disabling, one.enabling)]
    if any(begun - _LATE <= taken.at + _LATE and expected.produced <= ended + _LATE for begun, ended in ends):
        return True
    return any(
        begun - _UNSETTLED <= taken.at and expected.produced <= ended + _MOVING and begun <= again.at
        for begun, ended in disturbed
    )


def _is_soon(first: Toggle, later: Toggle) -> bool:
    return first.enabling[0] <= later.disabling[0] <= first.enabling[1] + _SENT


def _is_taken(request: Request) -> bool:
    return request.status is not None and 200 <= request.status < 300
