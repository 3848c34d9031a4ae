"""A test of one hook, sent now and by itself: it is listed as a test, and neither counted nor retried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from streamhooks.delivery.heads import Fields
from streamhooks.delivery.links import Links
from streamhooks.delivery.outcomes import Attempted, VerdictKind
from streamhooks.errors import Busy
from streamhooks.records.firing import Attempt, Outcome
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import SENTRY
from streamhooks.tasks.attempts import attempt_of
from streamhooks.tasks.call import Call
from streamhooks.webhooks.deliver import Deliver
from streamhooks.webhooks.rendering import Payload, app_headers, message_payload, service_payload, unsupported
from streamhooks.webhooks.sample_bodies import sample_body

#: maximum tests in flight: per worker, and per hook
AT_ONCE, AT_ONCE_OF_HOOK = 10, 1


class Samples:
    """Sends tests, a few at a time.

    `deliver` shares nothing with ordinary deliveries. `tell` gets the attempts; with `log_bodies` they have the bodies
    of failures.
    """

    def __init__(
        self,
        deliver: Deliver,
        links: Links,
        clock: Callable[[], float],
        tell: Callable[[str, Attempt], None],
        *,
        log_bodies: bool,
    ) -> None:
        self._deliver = deliver
        self._links = links
        self._clock = clock
        self._tell = tell
        self._log_bodies = log_bodies
        self._sent: Counter[str] = Counter()

    def body_of(self, hook: Hook, event: str) -> bytes:
        """Return the body of a sample for this event."""
        return sample_body(hook, event, self._links, self._clock())

    async def send(self, hook: Hook, event: str, body: bytes | None = None) -> dict[str, Any]:
        """Send a test of an event to a hook, active or not; without a body, a sample for the event is sent.

        Returns: the request and the response, as the API shows them.

        Raises:
            Busy: too many are already being sent, to this hook or in all.

        """
        if self._sent[hook.id] >= AT_ONCE_OF_HOOK:
            raise Busy("tests", "a test is already being sent to this hook")
        if self._sent.total() >= AT_ONCE:
            raise Busy("tests", f"this worker is already sending {AT_ONCE} tests")
        self._sent[hook.id] += 1
        try:
            body = self.body_of(hook, event) if body is None else body
            call, attempted = await self._attempt(hook, event, body)
        finally:
            self._sent[hook.id] -= 1
            if not self._sent[hook.id]:
                del self._sent[hook.id]
        request, answer, verdict = attempted.request, attempted.answer, attempted.verdict
        # A test is never retried.
        outcome: Outcome = "delivered" if verdict.kind is VerdictKind.DELIVERED else "failed"
        if request is not None and answer is not None:
            bodies = self._log_bodies and outcome == "failed"
            self._tell(hook.id, attempt_of(call, request, answer, outcome, "test", bodies=bodies))
        status = answer.status if answer else None
        return {
            "event": event,
            "webhook_id": call.webhook_id,
            "outcome": outcome,
            "status": status,
            "error": (answer.error if answer else None) or (None if status else verdict.reason),
            "duration_ms": answer.duration_ms if answer else 0,
            "url": hook.url,
            "request_headers": _shown(request.headers if request else ()),
            "request": request.body.decode() if request else None,
            "response_headers": _shown(answer.headers if answer else ()),
            "response": answer.excerpt if answer else "",
        }

    async def _attempt(self, hook: Hook, event: str, body: bytes) -> tuple[Call, Attempted]:
        call = Call(f"sample_{uuid4().hex}", "sample", 0, int(self._clock() * 1000), hook_id=hook.id, event=event)
        of_messages = hook.format != SENTRY
        if of_messages:
            payload = message_payload(hook, body)
        elif hook.app_id is None:
            payload = service_payload(hook, body)
        else:
            payload = Payload(body, app_headers(hook, event.partition(".")[0]))
        refused = unsupported(hook, of_messages=of_messages)
        return call, refused or await self._deliver(call, hook, payload, is_shown=True)


def _shown(headers: Fields) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]
