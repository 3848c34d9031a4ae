"""Sending a body to a hook: signed now, judged by what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from streamhooks.delivery.client import Answer
from streamhooks.delivery.heads import Fields, fields_of
from streamhooks.delivery.outcomes import DeliveryFailed, DeliveryRejected, HookGone, Sent, judge
from streamhooks.delivery.payloads import standard_headers
from streamhooks.masking import MASK, forms_of, without, without_queries
from streamhooks.records.call import HOPS_HEADER
from streamhooks.records.hook import Hook
from streamhooks.records.rotation import signing_secrets
from streamhooks.tasks.context import current
from streamhooks.times import steady

Headers = Callable[[str, int, bytes], dict[str, str]]
Post = Callable[[str, dict[str, str], bytes, float, str], Awaitable[Answer]]


def deliverer(
    post: Post, *, clock: Callable[[], float], timeout: float, max_body: int
) -> Callable[[Hook, bytes, Headers], Awaitable[None]]:
    """What tasks send with.

    `post(url, headers, body, seconds, organization_id)` does the request; `timeout` is in seconds, for hooks
    without their own; `max_body` in bytes; `clock` gives epoch seconds.
    """

    async def deliver(hook: Hook, body: bytes, family: Headers) -> None:
        """Send the body, with the headers of its family and of Standard Webhooks, and note what came back."""
        if len(body) > max_body:
            raise DeliveryRejected(f"the body has {len(body)} bytes, more than {max_body}")
        if blocked := hook.blocked:
            raise DeliveryFailed(blocked, None)
        run = current()
        now, started = clock(), steady()
        timestamp = int(now)
        headers = dict(hook.headers) if hook.headers else {}
        headers |= family(run.call.webhook_id, timestamp, body)
        headers |= standard_headers(signing_secrets(hook, now), run.call.webhook_id, timestamp, body)
        headers[HOPS_HEADER] = str(run.call.hops + 1)
        if run.traceparent:
            headers["traceparent"] = run.traceparent
        answer = await post(hook.url, headers, body, hook.timeout or timeout, hook.organization_id)
        answer = _kept(answer, hook, whole=run.shows_answer)
        verdict = judge(answer, now + answer.duration_ms / 1000)
        run.sent = Sent(
            int(now * 1000),
            hook.url,
            body,
            answer.status,
            answer.error,
            answer.duration_ms,
            answer.excerpt,
            answer.kind,
            verdict.kind,
            verdict.retry_after,
            started,
            *(_headers(answer, hook) if run.shows_answer else ()),
        )
        if verdict.kind == "retry":
            raise DeliveryFailed(verdict.reason, verdict.retry_after)
        if verdict.kind == "gone":
            raise HookGone(verdict.reason)
        if verdict.kind == "rejected":
            raise DeliveryRejected(verdict.reason)

    return deliver


def _kept(answer: Answer, hook: Hook, *, whole: bool) -> Answer:
    """Return what may be kept of the answer: nothing that the endpoint may have echoed of our secrets.

    Of a delivery that went well the body is not kept, unless `whole`: so it need not be masked.
    """
    if not answer.error and not answer.excerpt:
        return answer
    if not whole and not answer.error and answer.status is not None and 200 <= answer.status <= 299:
        return answer._replace(excerpt="")
    secrets = tuple(_secret_parts(hook))
    error = answer.error and without(without_queries(answer.error), secrets)
    return answer._replace(error=error, excerpt=without(answer.excerpt, secrets))


def _headers(answer: Answer, hook: Hook) -> tuple[Fields, Fields]:
    """Return the headers that went out and those that came back, without our secrets."""
    own = {name.lower() for name in hook.headers or {}}
    secrets = tuple(_secret_parts(hook))
    written = ((name, MASK if name.lower() in own else value) for name, value in fields_of(answer.written))
    came = ((without(name, secrets), without(value, secrets)) for name, value in fields_of(answer.head))
    return tuple(written), tuple(came)


def _secret_parts(hook: Hook) -> Iterator[str]:
    yield hook.secret
    yield hook.previous_secret or ""
    yield hook.earlier_secret or ""
    for name, value in (hook.headers or {}).items():
        yield from forms_of(value)
        if name.lower() == "authorization":
            yield from forms_of("".join(value.split(None, 1)[1:]))  # without its scheme
    yield from forms_of(hook.url.partition("?")[2])
