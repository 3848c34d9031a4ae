"""Calls about pending calls of tasks. Any worker may own one, so all owners of partitions of `delayed` are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from streamhooks.web.http.access import IS_FORWARDED
from streamhooks.web.http.messages import answer, read_body
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.problems import ProblemError, try_again
from streamhooks.web.http.routing import COVERED, FORWARDER, Handler, Unanswered

_MOVING = "partitions of delayed are moving to another worker"
_SILENT = "a worker that owns partitions of delayed can't answer"


async def ask_all(
    parts: Parts, request: web.Request, handle: Handler, is_enough: Callable[[web.Response], bool]
) -> list[web.Response]:
    """Return the answers of all owners of partitions of `delayed`, this worker's first.

    `handle` answers for the partitions of this worker. An answer that `is_enough` ends the search, and is the only one.
    A call that another worker has forwarded is answered by this worker alone.

    Raise ProblemError with 503 while a partition has no owner that can answer, unless another answer is enough.
    """
    mine = _owned(parts)
    own = await _answered(parts, request, handle)
    if request.get(IS_FORWARDED, False):
        own.headers[COVERED] = ",".join(map(str, sorted(mine)))
        return [own]
    if is_enough(own):
        return [own]
    others, is_moving = _others(parts, mine)
    forwarder, body = request.app[FORWARDER], await read_body(request) if request.body_exists else b""
    asked = (forwarder.ask_owner(parts, request, owner, body) for owner in sorted(others))
    found = await asyncio.gather(*asked, return_exceptions=True)
    answers = [own]
    silent: list[bool] = []
    for one in found:
        if isinstance(one, Unanswered):
            silent.append(one.was_sent)
        elif isinstance(one, BaseException):
            raise one
        elif (covered := one.headers.pop(COVERED, None)) is None:
            # Its partitions are moving, or its version is an older one; or it has failed on the way.
            silent.append(one.status not in (404, 503))
        elif is_enough(one):
            return [one]
        else:
            answers.append(one)
            mine |= {int(text) for text in covered.split(",") if text}
    if silent:
        maybe = request.method not in ("GET", "HEAD") and any(silent)
        raise try_again(_SILENT, maybe_applied=maybe)
    # Else a call could be missing, since its partition moved between two answers.
    if is_moving or len(mine) < parts.partitions:
        raise try_again(_MOVING)
    return answers


def _owned(parts: Parts) -> set[int]:
    """Return the partitions of this worker; raise ProblemError with 503 if one of them is not read to its end."""
    topic = parts.topics.delayed
    mine = {number for number in range(parts.partitions) if parts.is_mine(topic, number)}
    if not all(parts.is_whole(topic, number) for number in mine):
        raise try_again(_MOVING)
    return mine


def _others(parts: Parts, mine: set[int]) -> tuple[set[str], bool]:
    """Return the base URLs of the owners of all other partitions, and whether one has no owner."""
    found = {parts.owner_of(parts.topics.delayed, number) for number in range(parts.partitions) if number not in mine}
    return {owner for owner in found if owner is not None}, None in found


async def _answered(parts: Parts, request: web.Request, handle: Handler) -> web.Response:
    try:
        return await handle(parts, request)
    except ProblemError as problem:
        return answer(problem.body, problem.status, problem.headers)
