"""What goes wrong with a call, as its caller is told: a status and a JSON object, never a stack trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from streamhooks.errors import ProducerDead, PublishError, RegistryAway, StreamhooksError

RETRY_AFTER = {"Retry-After": "1"}
#: how long Kafka may take to confirm a change, in seconds; the publisher itself tries for ever
CONFIRMED_WITHIN = 10.0


class ProblemError(StreamhooksError):
    """A call that ends here; `body` has `detail`, or is a map of fields to what is wrong with each.

    With `detail` may come `"maybe_applied": true`, and what the caller needs to decide.
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
    """Return what is wrong with the fields of a body that are not among the known ones, for `bad_fields`."""
    return {name[:100]: "unknown field" for name in fields if name not in known}


def not_found(what: str) -> ProblemError:
    """Return a 404."""
    return ProblemError(404, {"detail": f"{what} not found"})


def conflict(detail: str, **more: Any) -> ProblemError:
    """Return a 409; `more` is what the caller needs to decide."""
    return ProblemError(409, {"detail": detail, **more})


def try_again(detail: str, *, maybe_applied: bool = False) -> ProblemError:
    """Return a 503 with `Retry-After` (RFC 9110, 10.2.3); `maybe_applied` if the change may have been written."""
    return ProblemError(503, {"detail": detail} | ({"maybe_applied": True} if maybe_applied else {}), RETRY_AFTER)


@asynccontextmanager
async def kafka_answers(*, after_change: bool = False) -> AsyncIterator[None]:
    """Turn it into a ProblemError with 503 if Kafka, or the schema registry, does not answer in the body.

    `after_change` tells whether a change was made before.
    """
    try:
        yield
    except TimeoutError:
        raise try_again("Kafka does not answer in time", maybe_applied=after_change) from None
    except RegistryAway as away:
        raise try_again(str(away), maybe_applied=after_change) from None


@asynccontextmanager
async def confirmed(within: float | None = None, *, after_change: bool = False) -> AsyncIterator[None]:
    """Turn what keeps Kafka from confirming the writes in the body into a ProblemError with 503.

    `within` is in seconds, CONFIRMED_WITHIN if it is not given. `after_change` tells whether a change was made before.
    """
    try:
        async with asyncio.timeout(CONFIRMED_WITHIN if within is None else within):
            yield
    except TimeoutError:
        text = "Kafka has not confirmed the change yet; it may come into force later"
        raise try_again(text, maybe_applied=True) from None
    except PublishError as error:
        maybe = after_change or isinstance(error, ProducerDead)
        raise try_again(f"Kafka does not take the change: {error}", maybe_applied=maybe) from None
