"""The views of a hook's counts, requests and pending calls; the owner of the hook's partition answers them."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from streamhooks.delayed.entries import Entry
from streamhooks.web.http.messages import answer, hook_id_of, limit_of, query, read_nothing
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.problems import confirmed, conflict, not_found
from streamhooks.web.http.representation import shown_attempt, shown_call
from streamhooks.web.rules.stats import PARAMETERS, parse_query, points


async def get_stats(parts: Parts, request: web.Request) -> web.Response:
    """Answer with counts per bucket."""
    now = parts.clock()
    asked = parse_query(query(request, PARAMETERS), now)
    return answer(points(asked, now, partial(parts.count, hook_id_of(request))))


async def list_requests(parts: Parts, request: web.Request) -> web.Response:
    """Answer with the latest attempts, newest first."""
    limit = limit_of(query(request, ("limit",)))
    return answer([shown_attempt(one) for one in parts.latest_requests(hook_id_of(request))[:limit]])


async def list_pending(parts: Parts, request: web.Request) -> web.Response:
    """Answer with pending calls, the next one first; `X-Total-Count` has their total number."""
    limit = limit_of(query(request, ("limit",)))
    hook_id = hook_id_of(request)
    entries = parts.pending.of_hook(parts.partition_of(hook_id), hook_id)
    shown = [shown_call(entry) for entry in entries[:limit]]
    return answer(shown, headers={"X-Total-Count": str(len(entries))})


async def retry_pending(parts: Parts, request: web.Request) -> web.Response:
    """Run the pending calls with a `webhook-id` now; answer with the first of them."""
    query(request)
    await read_nothing(request)
    entries = _named(parts, request)
    runs = [parts.scheduler.retry_now(entry.partition, entry.id) for entry in entries]
    if not any(runs):
        raise not_found("pending call")
    return answer(shown_call(entries[0]), 202)


async def drop_pending(parts: Parts, request: web.Request) -> web.Response:
    """Drop the pending calls with a `webhook-id`."""
    query(request)
    await read_nothing(request)
    entries = _named(parts, request)
    async with confirmed():
        dropped = [await parts.scheduler.drop(entry.partition, entry.id) for entry in entries]
    if not all(dropped):
        raise conflict("the call is running")
    return web.Response(status=204)


def _named(parts: Parts, request: web.Request) -> list[Entry]:
    hook_id = hook_id_of(request)
    # A call of another hook is not found: an id gives no access to the calls of other hooks.
    found = parts.pending.named(parts.partition_of(hook_id), hook_id, request.match_info["webhook_id"])
    if not found:
        raise not_found("pending call")
    return found
