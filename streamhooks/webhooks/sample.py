"""A test of one hook, sent now and on its own: it is told as a test, and neither counted nor retried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from streamhooks.delivery.heads import Fields
from streamhooks.delivery.outcomes import DeliveryFailed, DeliveryRejected, HookGone
from streamhooks.errors import Busy
from streamhooks.records.firing import Attempt, Outcome
from streamhooks.records.hook import Hook
from streamhooks.tasks import context
from streamhooks.tasks.attempts import attempt_of
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import Running, Services
from streamhooks.webhooks.sample_bodies import sample_body
from streamhooks.webhooks.tasks import app_headers, check_version, service_headers

#: tests that are sent at once: of a worker, and of one hook
AT_ONCE, AT_ONCE_OF_HOOK = 10, 1


class Samples:
    """Sends tests, a few at once.

    `services` are the worker's, with a way to deliver that deliveries do not share; `tell` takes what was sent to a
    hook; `log_bodies` is whether it has the bodies of failures.
    """

    def __init__(
        self,
        services: Services,
        clock: Callable[[], float],
        tell: Callable[[str, Attempt], None],
        *,
        log_bodies: bool,
    ) -> None:
        self._services = services
        self._clock = clock
        self._tell = tell
        self._log_bodies = log_bodies
        self._sent: Counter[str] = Counter()

    def body_of(self, hook: Hook, event: str) -> bytes:
        """Return the body of a sample of this event."""
        return sample_body(hook, event, self._services.links, self._clock())

    async def send(self, hook: Hook, event: str, body: bytes | None = None) -> dict[str, Any]:
        """Send a test of an event to a hook, active or not; without a body, a sample of the event.

        Returns: what was sent and what came back, as the API shows it.

        Raises:
            Busy: too many are being sent at this moment, of this hook or in all.

        """
        if self._sent[hook.id] >= AT_ONCE_OF_HOOK:
            raise Busy("tests", "a test is being sent to this hook at this moment")
        if self._sent.total() >= AT_ONCE:
            raise Busy("tests", f"{AT_ONCE} tests are being sent by this worker at this moment")
        self._sent[hook.id] += 1
        try:
            body = self.body_of(hook, event) if body is None else body
            run, outcome, reason = await send_test(hook, event, body, self._services, self._clock)
        finally:
            self._sent[hook.id] -= 1
            if not self._sent[hook.id]:
                del self._sent[hook.id]
        sent = run.sent
        if sent is not None:
            bodies = self._log_bodies and outcome == "failed"
            self._tell(hook.id, attempt_of(run.call, sent, outcome, "test", bodies=bodies))
        return {
            "event": event,
            "webhook_id": run.call.webhook_id,
            "outcome": outcome,
            "status": sent.status if sent else None,
            "error": (sent.error if sent else None) or (reason if not (sent and sent.status) else None),
            "duration_ms": sent.duration_ms if sent else 0,
            "url": hook.url,
            "request_headers": _shown(sent.request_headers if sent else ()),
            "request": sent.body.decode() if sent else None,
            "response_headers": _shown(sent.response_headers if sent else ()),
            "response": sent.excerpt if sent else "",
        }


async def send_test(
    hook: Hook, event: str, body: bytes, services: Services, clock: Callable[[], float]
) -> tuple[Running, Outcome, str | None]:
    """Send a body as that of an event to a hook, active or not.

    Returns: its run, the outcome (delivered or failed: a test is sent once), and why it failed.
    """
    call = Call(f"sample_{uuid4().hex}", "sample", 0, int(clock() * 1000), hook_id=hook.id, event=event)
    run = Running(call, services)
    run.shows_answer = True
    headers = service_headers(hook) if hook.app_id is None else app_headers(hook, event.partition(".")[0])
    token = context.enter(run)
    outcome: Outcome = "delivered"
    reason: str | None = None
    try:
        check_version(hook)
        await services.deliver(hook, body, headers)
    except (DeliveryFailed, DeliveryRejected, HookGone, NotImplementedError) as error:
        outcome, reason = "failed", str(error)
    finally:
        context.leave(token)
    return run, outcome, reason


def _shown(headers: Fields) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]
