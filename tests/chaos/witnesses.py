"""Whether a worker can know that an own topic was recreated: pure. Times are epoch seconds.

Kafka forgets the committed offsets of a topic with it. To a worker that starts then, the topic is one that was added to
the file just now. Only one that had read it before can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from chaos.account import Removal
from chaos.fleet import Happened
from chaos.scene import ORDERS
from chaos.usage import Life

#: seconds from the start of a worker until it reads, and from a removal until it has noticed it
_READS, _NOTICED = 20.0, 30.0
_ENDS = ("kill", "stop")


def as_seen(removals: Iterable[Removal], lives: Sequence[Life], happened: Sequence[Happened]) -> Iterator[Removal]:
    """Give the removals, and mark those of a recreated own topic that no worker lived through."""
    for one in removals:
        is_own = one.kind == "anew" and one.topic == ORDERS
        saw = any(
            life.started + _READS <= one.at and one.at + _NOTICED <= _end(life, happened) for life in lives if is_own
        )
        yield replace(one, is_unseen=is_own and not saw)


def _end(life: Life, happened: Iterable[Happened]) -> float:
    """Return when a life was ended, at the earliest."""
    ends = [
        one.at
        for one in happened
        if one.kind in _ENDS and one.what.split(" ")[0] == life.worker and one.at >= life.started
    ]
    return min(ends, default=float("inf"))
