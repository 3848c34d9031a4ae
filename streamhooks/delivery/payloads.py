"""Bodies and headers of what goes out: compact JSON and its signatures (docs/reference/payloads.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from operator import is_not
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from urllib.parse import quote

import orjson

from streamhooks.delivery.signing import legacy_signature, standard_signature

if TYPE_CHECKING:
    from streamhooks.records.event import Event

P = ParamSpec("P")
R = TypeVar("R")

OWN_ACTOR = {"type": "application", "id": "streamhooks", "name": "streamhooks"}
_RENAMED = {"Group": "issue"}
_JSON = "application/json"


def remembering_last(function: Callable[P, R]) -> Callable[P, R]:
    """Give the last result again for the very same arguments: the deliveries of one record follow one another.

    Arguments and result must not be changed afterwards.
    """
    former: tuple[Any, ...] = (function,)  # no call has these arguments
    result: Any = None

    def remembered(*args: P.args, **kwargs: P.kwargs) -> R:
        nonlocal former, result
        if kwargs:
            return function(*args, **kwargs)
        if len(args) != len(former) or any(map(is_not, args, former)):
            result, former = function(*args, **kwargs), args
        return cast(R, result)

    return wraps(function)(remembered)


def service_hook_body(event: Event, base_url: str) -> bytes:
    """Return payload v0 of an event: `{"project": {…}, "group": {…, "url"}, "event": {…, "url"}}` (Sentry).

    Without a group, `group` and the event's `url` are null. `base_url` may end in a slash or not.
    """
    group_url, event_url = _urls(event, base_url)
    project = event.project
    return orjson.dumps(
        {
            "project": {"slug": project["slug"], "name": project["name"]},
            "group": None if event.group is None else {**event.group, "url": group_url},
            "event": {**event.fields, "url": event_url},
        }
    )


def app_hook_body(action: str, installation_id: str, data: Any, actor: dict[str, Any] | None) -> bytes:
    """Return the body of an app hook: `{"action", "installation": {"uuid"}, "data", "actor"}` (Sentry).

    `data` is JSON; what is handed in again and again, for one hook after the other, is rendered once. Without an actor,
    streamhooks itself is the actor.
    """
    return orjson.dumps(
        {
            "action": action,
            "installation": {"uuid": installation_id},
            "data": _rendered(data),
            "actor": OWN_ACTOR if actor is None else actor,
        }
    )


@remembering_last
def _rendered(data: Any) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(data))


@remembering_last
def alert_data(
    event: Event, rule: str, base_url: str, additional_key: str | None = None, additional_payload: Any = None
) -> dict[str, Any]:
    """Return the `data` of an alert for an app: event (as in payload v0), rule, additional payload."""
    _, event_url = _urls(event, base_url)
    data: dict[str, Any] = {"event": {**event.fields, "url": event_url}, "triggered_rule": rule}
    if additional_key is not None:
        data[additional_key] = additional_payload
    return data


def resource_change_data(name: str, instance: Any) -> dict[str, Any]:
    """Return the `data` of a resource change: the resource under its name."""
    return {name: instance}


def resource_name(sender: str) -> str:
    """Return the resource name of a sender: `Group` is `issue`, any other itself in lower case (Sentry)."""
    return _RENAMED.get(sender) or sender.lower()


def service_hook_headers(hook_id: str, secret: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return Sentry's headers of a service hook; `timestamp` in whole epoch seconds."""
    return {
        "Content-Type": _JSON,
        "X-ServiceHook-Timestamp": str(timestamp),
        "X-ServiceHook-GUID": hook_id,
        "X-ServiceHook-Signature": legacy_signature(secret, body),
    }


def app_hook_headers(resource: str, secret: str, timestamp: int, body: bytes, request_id: str) -> dict[str, str]:
    """Return Sentry's headers of an app hook; `resource` without action, `timestamp` in epoch seconds."""
    return {
        "Content-Type": _JSON,
        "Request-ID": request_id,
        "Sentry-Hook-Resource": resource,
        "Sentry-Hook-Timestamp": str(timestamp),
        "Sentry-Hook-Signature": legacy_signature(secret, body),
    }


def standard_headers(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks; `secrets` are the new one and, in a rotation, the old one."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": standard_signature(secrets, webhook_id, timestamp, body),
    }


def _urls(event: Event, base_url: str) -> tuple[str | None, str | None]:
    """Return the links to the group and to the event; both None for an event without a group."""
    if event.group is None:
        return None, None
    group_url = _group_url(base_url, event.organization_slug, event.group_id or "")
    return group_url, f"{group_url}events/{event.event_id}/"  # 32 hex characters


@lru_cache(maxsize=4096)
def _group_url(base_url: str, organization: str, group_id: str) -> str:
    return f"{base_url.rstrip('/')}/organizations/{quote(organization, safe='')}/issues/{quote(group_id, safe='')}/"
