"""What an answer means for the delivery: the table of docs/reference/outcomes.md."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from streamhooks.delivery.client import Answer
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
