"""The view that writes messages to Kafka, for callers without a Kafka client."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from streamhooks.kafka.publisher import Headers, Published
from streamhooks.records.call import HOPS_HEADER
from streamhooks.sources.sending import Outcome, ToSend, Unconfirmed
from streamhooks.web.http import problems
from streamhooks.web.http.messages import MAX_BODY as SMALL
from streamhooks.web.http.messages import answer, query, read_body
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.problems import RETRY_AFTER, ProblemError, bad_fields, try_again
from streamhooks.web.rules.message_input import MAX_BODY, MEDIA, read_messages
from streamhooks.web.rules.patterns import HOPS

TRACEPARENT: Final = "traceparent"


async def send_messages(parts: Parts, request: web.Request) -> web.Response:
    """Answer with the coordinates of the messages when Kafka has confirmed them."""
    query(request)
    headers = _headers(request)
    if request.content_type not in MEDIA:
        raise ProblemError(415, {"detail": f"Content-Type must be {', '.join(MEDIA[:-1])} or {MEDIA[-1]}"})
    with parts.message_sender.room(_size(request)):
        messages = await _messages(await read_body(request, MAX_BODY), request.content_type)
        try:
            outcomes = await parts.message_sender.send(messages, headers, problems.CONFIRMED_WITHIN)
        except Unconfirmed as error:
            raise try_again(f"{error}: nothing was written") from None
    return _answer(messages, outcomes)


async def _messages(body: bytes, media: str) -> list[ToSend]:
    if len(body) <= SMALL:
        return read_messages(body, media)
    # A megabyte of numbers takes a quarter of a second, in which deliveries must go on.
    return await asyncio.to_thread(read_messages, body, media)


def _headers(request: web.Request) -> Headers:
    """Return the headers of the records: those that a producer would pass on."""
    headers: Headers = []
    if hops := request.headers.getall(HOPS_HEADER, []):
        if not all(re.fullmatch(HOPS, one) for one in hops):
            raise bad_fields({HOPS_HEADER: "must be a whole number of at most 9 digits"})
        headers.append((HOPS_HEADER, max(hops, key=int).encode()))
    if (trace := request.headers.get(TRACEPARENT)) is not None:
        # One that is invalid is ignored when the record is read (W3C Trace Context).
        headers.append((TRACEPARENT, trace.encode(errors="surrogateescape")))
    return headers


def _size(request: web.Request) -> int:
    """Return how many bytes the body may have."""
    length = None if "Content-Encoding" in request.headers else request.content_length
    return MAX_BODY if length is None else min(length, MAX_BODY)


def _answer(messages: Sequence[ToSend], outcomes: Sequence[Outcome]) -> web.Response:
    shown = [_shown(*both) for both in zip(messages, outcomes, strict=True)]
    failed = [outcome for outcome in outcomes if not isinstance(outcome, Published)]
    if not failed:
        return answer({"messages": shown}, 201)
    detail = f"{len(failed)} of {len(messages)} messages are not known to be written: messages says why"
    body: dict[str, Any] = {"detail": detail, "messages": shown}
    if len(failed) < len(messages) or any(one.is_unknown for one in failed):
        body["maybe_applied"] = True
    if all(one.is_final for one in failed):
        return answer(body, 413)
    return answer(body, 503, RETRY_AFTER)


def _shown(message: ToSend, outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Published):
        return {"id": message.id, "status": "written", "coordinates": outcome.source}
    status = "unknown" if outcome.is_unknown else "refused"
    return {"id": message.id, "status": status, "coordinates": None, "error": outcome.reason}
