"""What hooks missed while they were disabled and Kafka no longer has, and whether anybody said so; pure.

Times are epoch seconds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chaos.evidence import Evidence
    from chaos.toggles import Toggle

_GONE = re.compile(r"the records (\d+) to (\d+) of (\S+):(\d+) that it had yet to get are gone")


@dataclass(frozen=True)
class Passed:
    """Offsets [first, end) of a source partition that a hook had yet to get; without an end while it is disabled."""

    topic: str
    """Without the prefix."""
    partition: int
    first: int
    end: int | None

    def holds(self, partition: str, offset: int) -> bool:
        """Tell whether a record is among them; `partition` is `<topic>:<partition>`."""
        same = partition == f"{self.topic}:{self.partition}"
        return same and self.first <= offset and (self.end is None or offset < self.end)


@dataclass(frozen=True)
class Told:
    """What the answer to enabling a hook said of what it had missed."""

    passed: tuple[Passed, ...] = ()
    available_from: float = 0.0
    """From when on nothing is missing; 0 if nothing is gone."""

    @classmethod
    def of(cls, missed: Mapping[str, Any], prefix: str) -> Told:
        """Read `missed` of the answer (docs/reference/api.md)."""
        available = missed["available_from"]
        passed = [
            Passed(one["topic"].removeprefix(prefix), one["partition"], one["next"], one["end"])
            for one in missed["stretches"]
        ]
        return cls(tuple(passed), datetime.fromisoformat(available).timestamp() if available else 0.0)

    def tells(self, partition: str, offset: int, produced: float) -> bool:
        """Tell whether it said that this record is gone."""
        return produced <= self.available_from and any(one.holds(partition, offset) for one in self.passed)


NOTHING = Told()


def passed_of(why: str, prefix: str) -> Passed | None:
    """Return which records a notice about a hook names as gone."""
    found = _GONE.match(why)
    return Passed(found[3].removeprefix(prefix), int(found[4]), int(found[1]), int(found[2]) + 1) if found else None


def told(evidence: Evidence, toggles: Sequence[Toggle]) -> Iterable[str]:
    """Give the ids of deliveries of which somebody said that Kafka no longer had their record.

    It was said by an answer, or would have been by one that did not arrive; or by a notice about the hook.
    """
    of_hook: defaultdict[str, list[Toggle]] = defaultdict(list)
    for one in toggles:
        of_hook[one.hook].append(one)
    for identifier in evidence.gone:
        expected = evidence.expected[identifier]
        place = expected.partition, expected.offset
        noticed = any(one.holds(*place) for one in evidence.gone_for.get(expected.hook, ()))
        if noticed or any(_tells(one, *place, expected.produced) for one in of_hook[expected.hook]):
            yield identifier


def _tells(toggle: Toggle, partition: str, offset: int, produced: float) -> bool:
    if toggle.is_unanswered:
        return produced <= toggle.enabling[1]
    return toggle.told.tells(partition, offset, produced)
