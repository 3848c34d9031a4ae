"""Errors for callers: a status and a JSON object, never a stack trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from streamhooks.errors import ProducerDead, PublishError, RegistryAway, StreamhooksError

RETRY_AFTER = {"Retry-After": "1"}
#: time in which Kafka must confirm a change, in seconds; the publisher itself never stops trying
CONFIRMED_WITHIN = 10.0


class ProblemError(StreamhooksError):
    """Ends a call with a problem; `body` has `detail`, or maps each invalid field to its problem.

    Next to `detail` there may be `"maybe_applied": true`, and what the caller needs for a decision.
    """

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}


def bad_request(detail: str) -> ProblemError:
    """Return a 400 with one text."""
    return ProblemError(400, {"detail": detail})


def bad_fields(fields: Mapping[str, str]) -> ProblemError:
    """Return a 400 with a map of fields (of the body or the query) to texts."""
    return ProblemError(400, fields)


def unknown_fields(fields: Iterable[str], known: Collection[str] = ()) -> dict[str, str]:
    """Return the problems of the fields that are not in `known`, for `bad_fields`."""
    return {name[:100]: "unknown field" for name in fields if name not in known}


def not_found(what: str) -> ProblemError:
    """Return a 404."""
    return ProblemError(404, {"detail": f"{what} not found"})


def conflict(detail: str, **more: Any) -> ProblemError:
    """Return a 409; `more` is what the caller needs for a decision."""
    return ProblemError(409, {"detail": detail, **more})


def try_again(detail: str, *, maybe_applied: bool = False) -> ProblemError:
    """Return a 503 with `Retry-After` (RFC 9110, 10.2.3); `maybe_applied` if the change may have been written."""
    return ProblemError(503, {"detail": detail} | ({"maybe_applied": True} if maybe_applied else {}), RETRY_AFTER)


@asynccontextmanager
async def kafka_answers(*, after_change: bool = False) -> AsyncIterator[None]:
    """Raise ProblemError with 503 if Kafka, or the schema registry, does not answer a read in the block.

    `after_change` is whether a change was made before.
    """
    try:
        yield
    except TimeoutError:
        raise try_again("Kafka does not answer in time", maybe_applied=after_change) from None
    except RegistryAway as away:
        raise try_again(str(away), maybe_applied=after_change) from None


@asynccontextmanager
async def confirmed(within: float | None = None, *, after_change: bool = False) -> AsyncIterator[None]:
    """Turn a failure to get the writes in the block confirmed by Kafka into a ProblemError with 503.

    `within` is in seconds, by default CONFIRMED_WITHIN. `after_change` is whether a change was made before.
    """
    try:
        async with asyncio.timeout(CONFIRMED_WITHIN if within is None else within):
            yield
    except TimeoutError:
        text = "Kafka has not confirmed the change yet; it may take effect later"
        raise try_again(text, maybe_applied=True) from None
    except PublishError as error:
        maybe = after_change or isinstance(error, ProducerDead)
        raise try_again(f"Kafka rejected the change: {error}", maybe_applied=maybe) from None
