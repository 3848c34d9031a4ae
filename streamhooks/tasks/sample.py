"""A sample event for one hook, sent now and on its own: it is told as a test, and neither counted nor retried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from streamhooks.delivery.payloads import alert_data, app_hook_body, resource_change_data, service_hook_body
from streamhooks.errors import Busy
from streamhooks.records.event import Event
from streamhooks.records.firing import Attempt, Outcome
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import never_fire, sample_of
from streamhooks.tasks import context
from streamhooks.tasks.attempts import attempt_of
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import Running, Services
from streamhooks.tasks.delivering import DeliveryFailed, DeliveryRejected, HookGone
from streamhooks.tasks.mission import app_headers, check_version, service_headers

#: samples that are sent at once: of a worker, and of one hook
AT_ONCE, AT_ONCE_OF_HOOK = 10, 1


class Samples:
    """Sends samples, a few at once.

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

    async def send(self, hook: Hook) -> dict[str, Any]:
        """Send a sample of what the hook subscribed to, active or not.

        Returns: `status`, `error`, `duration_ms`, `outcome` (delivered or failed), `webhook_id` and `response`.

        Raises:
            Busy: too many are being sent at this moment, of this hook or in all.

        """
        if self._sent[hook.id] >= AT_ONCE_OF_HOOK:
            raise Busy("tests", "a sample is being sent to this hook at this moment")
        if self._sent.total() >= AT_ONCE:
            raise Busy("tests", f"{AT_ONCE} samples are being sent by this worker at this moment")
        self._sent[hook.id] += 1
        try:
            run, outcome, reason = await send_sample(hook, self._services, self._clock)
        finally:
            self._sent[hook.id] -= 1
            if not self._sent[hook.id]:
                del self._sent[hook.id]
        sent = run.sent
        if sent is not None:
            bodies = self._log_bodies and outcome == "failed"
            self._tell(hook.id, attempt_of(run.call, sent, outcome, "test", bodies=bodies))
        return {
            "status": sent.status if sent else None,
            "error": (sent.error if sent else None) or (reason if not (sent and sent.status) else None),
            "duration_ms": sent.duration_ms if sent else 0,
            "outcome": outcome,
            "response": sent.excerpt if sent else "",
            "webhook_id": run.call.webhook_id,
        }


async def send_sample(
    hook: Hook, services: Services, clock: Callable[[], float]
) -> tuple[Running, Outcome, str | None]:
    """Send a sample of what the hook subscribed to, active or not.

    Returns: its run, the outcome (delivered or failed: a sample is sent once), and why it failed.
    """
    now = clock()
    name = _sample_name(hook)
    run = Running(Call(f"sample_{uuid4().hex}", "sample", 0, int(now * 1000), hook_id=hook.id, event=name), services)
    run.shows_answer = True
    event = _sample_event(hook, now)
    if hook.app_id is None:
        body, headers = service_hook_body(event, services.links), service_headers(hook)
    else:
        resource, action = name.split(".", 1)
        data = (
            alert_data(event, "A sample rule", services.links)
            if resource == "event_alert"
            else resource_change_data(resource, {"id": "1", "title": "A sample"})
        )
        body, headers = app_hook_body(action, hook.id, data, None), app_headers(hook, resource)
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


def _sample_name(hook: Hook) -> str:
    """Return the event of the sample: the first that the hook subscribed to."""
    if hook.app_id is None:
        return next(iter(hook.events), "event.created")
    idle = never_fire(hook.events)
    return next((sample_of(event) for event in hook.events if event not in idle), "issue.created")


def _sample_event(hook: Hook, now: float) -> Event:
    project = hook.project_ids[0] if hook.project_ids else "1"
    return Event.from_fields(
        {
            "event_id": uuid4().hex,
            "type": "default",
            "datetime": now,
            "organization": {"id": hook.organization_id, "slug": "sample"},
            "project": {"id": project, "slug": "sample", "name": "Sample"},
            "group": {"id": "1", "title": "A sample"},
            "data": {"message": "This is a sample of streamhooks."},
        }
    )
