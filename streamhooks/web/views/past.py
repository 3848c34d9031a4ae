"""The views of the past: why a record fired a hook or did not, and dead letters."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, cast

from aiohttp import web

from streamhooks.dead_letters.listing import KINDS, WANTED, Filter, Found, Wanted
from streamhooks.errors import BrokenRecord
from streamhooks.history.explain import Explained
from streamhooks.history.history import EXPLAINED
from streamhooks.kafka.reader import Record
from streamhooks.records.firing import OUTCOMES
from streamhooks.records.ids import webhook_id_of_call
from streamhooks.times import Between, iso, moment
from streamhooks.web.http.messages import NO_TIME, answer, limit_of, query, read_fields, time_of
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.places import before_of, cursor_of
from streamhooks.web.http.problems import (
    ProblemError,
    bad_fields,
    bad_request,
    confirmed,
    kafka_answers,
    not_found,
    unknown_fields,
)
from streamhooks.web.http.representation import shown_attempt
from streamhooks.web.http.routing import FORWARDER
from streamhooks.web.rules.patterns import MOST_LETTERS, SOURCE

_LETTER = re.compile(r"([0-9]{1,9}):([0-9]{1,18})")
_SOURCE = re.compile(SOURCE)
_EVENT_ID = re.compile(r"[0-9a-fA-F]{32}")
#: workers asked for pending calls at once
_ASKED_AT_ONCE = 20
#: how far back an event is searched for without `since`, in seconds
_DAY = 86_400
#: the filters of letters
_TEXTS = ("hook_id", "reason", "task", "url", "organization_id", "kind")
_NO_KIND = f"must be one of {', '.join(KINDS)}"
_TIMES = ("since", "until")
_FILTERS = (*_TEXTS, *_TIMES)


async def get_explanation(parts: Parts, request: web.Request) -> web.Response:
    """Answer with each hook of a record's organization: whether the record fired it, why not, and the attempts."""
    given = query(request, ("source", "event_id", "since", "until"))
    with parts.looks.long_place():
        async with kafka_answers():
            record = await _wanted_record(parts, given)
            await parts.learn(record.value)
            try:
                found = await parts.history.explain(record)
            except BrokenRecord as broken:
                raise bad_request(f"the record can't be read: {broken}") from None
        waiting = [one for one in found.hooks[:EXPLAINED] if _may_wait(one, found.attempts.get(one.webhook_id, []))]
        pending: dict[str, list[dict[str, Any]]] = {}
        for start in range(0, len(waiting), _ASKED_AT_ONCE):
            some = waiting[start : start + _ASKED_AT_ONCE]
            answers = await asyncio.gather(*(_pending(parts, request, one) for one in some))
            pending |= {one.webhook_id: calls for one, calls in zip(some, answers, strict=True)}
    hooks = [
        {
            "hook_id": one.hook.id,
            "url": one.hook.url,
            "matched": one.matched,
            "why": one.why,
            "webhook_id": one.webhook_id,
            "attempts": [shown_attempt(attempt) for attempt in found.attempts.get(one.webhook_id, [])],
            "pending": pending.get(one.webhook_id, []),
        }
        for one in found.hooks
    ]
    return answer(
        {
            "source": record.source,
            "topic": record.topic,
            "timestamp": iso(record.timestamp / 1000),
            "record": {} if found.source is None else found.source.summary(),
            "skipped": "skipped by when: it is false" if found.source is None else None,
            "hooks": hooks,
        }
    )


def _may_wait(one: Explained, attempts: list[dict[str, Any]]) -> bool:
    return (one.matched or one.is_late) and (not attempts or OUTCOMES[attempts[-1]["outcome"]].goes_on)


async def _pending(parts: Parts, request: web.Request, one: Explained) -> list[dict[str, Any]]:
    found = await request.app[FORWARDER].pending_of(parts, request, one.hook.id)
    return [call for call in found if call["webhook_id"] == one.webhook_id]


async def _wanted_record(parts: Parts, given: dict[str, str]) -> Record:
    if ("source" in given) == ("event_id" in given):
        raise bad_fields({"source": "give either this or event_id"})
    if "source" in given:
        if not _SOURCE.fullmatch(given["source"]):
            raise bad_fields({"source": "must be TOPIC:PARTITION:OFFSET"})
        topic, number, offset = given["source"].rsplit(":", 2)
        # The prefix may be left out. Topics of other installations are not found.
        ours = parts.sources.named(topic)
        record = None if ours is None else await parts.history.record_at((ours, int(number)), int(offset))
    else:
        if not _EVENT_ID.fullmatch(given["event_id"]):
            raise bad_fields({"event_id": "must be 32 hex characters"})
        since, until = time_of(given, "since"), time_of(given, "until")
        if since is None:
            since = (parts.clock() if until is None else until) - _DAY
        record = await parts.history.record_of(given["event_id"], Between.moments(since, until))
    if record is None or record.value is None:
        raise ProblemError(404, {"detail": "the record does not exist, or Kafka no longer has it"})
    return record


