"""The views of a hook's backlog: missed records and replays."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from aiohttp import web

from streamhooks.sources.kinds import OF_USERS
from streamhooks.times import Between, moment
from streamhooks.web.http.found import found_hook
from streamhooks.web.http.messages import NO_TIME, answer, hook_id_of, query, read_fields, read_nothing
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.problems import (
    ProblemError,
    bad_fields,
    confirmed,
    conflict,
    kafka_answers,
    not_found,
    unknown_fields,
)
from streamhooks.web.http.representation import shown_missed
from streamhooks.web.rules.patterns import TOPIC

_TOPIC = re.compile(TOPIC)


async def get_missed(parts: Parts, request: web.Request) -> web.Response:
    """Answer with the backlog of a hook."""
    query(request)
    hook = await found_hook(parts, hook_id_of(request))
    with parts.looks.short_place():
        async with kafka_answers():
            missed = await parts.replays.missed_of(hook.id)
    return answer(shown_missed(missed))


async def begin_replay(parts: Parts, request: web.Request) -> web.Response:
    """Count what a hook would get again in a dry run, else send it."""
    query(request)
    hook = await found_hook(parts, hook_id_of(request))
    fields = await read_fields(request)
    wrong = unknown_fields(fields, ("from", "to", "topics", "dry_run"))
    since, until = moment(fields.get("from")), moment(fields.get("to"))
    if since is None:
        wrong["from"] = NO_TIME if "from" in fields else "is required"
    if until is None and "to" in fields:
        wrong["to"] = NO_TIME
    names, dry_run = fields.get("topics"), fields.get("dry_run", False)
    if "topics" in fields and not _are_topics(names):
        wrong["topics"] = "must be a list of topics"
    if not isinstance(dry_run, bool):
        wrong["dry_run"] = "must be true or false"
    if since is not None and until is not None and since > until:
        wrong["from"] = "must not be after to"
    if wrong or since is None:
        raise bad_fields(wrong)
    if not dry_run and not parts.hooks.is_active(hook.id):
        raise conflict("the hook is disabled: enable it first")
    wanted = names and _source_topics(parts, names)
    between = Between.moments(since, until)
    # With `to`, the topics are read beyond it as well.
    with parts.looks.long_place() if dry_run or until is not None else parts.looks.short_place():
        async with kafka_answers():
            ranges = await parts.replays.ranges(hook, wanted, between)
            records = sum(end - start for start, end in ranges.values())
            if dry_run or not ranges:  # no topic fires a hook without events
                return answer({"records": records, "matches": await parts.replays.count(hook, ranges, between)})
    async with confirmed():
        # All or nothing, even if the caller hangs up now.
        replay_id = await asyncio.shield(asyncio.ensure_future(parts.replays.begin(hook, ranges, between)))
    return answer({"replay": replay_id, "records": records}, 202)


async def stop_replay(parts: Parts, request: web.Request) -> web.Response:
    """Stop a replay."""
    query(request)
    hook_id = hook_id_of(request)
    await read_nothing(request)
    async with confirmed():
        found = await parts.replays.stop(hook_id, request.match_info["replay_id"])
    if not found:
        raise not_found("replay")
    return web.Response(status=204)


def _are_topics(names: Any) -> bool:
    return (
        isinstance(names, list) and bool(names) and all(isinstance(one, str) and _TOPIC.fullmatch(one) for one in names)
    )


def _source_topics(parts: Parts, names: list[str]) -> list[str]:
    """Return the full names of topics; raise ProblemError with 404 for one that is no source of this installation."""
    found = {name: parts.sources.named(name) for name in names}
    if unknown := [name for name, topic in found.items() if topic is None]:
        known = ", ".join([*OF_USERS, *(one.topic for one in parts.sources.own)])
        raise ProblemError(404, {"detail": f"{', '.join(unknown)[:200]}: the topics that fire hooks are {known}"})
    return sorted({topic for topic in found.values() if topic is not None})
