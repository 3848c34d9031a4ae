"""The views of tests: the test that would be sent, and sending one."""

from __future__ import annotations

from typing import Any, Final

import orjson
from aiohttp import web

from streamhooks.records.exact_json import dumps, in_ascii
from streamhooks.records.hook import Hook
from streamhooks.web.http.found import found_hook
from streamhooks.web.http.messages import answer, hook_id_of, query, read_fields
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.problems import bad_fields, unknown_fields
from streamhooks.webhooks.sample_bodies import can_get, events_of, usual_event

FIELDS: Final = ("event", "body")


async def get_test(parts: Parts, request: web.Request) -> web.Response:
    """Answer with the test that would be sent for an event, and all events that can be tested."""
    given = query(request, ("event",))
    hook = await found_hook(parts, hook_id_of(request))
    event = _event(hook, given.get("event"))
    body = orjson.Fragment(parts.sample_body(hook, event))
    return answer({"event": event, "events": events_of(hook), "body": body})


async def send_test(parts: Parts, request: web.Request) -> web.Response:
    """Send a test, and answer with the request and the response."""
    query(request)
    hook = await found_hook(parts, hook_id_of(request))
    fields = await read_fields(request, optional=True, exact=True)
    wrong = unknown_fields(fields, FIELDS)
    event, given = fields.get("event"), fields.get("body")
    if not isinstance(event, str | None):
        wrong["event"] = "must be a text"
    if not isinstance(given, dict | None):
        wrong["body"] = "must be a JSON object"
    if wrong:
        raise bad_fields(wrong)
    event = _event(hook, event)
    body = None if given is None else _rendered(given, parts.settings.max_body)
    return answer(await parts.send_test(hook, event, body))


def _event(hook: Hook, event: str | None) -> str:
    """Return the event of a test; raise ProblemError with 400 if it can't fire the hook."""
    if event is None:
        return usual_event(hook)
    if not can_get(hook, event):
        names = ", ".join(events_of(hook))
        raise bad_fields({"event": f"{event[:200]!r} can't fire this hook; these can: {names}"[:1000]})
    return event


def _rendered(body: dict[str, Any], most: int) -> bytes:
    """Return a body in the form in which it is sent; raise ProblemError with 400 if it has over `most` bytes."""
    rendered = in_ascii(dumps(body))
    if len(rendered) > most:
        raise bad_fields({"body": f"has {len(rendered)} bytes, more than {most} (STREAMHOOKS_MAX_BODY)"})
    return rendered
