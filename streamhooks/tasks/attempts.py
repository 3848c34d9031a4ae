"""The record of one attempt in `firings`."""

from __future__ import annotations

from msgspec import UNSET

from streamhooks.delivery.client import Answer
from streamhooks.delivery.outcomes import Request
from streamhooks.records.firing import Attempt, Cause, Outcome
from streamhooks.tasks.call import Call

#: how much of a request and of a response is kept, in characters
EXCERPT = 1024


def attempt_of(call: Call, sent: Request, answer: Answer, outcome: Outcome, cause: Cause, *, bodies: bool) -> Attempt:
    """Return the attempt of a call and its outcome; `bodies` keeps the beginnings of request and response."""
    return Attempt(
        id=call.webhook_id,
        attempt=call.attempts,
        at=sent.at,
        outcome=outcome,
        status=answer.status,
        error=answer.error,
        duration_ms=answer.duration_ms,
        source=call.source,
        event=call.event,
        url=sent.url,
        cause=cause,
        request=sent.body[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT] if bodies else UNSET,
        response=answer.excerpt[:EXCERPT] if bodies else UNSET,
    )


def cause_of(call: Call) -> Cause:
    """Return why the attempt of a call is made."""
    return call.cause or ("live" if call.attempt == 1 else "retry")
