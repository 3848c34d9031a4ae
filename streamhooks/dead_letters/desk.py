"""Lists, resends and drops dead letters for the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing

from streamhooks.dead_letters.listing import DeadLetters, Filter, Found
from streamhooks.dead_letters.redriving import Redriving
from streamhooks.kafka.backwards import Page, Place
from streamhooks.kafka.looks import Looks
from streamhooks.kafka.reader import Stop

Wanted = Filter | list[tuple[int, int]]
"""Dead letters: those that match a filter, or those at these partitions and offsets."""


class LetterDesk:
    """Answers for one worker. Each method raises TimeoutError when Kafka does not answer."""

    def __init__(self, looks: Looks, letters: DeadLetters, redriving: Redriving) -> None:
        self._looks = looks
        self._letters = letters
        self._redriving = redriving

    async def page(self, wanted: Filter, before: Mapping[int, Place], limit: int) -> Page[Found]:
        """Return a page of dead letters; see `DeadLetters.page`."""
        return await self._looks.short(self._letters.page, wanted, before, limit)

    async def one(self, partition: int, offset: int) -> Found | None:
        """Return the dead letter at this place; None if it is gone."""
        return await self._looks.short(self._one, partition, offset)

    def _one(self, partition: int, offset: int, *, stop: Stop) -> Found | None:
        return next(iter(self._letters.at([(partition, offset)], stop=stop)), None)

    async def redrive(self, wanted: Wanted, *, force: bool, dry_run: bool) -> tuple[int, int]:
        """Resend open dead letters: those that match and exist now, or those at these places.

        `force` is passed on to `Redriving.may_send`. `dry_run` only counts.

        Returns: the number that was (or would be) sent, and the number that was not.

        Raises:
            Busy: too many long searches are running.

        """

        def may_send(one: Found) -> bool:
            return self._redriving.may_send(one, force=force)

        send = _count if dry_run else self._redriving.send
        with self._looks.long_place():
            return await self._looks.long(self._each, wanted, may_send, send)

    async def drop(self, wanted: Wanted, *, dry_run: bool) -> tuple[int, int]:
        """Drop open dead letters, chosen as by `redrive`; return the number that was dropped, and that was not.

        Raises:
            Busy: too many long searches are running.

        """
        drop = _count if dry_run else self._redriving.drop
        with self._looks.long_place():
            return await self._looks.long(self._each, wanted, _is_open, drop)

    def _each(
        self, wanted: Wanted, may: Callable[[Found], bool], do: Callable[..., int], *, stop: Stop
    ) -> tuple[int, int]:
        """Apply `do` to the wanted letters that `may` accepts; return the number done, and the number left out."""
        seen = named = 0
        if isinstance(wanted, Filter):
            letters = self._letters.all(wanted, stop=stop)
        else:
            places = list(dict.fromkeys(wanted))
            letters, named = self._letters.at(places, stop=stop), len(places)

        def chosen() -> Iterator[Found]:
            nonlocal seen
            for one in letters:
                if stop.is_set():
                    raise TimeoutError("the caller was cancelled")
                seen += 1
                if may(one):
                    yield one

        with closing(letters):
            done = do(chosen(), stop=stop)
        return done, max(seen, named) - done


def _is_open(one: Found) -> bool:
    return one.state == "open"


def _count(letters: Iterable[Found], *, stop: Stop) -> int:
    return sum(1 for _ in letters)
