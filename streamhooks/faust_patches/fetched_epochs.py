"""The leader epoch in which a record was written, which is in the header of each batch, and which aiokafka skips."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterator
from struct import Struct
from typing import Any

_FETCH = 1
#: the beginning of a batch: base offset, length of the rest, leader epoch, magic
_HEAD = Struct(">qiib")
_BEFORE_LENGTH = 12
#: the first batch version with an epoch
_NAMES_EPOCH = 2

NOT_KNOWN = -1


class FetchedEpochs:
    """The epochs of the last fetch per partition, which is not fetched again before its records were taken."""

    def __init__(self) -> None:
        self._epochs: dict[tuple[str, int], list[tuple[int, int]]] = {}

    def watched(self, send: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Wrap `send` so that the epochs of each fetch response are noted."""

        async def watching(*arguments: Any, **named: Any) -> Any:
            response = await send(*arguments, **named)
            if getattr(response, "API_KEY", None) == _FETCH:
                self._note(response)
            return response

        return watching

    def of(self, topic: str, partition: int, offset: int) -> int:
        """Return the epoch of a record of the last fetch; -1 if its batch names none."""
        epochs = self._epochs.get((topic, partition), [])
        place = bisect_right(epochs, offset, key=_base) - 1
        return epochs[place][1] if place >= 0 else NOT_KNOWN

    def _note(self, response: Any) -> None:
        for topic, partitions in response.topics:
            for partition, _error, _end, *rest in partitions:
                if rest and rest[-1]:
                    self._epochs[topic, partition] = list(_changes(rest[-1]))


def _changes(batches: bytes) -> Iterator[tuple[int, int]]:
    """Give (first offset, epoch) of each batch whose epoch differs from the one before; the last batch may be cut."""
    start, previous = 0, None
    while start + _HEAD.size <= len(batches):
        base, length, epoch, magic = _HEAD.unpack_from(batches, start)
        epoch = epoch if magic >= _NAMES_EPOCH else NOT_KNOWN
        if epoch != previous:
            yield base, epoch
        previous = epoch
        start += _BEFORE_LENGTH + length


def _base(change: tuple[int, int]) -> int:
    return change[0]
