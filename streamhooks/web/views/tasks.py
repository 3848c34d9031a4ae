"""The views of the calls of tasks that wait or run: calls without a hook, which any worker may own."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from aiohttp import web

from streamhooks.delayed.entries import Entry
from streamhooks.delayed.looking import STATES, Place, Wanted, look
from streamhooks.delayed.upkeep import call_of
from streamhooks.records.packing import parse_json
from streamhooks.web.http.access import IS_FORWARDED
from streamhooks.web.http.everywhere import ask_all
from streamhooks.web.http.messages import answer, limit_of, query, read_nothing
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.problems import bad_fields, confirmed, conflict, kafka_answers, not_found
from streamhooks.web.http.representation import shown_task_call
from streamhooks.web.http.routing import Handler
from streamhooks.web.rules.patterns import TASKS_CURSOR

_CURSOR = re.compile(TASKS_CURSOR)
#: bytes of a call's id in a cursor
LONGEST_NAME: Final = 1000
#: tasks whose calls are counted in an answer, those with the most calls
COUNTED: Final = 500


async def list_tasks(parts: Parts, request: web.Request) -> web.Response:
    """Answer with calls of tasks, the next one first, and how many there are by task and state."""
    answers = await ask_all(parts, request, _own_calls, lambda one: one.status != 200)
    if answers[0].status != 200 or request.get(IS_FORWARDED, False):
        return answers[0]
    return _merged([parse_json(cast(bytes, one.body)) for one in answers], limit_of(query(request, _PARAMETERS)))


async def get_task_call(parts: Parts, request: web.Request) -> web.Response:
    """Answer with a complete call of a task, with its arguments."""
    return await _by_its_owner(parts, request, _own_call)


async def run_task_call(parts: Parts, request: web.Request) -> web.Response:
    """Run a call of a task now."""
    return await _by_its_owner(parts, request, _run)


async def drop_task_call(parts: Parts, request: web.Request) -> web.Response:
    """Drop a call of a task."""
    return await _by_its_owner(parts, request, _drop)


async def _by_its_owner(parts: Parts, request: web.Request, handle: Handler) -> web.Response:
    answers = await ask_all(parts, request, handle, lambda one: one.status != 404)
    return answers[0]


# --- what a worker answers for its own partitions

_PARAMETERS = ("task", "state", "cursor", "limit")


async def _own_calls(parts: Parts, request: web.Request) -> web.Response:
    given = query(request, _PARAMETERS)
    wrong = {} if given.get("state") in (None, *STATES) else {"state": f"must be one of {', '.join(STATES)}"}
    if not _CURSOR.fullmatch(given.get("cursor", "0.00")):
        wrong["cursor"] = "must be the next_cursor of an answer"
    if wrong:
        raise bad_fields(wrong)
    wanted = Wanted(given.get("task"), given.get("state"), _place_of(given.get("cursor")), limit_of(given))
    with parts.looks.short_place():
        async with kafka_answers():
            found = await parts.looks.short(look, parts.pending.snapshot(), wanted)
    return answer(
        {
            "calls": [shown_task_call(entry) for entry in found.entries],
            "total": found.total,
            "tasks": _counts(found.counts),
        }
    )


async def _own_call(parts: Parts, request: web.Request) -> web.Response:
    query(request)
    entry = _named(parts, request)
    call = call_of(entry)
    async with kafka_answers():
        is_whole = await parts.read_arguments(call)
    arguments = {"args": call.args, "kwargs": call.kwargs} if is_whole else {"args": None, "kwargs": None}
    return answer({**shown_task_call(entry), **arguments})


async def _run(parts: Parts, request: web.Request) -> web.Response:
    query(request)
    await read_nothing(request)
    entry = _named(parts, request)
    if not parts.scheduler.retry_now(entry.partition, entry.id):
        raise not_found("call")
    return answer(shown_task_call(entry), 202)


async def _drop(parts: Parts, request: web.Request) -> web.Response:
    query(request)
    await read_nothing(request)
    entry = _named(parts, request)
    async with confirmed():
        dropped = await parts.scheduler.drop(entry.partition, entry.id)
    if not dropped:
        raise conflict("the call is running")
    return web.Response(status=204)


def _named(parts: Parts, request: web.Request) -> Entry:
    # Calls of hooks are not found: they are driven by the calls about their hook.
    found = parts.pending.of_task(request.match_info["call_id"])
    if found is None:
        raise not_found("call")
    return found


# --- pages


def _merged(pages: list[dict[str, Any]], limit: int) -> web.Response:
    """Return one page of the pages of all owners."""
    by_id = {one["call_id"]: one for page in pages for one in page["calls"]}  # a partition may just have moved
    calls = heapq.nsmallest(limit, by_id.values(), key=_place_of_shown)
    counts: dict[str, Counter[str]] = {}
    for page in pages:
        for one in page["tasks"]:
            counts.setdefault(one["task"], Counter()).update({state: one[state] for state in STATES})
    is_last = len(calls) < limit
    return answer(
        {
            "calls": calls,
            "tasks": _counts(counts),
            "next_cursor": None if is_last else _cursor_of(_place_of_shown(calls[-1])),
        },
        headers={"X-Total-Count": str(sum(page["total"] for page in pages))},
    )


def _counts(counts: Mapping[str, Counter[str]]) -> list[dict[str, Any]]:
    most: Iterable[str] = heapq.nlargest(COUNTED, counts, key=lambda task: (counts[task].total(), task))
    return [{"task": task, **{state: counts[task][state] for state in STATES}} for task in sorted(most)]


def _place_of_shown(call: Mapping[str, Any]) -> Place:
    return call["due"], call["call_id"].encode("utf-8", "surrogatepass")


def _cursor_of(place: Place) -> str:
    # The longest texts are cut. No UTF-8 has a byte 0xff, so that what is left lies behind the call.
    name = place[1] if len(place[1]) <= LONGEST_NAME else place[1][: LONGEST_NAME - 1] + b"\xff"
    return f"{place[0]}.{name.hex()}"


def _place_of(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    due, _, name = cursor.partition(".")
    return int(due), bytes.fromhex(name)
