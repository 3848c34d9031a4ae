"""What callers changed of hooks, what they saw, and whether both agree: a pure comparison.

A change that was answered with 200, 201 or 204 is in force until another one of the same field is, which began later.
One that was refused never is. One without an answer, or with `"maybe_applied": true`, may be in force at any time after
it began. Times are of one clock, in seconds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DONE = (200, 201, 204)
SECRET, THERE = "secret", "there"
#: what may be refused with a 409
_IN_CONFLICT = (SECRET, "status")


@dataclass(frozen=True)
class Change:
    """A field that a call was to change; a call may change several."""

    call: int
    hook: str
    field: str
    value: Any
    """None for a secret that was handed out to nobody."""
    worker: str
    begun: float
    ended: float
    status: int | None
    """None without an answer."""
    maybe: bool = False
    """The answer says that it may have been applied all the same."""
    looked: float | None = None
    """When the ETag was known that went along as `If-Match`."""
    detail: str = ""
    """What a refusal says."""

    @property
    def is_done(self) -> bool:
        return self.status in DONE

    @property
    def is_open(self) -> bool:
        """Tell whether nobody knows if it was or will be done."""
        return self.status is None or self.maybe

    @property
    def outcome(self) -> str:
        return "no answer" if self.status is None else f"{self.status} maybe" if self.maybe else str(self.status)


@dataclass(frozen=True)
class Sight:
    """What a worker showed of a hook; None if it knows none."""

    hook: str
    worker: str
    begun: float
    fields: Mapping[str, Any] | None


@dataclass(frozen=True)
class Signed:
    """Which secrets signed a sample: `current` those of the Sentry-style header, `standard` of `webhook-signature`."""

    current: frozenset[str]
    standard: frozenset[str]


@dataclass
class Journal:
    """Everything that was changed and seen in a run."""

    changes: list[Change] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    last: list[Sight] = field(default_factory=list)
    """What each worker shows of each hook in the end."""
    signed: dict[str, Signed] = field(default_factory=dict)
    """By hook, in the end."""
    wrong: list[str] = field(default_factory=list)
    """What was wrong with a single answer."""

    @property
    def outcomes(self) -> Counter[str]:
        """Return the number of calls per answer."""
        return Counter({one.call: one.outcome for one in self.changes}.values())


Fields = Mapping[tuple[str, str], Sequence[Change]]


def judge_changes(journal: Journal) -> list[str]:
    """Return the contradictions, one line per kind."""
    fields: defaultdict[tuple[str, str], list[Change]] = defaultdict(list)
    for change in journal.changes:
        fields[change.hook, change.field].append(change)
    found = {
        "answers": journal.wrong + list(_wrong_answers(journal.changes, fields)),
        "changes that another one did not know of, though it asked for that": list(_unmatched(journal.changes)),
        "seen on the worker that knew better": [
            text for sight in journal.sights for text in _stale(sight, fields, sight.worker)
        ],
        "changes that are not in force in the end": [
            text for sight in journal.last for text in _stale(sight, fields, None)
        ],
        "secrets that don't sign": list(_unsigned(journal.signed, fields)),
    }
    return [f"{what}: {len(texts)}, such as {texts[:3]}" for what, texts in found.items() if texts]


def standing(changes: Iterable[Change], before: float, worker: str | None = None) -> list[Any]:
    """Return the values that a field may have at a time, if `worker` (None: all) knows what it has answered by then."""
    changes = list(changes)
    known = [one for one in changes if one.is_done and one.ended <= before and worker in (None, one.worker)]
    latest = max((one.begun for one in known), default=float("-inf"))
    return [one.value for one in changes if one.is_open or (one.is_done and one.ended >= latest)]


def _stale(sight: Sight, fields: Fields, worker: str | None) -> Iterator[str]:
    shown = {**(sight.fields or {}), THERE: sight.fields is not None}
    for (hook, name), changes in fields.items():
        if hook != sight.hook or name not in shown:
            continue
        allowed = standing(changes, sight.begun, worker)
        if shown[name] not in allowed:
            made = ", ".join(_told(one) for one in changes if one.value == shown[name]) or "no call"
            yield f"{name} of {hook} is {shown[name]!r} on {sight.worker}, by {made}; it should be of {allowed}"


def _told(one: Change) -> str:
    seconds = f"{one.begun:.2f} to {one.ended:.2f}"
    return f"call {one.call} to {one.worker} ({one.outcome}{', ' * bool(one.detail)}{one.detail}, {seconds})"


def _wrong_answers(changes: Iterable[Change], fields: Fields) -> Iterator[str]:
    for one in changes:
        match one.status:
            case None | 200 | 201 | 204 | 503:
                expected = not one.is_done or one.field == THERE or not _was_deleted(one, fields)
            case 404:
                expected = any(
                    other.value is False and other.begun < one.ended and (other.is_done or other.is_open)
                    for other in fields[one.hook, THERE]
                )
            case 409:
                expected = one.field in _IN_CONFLICT or _in_one_call(one, changes)
            case 412:
                expected = one.looked is not None
            case _:
                expected = False
        if not expected:
            yield f"{one.outcome} for {one.field} of {one.hook} on {one.worker}"


def _was_deleted(one: Change, fields: Fields) -> bool:
    return any(other.value is False and other.is_done and other.ended < one.begun for other in fields[one.hook, THERE])


def _in_one_call(one: Change, changes: Iterable[Change]) -> bool:
    return any(other.call == one.call and other.field in _IN_CONFLICT for other in changes)


def _unmatched(changes: Sequence[Change]) -> Iterator[str]:
    of_hook: defaultdict[str, list[Change]] = defaultdict(list)
    for one in changes:
        # A status or a deletion may be what it was already.
        if one.is_done and one.field not in ("status", THERE):
            of_hook[one.hook].append(one)
    for one in changes:
        if one.is_done and one.looked is not None:
            for other in of_hook[one.hook]:
                if other.call != one.call and one.looked < other.begun and other.ended < one.begun:
                    yield f"{one.field} of {one.hook} on {one.worker}, after {other.field} on {other.worker}"


def _unsigned(signed: Mapping[str, Signed], fields: Fields) -> Iterator[str]:
    for hook, one in signed.items():
        changes = fields.get((hook, SECRET), [])
        handed_out = {change.value for change in changes if change.is_done}
        if missing := handed_out - one.standard:
            yield f"{len(missing)} of the {len(handed_out)} that were handed out for {hook}"
        allowed = standing(changes, float("inf"))
        if None not in allowed and not one.current & set(allowed):
            yield f"the current one of {hook} is none of the {len(allowed)} that it may be"
