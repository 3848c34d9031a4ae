"""Sends a payload to a hook: signs it now, and judges the response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from streamhooks.delivery.client import Answer
from streamhooks.delivery.heads import Fields, fields_of
from streamhooks.delivery.outcomes import Attempted, Request, judge, not_sent
from streamhooks.delivery.payloads import standard_headers
from streamhooks.masking import MASK, forms_of, without, without_queries
from streamhooks.records.call import HOPS_HEADER
from streamhooks.records.hook import Hook
from streamhooks.records.rotation import signing_secrets
from streamhooks.tasks.call import Call
from streamhooks.times import steady
from streamhooks.webhooks.rendering import Payload

Post = Callable[[str, dict[str, str], bytes, float, str], Awaitable[Answer]]


class Exchange(Protocol):
    """A request that was written, and whose response is not known yet."""

    def abandon(self) -> None:
        """Let go of it: close its connection, and tell nobody."""


PostSoon = Callable[[str, dict[str, str], bytes, float, str, Callable[[Answer], None]], Exchange | None]


class Deliver(Protocol):
    """Makes an attempt."""

    async def __call__(
        self, call: Call, hook: Hook, payload: Payload, traceparent: str | None = None, *, is_shown: bool = False
    ) -> Attempted:
        """Send the payload of a call to a hook and return the result.

        `traceparent` is sent to the receiver (W3C Trace Context); by default that of the call. `is_shown` means that
        somebody waits to see both sides of the exchange, even if it succeeds.
        """


class Outgoing(Struct, frozen=True):
    """A signed request of an attempt, ready to be written."""

    hook: Hook
    headers: dict[str, str]
    body: bytes
    timeout: float
    """In seconds."""
    now: float
    """Epoch seconds, as it was signed."""
    started: float
    """In seconds of the steady clock."""

    def judged(self, came: Answer, *, is_shown: bool = False) -> Attempted:
        """Return the result of the attempt whose response came."""
        hook, now = self.hook, self.now
        if came.status is not None and 200 <= came.status <= 299 and not is_shown:
            # Most attempts. What the endpoint said is not kept, so it need not be masked.
            answer = Answer(came.status, None, "answered", (), "", came.duration_ms, came.well_formed)
        else:
            answer = _kept(came, hook, is_shown=is_shown)
        verdict = judge(answer, now + answer.duration_ms / 1000)
        written = _written(came, hook) if is_shown else ()
        return Attempted(Request(int(now * 1000), hook.url, self.body, self.started, written), answer, verdict)


@dataclass(frozen=True, slots=True)
class Preparing:
    """Makes signed requests. `clock` gives epoch seconds, `timeout` is in seconds, for hooks without their own."""

    clock: Callable[[], float]
    timeout: float
    max_body: int
    """In bytes."""

    def outgoing(
        self, call: Call, hook: Hook, payload: Payload, traceparent: str | None = None
    ) -> Outgoing | Attempted:
        """Return the request that sends the payload, or the result of an attempt that may not be made.

        `traceparent` is as for `Deliver`.
        """
        body = payload.body
        if len(body) > self.max_body:
            return not_sent(f"the body has {len(body)} bytes, more than {self.max_body}")
        if blocked := hook.blocked:
            return not_sent(blocked, may_pass=True)
        now, started = self.clock(), steady()
        timestamp = int(now)
        headers = payload.headers(call.webhook_id, timestamp, body)
        if hook.headers:
            headers = hook.headers | headers
        headers |= standard_headers(signing_secrets(hook, now), call.webhook_id, timestamp, body)
        headers[HOPS_HEADER] = str(call.hops + 1)
        if traceparent is None:
            traceparent = call.traceparent
        if traceparent:
            headers["traceparent"] = traceparent
        return Outgoing(hook, headers, body, hook.timeout or self.timeout, now, started)


@dataclass(frozen=True, slots=True)
class Soon:
    """What sends without waiting, if that is possible: `post` is `HookClient.post_soon`."""

    preparing: Preparing
    post: PostSoon

    def send(self, outgoing: Outgoing, ended: Callable[[Answer], None]) -> Exchange | None:
        """Write a request, and call `ended` in a later turn of the loop; None if that would have to wait."""
        hook = outgoing.hook
        return self.post(hook.url, outgoing.headers, outgoing.body, outgoing.timeout, hook.organization_id, ended)


def deliverer(post: Post, *, clock: Callable[[], float], timeout: float, max_body: int) -> Deliver:
    """Return the function that sends.

    `post(url, headers, body, seconds, organization_id)` makes the request. `timeout` is in seconds, for hooks without
    their own; `max_body` is in bytes. `clock` gives epoch seconds.
    """
    preparing = Preparing(clock, timeout, max_body)

    async def deliver(
        call: Call, hook: Hook, payload: Payload, traceparent: str | None = None, *, is_shown: bool = False
    ) -> Attempted:
        outgoing = preparing.outgoing(call, hook, payload, traceparent)
        if isinstance(outgoing, Attempted):
            return outgoing
        came = await post(hook.url, outgoing.headers, outgoing.body, outgoing.timeout, hook.organization_id)
        return outgoing.judged(came, is_shown=is_shown)

    return deliver


def _kept(answer: Answer, hook: Hook, *, is_shown: bool) -> Answer:
    """Return the parts of the response that may be kept, with our secrets masked in case the endpoint echoed them."""
    secrets = tuple(_secret_parts(hook))
    error = answer.error and without(without_queries(answer.error), secrets)
    headers = _came(answer, hook) if is_shown else ()
    return replace(
        answer, error=error, excerpt=without(answer.excerpt, secrets), written=b"", head=b"", headers=headers
    )


def _written(answer: Answer, hook: Hook) -> Fields:
    """Return the headers of the request, with our secrets masked."""
    custom = {name.lower() for name in hook.headers or {}}
    return tuple((name, MASK if name.lower() in custom else value) for name, value in fields_of(answer.written))


def _came(answer: Answer, hook: Hook) -> Fields:
    """Return the headers of the response, with our secrets masked."""
    secrets = tuple(_secret_parts(hook))
    return tuple((without(name, secrets), without(value, secrets)) for name, value in fields_of(answer.head))


def _secret_parts(hook: Hook) -> Iterator[str]:
    yield hook.secret
    yield hook.previous_secret or ""
    yield hook.earlier_secret or ""
    for name, value in (hook.headers or {}).items():
        yield from forms_of(value)
        if name.lower() == "authorization":
            yield from forms_of("".join(value.split(None, 1)[1:]))  # without its scheme
    yield from forms_of(hook.url.partition("?")[2])
