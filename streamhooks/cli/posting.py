"""Send messages by the API, many at a time, and return their coordinates in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from streamhooks.cli.api import TRIES, Api, ProblemAnswer
from streamhooks.cli.records import Item
from streamhooks.cli.show import clean
from streamhooks.errors import Refusal
from streamhooks.kafka.publisher import Published
from streamhooks.web.rules.message_input import MAX_BODY, MOST

_PATH = "/api/messages"
_NONE, _MAYBE = "from number {} on, nothing was written", "from number {} on, they may or may not be written"
_PLACE = re.compile(r"\[([0-9]+)\]\.?(.*)")


def post(api: Api, items: Iterable[Item], at_once: int = MOST) -> Iterator[tuple[Item, Published | str]]:
    """Send messages; yield each with its coordinates, or with the reason why it is not known to be written.

    `at_once` is how many a call may have. A call is repeated only if nothing of it can have been written. Raise Refusal
    if a call was answered by no worker, or refused as a whole.
    """
    for some in _calls(items, at_once):
        yield from zip(some, _sent(api, some), strict=True)


def _calls(items: Iterable[Item], at_once: int) -> Iterator[list[Item]]:
    some, size = list[Item](), 2
    for item in items:
        if some and (len(some) == at_once or size + len(item.value) > MAX_BODY):
            yield some
            some, size = [], 2
        some.append(item)
        size += len(item.value) + 1
        if len(some) == at_once:
            yield some
            some, size = [], 2
    if some:
        yield some


def _sent(api: Api, some: Sequence[Item]) -> list[Published | str]:
    body = [orjson.Fragment(item.value) for item in some]
    for left in range(TRIES, -1, -1):
        try:
            return _outcomes(api.post(_PATH, body)["messages"])
        except ProblemAnswer as problem:
            if left and problem.is_soon_over and not problem.maybe_applied:
                api.sleep(problem.retry_after)
            elif "messages" in problem.body:
                return _outcomes(problem.body["messages"])
            elif problem.status == 413 and len(some) == 1:
                return [str(problem)]
            else:
                raise _refusal(problem, some) from None
        except Refusal as refusal:
            raise Refusal(f"{refusal}: {_MAYBE.format(some[0].number)}") from None
    raise AssertionError("unreachable")


def _outcomes(found: Sequence[dict[str, Any]]) -> list[Published | str]:
    return [_outcome(one) for one in found]


def _outcome(found: dict[str, Any]) -> Published | str:
    if found["status"] != "written":
        return clean(f"{found['status']}: {found['error']}")
    topic, partition, offset = found["coordinates"].rsplit(":", 2)
    return Published(topic, int(partition), int(offset))


def _refusal(problem: ProblemAnswer, some: Sequence[Item]) -> Refusal:
    """Return the refusal of a whole call, which names messages by their numbers in the file."""
    wrong = [
        f"{some[int(place[1])].number}: {place[2]}: {text}"
        for name, text in problem.body.items()
        if (place := _PLACE.fullmatch(name)) and int(place[1]) < len(some)
    ]
    text = clean("; ".join(wrong)) if wrong else str(problem)
    is_certain = problem.status < 500 or (problem.is_soon_over and not problem.maybe_applied)
    return Refusal(f"{text}: {(_NONE if is_certain else _MAYBE).format(some[0].number)}")