async def list_dead_letters(parts: Parts, request: web.Request) -> web.Response:
    """Answer with dead letters, newest first; by default the open ones."""
    given = query(request, (*_FILTERS, "state", "cursor", "limit"))
    limit = limit_of(given)
    state = given.get("state", "open")
    if state not in WANTED:
        raise bad_fields({"state": f"must be one of {', '.join(WANTED)}"})
    if given.get("kind") not in (None, *KINDS):
        raise bad_fields({"kind": _NO_KIND})
    wanted = _filter(given, time_of(given, "since"), time_of(given, "until"), cast(Wanted, state))
    before = before_of(given)
    with parts.looks.short_place():
        async with kafka_answers():
            page = await parts.dead_letters.page(wanted, before, limit)
    return answer({"dead_letters": [_shown(one) for one in page.found], "next_cursor": cursor_of(page.reached)})


async def get_dead_letter(parts: Parts, request: web.Request) -> web.Response:
    """Answer with a complete dead letter."""
    query(request)
    place = _LETTER.fullmatch(request.match_info["letter"])
    if place is None:
        raise not_found("dead letter")
    with parts.looks.short_place():
        async with kafka_answers():
            found = await parts.dead_letters.one(int(place[1]), int(place[2]))
    if found is None:
        raise not_found("dead letter")
    fields = found.letter.to_fields()
    return answer({**_shown(found), "task": fields["task"], "raw": fields["raw"]})


async def redrive_dead_letters(parts: Parts, request: web.Request) -> web.Response:
    """Send open dead letters again, each once."""
    query(request)
    fields = await read_fields(request)
    wanted = _wanted(fields, ("dry_run", "force"))
    dry_run = fields.get("dry_run", False)
    async with kafka_answers(), confirmed(within=600.0):
        sent, skipped = await parts.dead_letters.redrive(wanted, force=fields.get("force", False), dry_run=dry_run)
    return answer({"redriven": sent, "skipped": skipped}, 200 if dry_run else 202)


async def drop_dead_letters(parts: Parts, request: web.Request) -> web.Response:
    """Drop open dead letters: they are no longer listed or sent again."""
    query(request)
    fields = await read_fields(request)
    wanted = _wanted(fields, ("dry_run",))
    dry_run = fields.get("dry_run", False)
    async with kafka_answers(), confirmed(within=600.0):
        dropped, skipped = await parts.dead_letters.drop(wanted, dry_run=dry_run)
    return answer({"dropped": dropped, "skipped": skipped})


def _wanted(fields: dict[str, Any], options: tuple[str, ...]) -> Filter | list[tuple[int, int]]:
    """Return the letters that a body names, or its filters; raise ProblemError for an invalid body."""
    wrong = unknown_fields(fields, ("letters", *options, *_FILTERS))
    wrong |= {name: "must be true or false" for name in options if not isinstance(fields.get(name, False), bool)}
    wrong |= {name: NO_TIME for name in _TIMES if name in fields and moment(fields[name]) is None}
    wrong |= {name: "must be a text" for name in _TEXTS if not isinstance(fields.get(name, ""), str)}
    if "kind" not in wrong and fields.get("kind", KINDS[0]) not in KINDS:
        wrong["kind"] = _NO_KIND
    given = [name for name in _FILTERS if name in fields]
    letters = fields.get("letters")
    if ("letters" in fields) == bool(given):
        wrong["letters"] = f"give either these or at least one of {', '.join(_FILTERS)}"
    elif "letters" in fields and not _are_letters(letters):
        wrong["letters"] = f"must be a list of at most {MOST_LETTERS} texts PARTITION:OFFSET"
    if wrong:
        raise bad_fields(wrong)
    if letters is None:
        return _filter(fields, moment(fields.get("since")), moment(fields.get("until")))
    return [(int(place[1]), int(place[2])) for one in letters if (place := _LETTER.fullmatch(one))]


def _filter(given: Mapping[str, Any], since: float | None, until: float | None, state: Wanted = "open") -> Filter:
    return Filter(between=Between.moments(since, until), state=state, **{name: given.get(name) for name in _TEXTS})


def _shown(found: Found) -> dict[str, Any]:
    letter = found.letter
    return {
        "letter": found.name,
        "webhook_id": letter.hook_id and (letter.webhook_id or webhook_id_of_call(letter.id, letter.source)),
        "id": letter.id,
        "at": iso(letter.at / 1000),
        "state": found.state,
        "reason": found.reason,
        "hook_id": letter.hook_id,
        "url": found.hook and found.hook.url,
        "organization_id": found.hook and found.hook.organization_id,
        "task": letter.task and letter.task["name"],
        "event": letter.event,
        "attempts": found.attempts,
        "last": found.last,
        "source": letter.source,
        "redriven": found.tries,
        "truncated": letter.truncated,
    }


def _are_letters(letters: Any) -> bool:
    if not isinstance(letters, list) or not 1 <= len(letters) <= MOST_LETTERS:
        return False
    return all(isinstance(one, str) and _LETTER.fullmatch(one) for one in letters)
