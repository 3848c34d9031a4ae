"""The views of single attempts: search `firings`, and send a request again."""

from __future__ import annotations

import re
import secrets
from typing import cast, get_args

from aiohttp import web

from streamhooks.errors import BrokenRecord, RecordTooLarge
from streamhooks.history.attempts import Wanted
from streamhooks.kafka.reader import Record, coordinates
from streamhooks.records.firing import Outcome
from streamhooks.records.hook import Hook
from streamhooks.records.ids import webhook_id
from streamhooks.tasks.call import Call, as_of
from streamhooks.times import Between, iso
from streamhooks.web.http.found import found_hook
from streamhooks.web.http.messages import answer, hook_id_of, is_hook_id, limit_of, query, read_fields, time_of
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.places import before_of, cursor_of
from streamhooks.web.http.problems import (
    ProblemError,
    bad_fields,
    confirmed,
    conflict,
    kafka_answers,
    unknown_fields,
)
from streamhooks.web.http.representation import shown_attempt
from streamhooks.web.rules.patterns import SOURCE, STATUSES

_FILTERS = ("hook_id", "webhook_id", "outcome", "status", "event", "since", "until")
_STATUS = re.compile(r"[0-9]{3}")
_SOURCE = re.compile(SOURCE)


async def search_attempts(parts: Parts, request: web.Request) -> web.Response:
    """Answer with attempts of all hooks or of one, newest first."""
    given = query(request, (*_FILTERS, "cursor", "limit"))
    limit, wanted, before = limit_of(given), _wanted(given), before_of(given)
    with parts.looks.long_place():
        async with kafka_answers():
            page = await parts.history.attempts(wanted, before, limit)
    shown = {
        "attempts": [shown_attempt(one) for one in page.found],
        "next_cursor": cursor_of(page.reached),
        "looked_back_to": iso(None if page.since is None else page.since / 1000),
    }
    return answer(shown)


async def resend_request(parts: Parts, request: web.Request) -> web.Response:
    """Send one request again, from its record."""
    query(request)
    hook = await found_hook(parts, hook_id_of(request))
    fields = await read_fields(request)
    wrong = unknown_fields(fields, ("source",))
    source = fields.get("source")
    if not isinstance(source, str) or not _SOURCE.fullmatch(source):
        wrong["source"] = "must be TOPIC:PARTITION:OFFSET, as the attempt shows it"
    if wrong:
        raise bad_fields(wrong)
    if not parts.hooks.is_active(hook.id):
        raise conflict("the hook is disabled: enable it first")
    record = await _record(parts, hook, request.match_info["webhook_id"], str(source))
    call = await _call(parts, hook, record)
    as_of(call, hook)
    value = call.record(attempt=1, due=call.created, reason="resend")
    async with confirmed():
        try:
            await parts.outbox.publish(parts.topics.delayed, value, key=call.id, partition=call.partition)
        except RecordTooLarge:
            text = "the record is too large to be sent alone: replay the period in which it was written"
            raise conflict(text) from None
    # Not the call's id: a fan-out has another one, but the delivery that it makes has this one.
    wanted = request.match_info["webhook_id"]
    return answer({"call_id": call.id, "webhook_id": wanted, "source": record.source}, 202)


async def _record(parts: Parts, hook: Hook, wanted: str, source: str) -> Record:
    """Return the record of a request; raise ProblemError with 404 if Kafka no longer has it."""
    topic, number, offset = coordinates(source)
    record = None
    if parts.sources.of(topic) is not None:  # else it belongs to another installation
        with parts.looks.short_place():
            async with kafka_answers():
                record = await parts.history.record_at((topic, number), offset)
    if record is None or record.value is None:
        text = f"Kafka no longer has the record {source}: its request can't be sent again"
    elif webhook_id(topic, number, offset, record.timestamp, hook.id) != wanted:
        text = f"the request {wanted[:100]} of this hook was not made from the record that is now at {source}"
    else:
        return record
    raise ProblemError(404, {"detail": text})


async def _call(parts: Parts, hook: Hook, record: Record) -> Call:
    """Return the call that sends a record to a hook again; raise ProblemError if the record can't fire it now."""
    try:
        async with kafka_answers():
            await parts.learn(record.value)
        call = parts.call_again(hook, record, "replay", secrets.token_hex(8))
    except BrokenRecord as broken:
        raise conflict(f"the record can't be read: {broken}") from None
    if call is None:
        raise conflict("the record no longer fires this hook: its events or projects have changed")
    return call


def _wanted(given: dict[str, str]) -> Wanted:
    wrong = {}
    if "hook_id" in given and not is_hook_id(given["hook_id"]):
        wrong["hook_id"] = "must be the id of a hook"
    if given.get("outcome") not in (None, *get_args(Outcome)):
        wrong["outcome"] = f"must be one of {', '.join(get_args(Outcome))}"
    status = given.get("status")
    if status is not None and not (_STATUS.fullmatch(status) and int(status) in STATUSES):
        wrong["status"] = f"must be an HTTP status, from {STATUSES[0]} to {STATUSES[-1]}"
    if wrong:
        raise bad_fields(wrong)
    return Wanted(
        hook_id=given["hook_id"].lower() if "hook_id" in given else None,
        webhook_id=given.get("webhook_id"),
        outcome=cast("Outcome | None", given.get("outcome")),
        status=None if status is None else int(status),
        event=given.get("event"),
        between=Between.moments(time_of(given, "since"), time_of(given, "until")),
    )
