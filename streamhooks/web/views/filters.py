"""The view that tries a filter before it is saved: on a message that is given, or on the latest of an organization."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Final, get_args

from aiohttp import web

from streamhooks.errors import BadExpression, BrokenRecord
from streamhooks.filters.judging import Kind, compiled_filter, subject_of
from streamhooks.history.trying import Trial, Tried
from streamhooks.records.hook_events import expand_types
from streamhooks.records.message import Message
from streamhooks.sources.messages import is_cloud_event, message_of_json
from streamhooks.times import iso
from streamhooks.web.http.messages import answer, query, read_fields
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.problems import bad_fields, kafka_answers, unknown_fields
from streamhooks.web.rules.patterns import MOST_TRIED

#: the fields that choose messages
_CHOOSING: Final = ("organization_id", "project_ids", "events", "limit")
_LIMIT: Final = 20
#: what a message needs, and a sample may leave out
_ANY: Final = {"type": "any", "organization_id": "any"}
#: the id of a sample that has none; other messages have that of their record
_ID: Final = "any"


async def try_filter(parts: Parts, request: web.Request) -> web.Response:
    """Answer with how a filter judges messages; nothing is saved or sent."""
    query(request)
    fields = await read_fields(request, exact=True)
    wrong = unknown_fields(fields, ("filter", "message", *_CHOOSING))
    text = _filter(fields.get("filter"), wrong)
    if ("message" in fields) == any(name in fields for name in _CHOOSING):
        wrong["message"] = f"give either this or organization_id, with any of {', '.join(_CHOOSING[1:])}"
    elif "message" in fields:
        sample = _sample(fields["message"], parts.clock(), wrong)
    else:
        trial, limit = _trial(text, fields, wrong)
    if wrong:
        raise bad_fields(wrong)
    if "message" in fields:
        return answer(_shown([Tried(None, None, sample.type, subject_of(sample).judge(text))]))
    with parts.looks.long_place():
        async with kafka_answers():
            return answer(_shown(await parts.history.try_filter(trial, limit)))


def _filter(given: Any, wrong: dict[str, str]) -> str:
    if not isinstance(given, str) or not given:
        wrong["filter"] = "is required, and must be a text"
        return ""
    try:
        compiled_filter(given)
    except BadExpression as bad:
        wrong["filter"] = str(bad)
    return given


def _sample(given: Any, now: float, wrong: dict[str, str]) -> Message:
    """Return the message that a sample is, with an id and a timestamp, as every message that is sent."""
    try:
        if isinstance(given, dict):
            found = message_of_json(given if is_cloud_event(given) else _ANY | given)
            return replace(
                found,
                id=_ID if found.id is None else found.id,
                timestamp=now if found.timestamp is None else found.timestamp,
            )
        wrong["message"] = "must be an object"
    except BrokenRecord as broken:
        wrong["message"] = str(broken)
    return Message("any", "any", None)


def _trial(text: str, fields: dict[str, Any], wrong: dict[str, str]) -> tuple[Trial, int]:
    organization = fields.get("organization_id")
    if not isinstance(organization, str) or not organization:
        organization, wrong["organization_id"] = "", "is required, and must be a text"
    lists = {name: _texts(fields, name, wrong) for name in ("project_ids", "events")}
    try:
        expand_types(lists["events"])
    except BrokenRecord as broken:
        wrong["events"] = str(broken).removeprefix("events: ")
    limit = fields.get("limit", _LIMIT)
    if type(limit) is not int or not 1 <= limit <= MOST_TRIED:
        wrong["limit"] = f"must be a whole number from 1 to {MOST_TRIED}"
    return Trial(text, organization, lists["project_ids"], lists["events"] or ("*",)), limit


def _texts(fields: dict[str, Any], name: str, wrong: dict[str, str]) -> tuple[str, ...]:
    given = fields.get(name, [])
    if isinstance(given, list) and all(isinstance(one, str) and one for one in given):
        return tuple(given)
    wrong[name] = "must be a list of texts"
    return ()


def _shown(tried: list[Tried]) -> dict[str, Any]:
    counts = Counter(one.verdict.kind for one in tried)
    return {
        **{kind: counts[kind] for kind in get_args(Kind)},
        "tried": [
            {
                "source": one.source,
                "timestamp": None if one.timestamp is None else iso(one.timestamp / 1000),
                "type": one.type,
                "verdict": one.verdict.kind,
                "why": one.verdict.why,
            }
            for one in tried
        ],
    }
