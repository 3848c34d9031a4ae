"""What an answer means for the delivery: the table of docs/reference/outcomes.md."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from streamhooks.delivery.client import Answer
from streamhooks.delivery.heads import Fields
from streamhooks.delivery.retry_after import retry_after_seconds

# 408 Request Timeout, 425 Too Early, 429 Too Many Requests: the same request may fare better later.
_PASSING = frozenset({408, 425, 429})
_SAYS_WHEN = frozenset({429, 503})
_GONE = 410


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do next: nothing, retry (in `retry_after` seconds if given), disable the hook, or give up."""

    kind: Literal["delivered", "retry", "gone", "rejected"]
    retry_after: float | None
    reason: str


@cache
def _delivered(status: int) -> Verdict:
    return Verdict("delivered", None, f"status {status}")


def judge(answer: Answer, now: float) -> Verdict:
    """Return the verdict on an answer; `now` is epoch seconds, for an HTTP date in `Retry-After`.

    Whether a retry is left is for the caller to know.
    """
    status = answer.status
    if answer.kind == "answered" and status is not None and 200 <= status <= 299:
        return _delivered(status)
    if answer.kind == "denied":
        return Verdict("rejected", None, answer.error or "denied")
    if answer.kind != "answered" or status is None:
        return Verdict("retry", None, answer.error or answer.kind)
    reason = f"status {status}"
    if 500 <= status <= 599 or status in _PASSING:
        retry_after = retry_after_seconds(answer.retry_after_values, now) if status in _SAYS_WHEN else None
        return Verdict("retry", retry_after, reason)
    # It ends all deliveries of a hook: that takes an answer without a fault.
    return Verdict("gone" if status == _GONE and answer.well_formed else "rejected", None, reason)


class Sent(NamedTuple):
    """What was sent to an endpoint in this run, and what came back."""

    at: int
    """Epoch milliseconds."""
    url: str
    body: bytes
    status: int | None
    error: str | None
    duration_ms: int
    excerpt: str
    kind: str = "answered"
    """What came back, as the client names it: answered, timeout, connection, …."""
    verdict: str = "delivered"
    """What it means: delivered, retry, gone, rejected."""
    retry_after: float | None = None
    """In how many seconds the endpoint wants to be called again, if it said so."""
    started: float = 0.0
    """When it was sent, in seconds of the steady clock."""
    request_headers: Fields = ()
    """Those of both sides are only kept if somebody waits to see them, and without our secrets."""
    response_headers: Fields = ()


class DeliveryFailed(Exception):
    """The endpoint did not take it now, but may take it later; `retry_after` in seconds if it said when."""

    def __init__(self, reason: str, retry_after: float | None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class DeliveryRejected(Exception):
    """The endpoint will not take it, however often it is tried."""


class HookGone(Exception):
    """The endpoint wants no webhooks any more."""
