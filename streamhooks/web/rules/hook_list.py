"""The list of hooks: filters, order and pages."""

from __future__ import annotations

import asyncio
import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from streamhooks.hooks.table import HooksTable
from streamhooks.hooks.trouble import STATES, Place, Test, place_of, test_of
from streamhooks.records.hook import Hook
from streamhooks.records.hook_values import Status
from streamhooks.web.http.messages import limit_of
from streamhooks.web.http.problems import bad_fields
from streamhooks.web.rules.patterns import HOOKS_CURSOR

FILTERS: Final = ("organization_id", "project_id", "app_id", "status", "state", "q")
PARAMETERS: Final = (*FILTERS, "sort", "cursor", "limit")
SORTS: Final = ("id", "trouble")

#: hooks checked between two pauses
_AT_ONCE = 2500
_CURSOR = re.compile(HOOKS_CURSOR)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A checked query: the first `limit` hooks after the place `after` that pass all `tests`."""

    tests: Sequence[Test]
    by_trouble: bool
    after: Place
    limit: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list; `total` counts all that match."""

    hooks: Sequence[Hook]
    next_cursor: str | None
    total: int


def wanted_of(given: Mapping[str, str]) -> Wanted:
    """Check the query of the list; raise ProblemError with 400 and a map of the problems."""
    limit = limit_of(given)
    wrong = {}
    for name, allowed in (("status", get_args(Status)), ("state", STATES), ("sort", SORTS)):
        if name in given and given[name] not in allowed:
            wrong[name] = f"must be one of {', '.join(allowed)}"
    if not _CURSOR.fullmatch(given.get("cursor", "0" * 32)):
        wrong["cursor"] = "must be the next_cursor of an answer"
    if wrong:
        raise bad_fields(wrong)
    by_trouble = given.get("sort") == "trouble"
    tests = [_test(name, given[name]) for name in FILTERS if name in given]
    return Wanted(tests, by_trouble, _place(given.get("cursor", ""), by_trouble=by_trouble), limit)


async def find(hooks: HooksTable, wanted: Wanted) -> Page:
    """Search all hooks, with pauses in which deliveries continue."""
    everything, found = list(hooks), list[Place]()
    for start in range(0, len(everything), _AT_ONCE):
        for hook in everything[start : start + _AT_ONCE]:
            if all(test(hooks, hook) for test in wanted.tests):
                found.append(place_of(hooks, hook) if wanted.by_trouble else (0, 0, hook.id))
        await asyncio.sleep(0)
    # One more than the page has shows whether there is another page.
    places = heapq.nsmallest(wanted.limit + 1, (place for place in found if place > wanted.after))
    page = places[: wanted.limit]
    cursor = None
    if len(places) > wanted.limit:
        cursor = _cursor(page[-1]) if wanted.by_trouble else page[-1][2]
    known = [hooks.get(hook_id) for _, _, hook_id in page]
    return Page([hook for hook in known if hook is not None], cursor, len(found))


def _cursor(place: Place) -> str:
    return ".".join(map(str, place))


def _place(cursor: str, *, by_trouble: bool) -> Place:
    """Return the place after which the page begins; of a cursor of the other order, only the id counts."""
    *place, hook_id = cursor.lower().split(".")
    rank, since = map(int, place) if place and by_trouble else (0, 0)
    return rank, since, hook_id


def _test(name: str, text: str) -> Test:
    folded = text.casefold()
    tests: Mapping[str, Test] = {
        "organization_id": lambda _hooks, hook: hook.organization_id == text,
        "project_id": lambda _hooks, hook: text in hook.project_ids,
        "app_id": lambda _hooks, hook: hook.app_id == text,
        "q": lambda _hooks, hook: (
            folded in hook.url.casefold() or folded in hook.id or folded in (hook.name or "").casefold()
        ),
    }
    return test_of(text) if name in ("status", "state") else tests[name]
