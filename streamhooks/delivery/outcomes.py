"""The meaning of a response for the delivery: the table of docs/reference/outcomes.md."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from msgspec import Struct

from streamhooks.delivery.client import Answer
from streamhooks.delivery.heads import Fields
from streamhooks.delivery.retry_after import retry_after_seconds

# 408 Request Timeout, 425 Too Early, 429 Too Many Requests: the same request may succeed later.
_PASSING = frozenset({408, 425, 429})
_SAYS_WHEN = frozenset({429, 503})
_GONE = 410


class VerdictKind(StrEnum):
    """The result of an attempt: delivered, retried later, dead-lettered and its hook disabled, or dead-lettered."""

    DELIVERED = "delivered"
    RETRY = "retry"
    GONE = "gone"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of an attempt, and why; `retry_after` in seconds, if the endpoint sent one."""

    kind: VerdictKind
    retry_after: float | None
    reason: str


@cache
def _delivered(status: int) -> Verdict:
    return Verdict(VerdictKind.DELIVERED, None, f"status {status}")


def judge(answer: Answer, now: float) -> Verdict:
    """Return the verdict on a response; `now` is epoch seconds, for an HTTP date in `Retry-After`.

    The caller knows whether retries are left.
    """
    status = answer.status
    if answer.kind == "answered" and status is not None and 200 <= status <= 299:
        return _delivered(status)
    if answer.kind == "denied":
        return Verdict(VerdictKind.REJECTED, None, answer.error or "denied")
    if answer.kind != "answered" or status is None:
        return Verdict(VerdictKind.RETRY, None, answer.error or answer.kind)
    reason = f"status {status}"
    if 500 <= status <= 599 or status in _PASSING:
        retry_after = retry_after_seconds(answer.retry_after_values, now) if status in _SAYS_WHEN else None
        return Verdict(VerdictKind.RETRY, retry_after, reason)
    # 410 ends all deliveries of a hook, so it needs a well-formed head.
    return Verdict(VerdictKind.GONE if status == _GONE and answer.well_formed else VerdictKind.REJECTED, None, reason)


class Request(Struct, frozen=True):
    """A request that was sent to an endpoint."""

    at: int
    """Epoch milliseconds."""
    url: str
    body: bytes
    started: float = 0.0
    """When it was sent, in seconds of the steady clock."""
    headers: Fields = ()
    """Kept only if somebody waits to see them, and without our secrets."""


class Attempted(Struct, frozen=True):
    """The result of an attempt to deliver; without a request and a response, nothing was sent."""

    request: Request | None
    answer: Answer | None
    """With our secrets masked, in case the endpoint echoed them."""
    verdict: Verdict


def not_sent(reason: str, *, may_pass: bool = False) -> Attempted:
    """Return the result of an attempt that sends nothing; if it `may_pass`, it is retried later."""
    return Attempted(None, None, Verdict(VerdictKind.RETRY if may_pass else VerdictKind.REJECTED, None, reason))
