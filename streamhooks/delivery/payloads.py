"""Bodies and headers of requests: compact JSON and its signatures (docs/reference/payloads.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from operator import is_not
from typing import TYPE_CHECKING, Any, Final, NamedTuple, ParamSpec, TypeVar, cast

import orjson

from streamhooks.delivery.links import Links, is_link
from streamhooks.delivery.signing import legacy_signature, standard_signature
from streamhooks.records.exact_json import dumps, in_ascii

if TYPE_CHECKING:
    from streamhooks.records.event import Event

P = ParamSpec("P")
R = TypeVar("R")

OWN_ACTOR = {"type": "application", "id": "streamhooks", "name": "streamhooks"}
_RENAMED = {"Group": "issue"}
_JSON = "application/json"


def remembering_last(function: Callable[P, R]) -> Callable[P, R]:
    """Return the last result again for identical arguments, since the deliveries of one record follow one another.

    Arguments and result must not be mutated afterwards.
    """
    previous: tuple[Any, ...] = (function,)  # no call has these arguments
    result: Any = None

    def remembered(*args: P.args, **kwargs: P.kwargs) -> R:
        nonlocal previous, result
        if kwargs:
            return function(*args, **kwargs)
        if len(args) != len(previous) or any(map(is_not, args, previous)):
            result, previous = function(*args, **kwargs), args
        return cast(R, result)

    return wraps(function)(remembered)


def service_hook_body(event: Event, links: Links) -> bytes:
    """Return payload v0 of an event: `{"project": {…}, "group": {…, "url"}, "event": {…, "url"}}` (Sentry).

    Without a group, `group` is null, and so is the event's `url` unless the event has its own.
    """
    group_url, event_url = _urls(event, links)
    fields = event.fields
    project, group = fields["project"], fields.get("group")
    return _body(
        {
            "project": {"slug": project["slug"], "name": project["name"]},
            "group": None if group is None else {**group, "url": group_url},
            "event": {**fields, "url": event_url},
        }
    )


def app_hook_body(action: str, installation_id: str, data: Any, actor: dict[str, Any] | None) -> bytes:
    """Return the body of an app hook: `{"action", "installation": {"uuid"}, "data", "actor"}` (Sentry).

    `data` is JSON. The same object, passed for one hook after the other, is rendered once. Without an actor,
    streamhooks itself is the actor.
    """
    return _body(
        {
            "action": action,
            "installation": {"uuid": installation_id},
            "data": _rendered(data),
            "actor": OWN_ACTOR if actor is None else actor,
        }
    )


class Format(NamedTuple):
    """A version of payloads: what makes the body of a service hook, and that of an app hook."""

    service: Callable[[Event, Links], bytes]
    app: Callable[[str, str, Any, dict[str, Any] | None], bytes]


FORMATS: Final[dict[int, Format]] = {0: Format(service_hook_body, app_hook_body)}
"""By the `version` of a hook; `VERSIONS` in records/hook_values.py says which of them a hook may have."""


def _body(value: Any) -> bytes:
    """Return compact JSON in ASCII, as Sentry writes it.

    Sentry's receivers serialise the body again before they verify it. When Sentry sent UTF-8 for some days, a tenth of
    the signatures failed (getsentry/sentry#71025).
    """
    return in_ascii(dumps(value))


@remembering_last
def _rendered(data: Any) -> orjson.Fragment:
    return orjson.Fragment(dumps(data))


@remembering_last
def alert_data(
    event: Event, rule: str, links: Links, additional_key: str | None = None, additional_payload: Any = None
) -> dict[str, Any]:
    """Return the `data` of an alert to an app: event (as in payload v0), rule, additional payload.

    The event also has the fields of Sentry's alerts: `web_url` and `issue_url`, the links to event and group, and
    `issue_id`, the id of the group. Values that the event already has for these fields are kept.
    """
    group_url, event_url = _urls(event, links)
    made = {"web_url": event_url, "issue_url": group_url, "issue_id": event.group_id}
    ours = {name: value for name, value in made.items() if name not in event.fields}
    data: dict[str, Any] = {"event": {**event.fields, "url": event_url, **ours}, "triggered_rule": rule}
    if additional_key is not None and additional_payload is not None:
        data[additional_key] = additional_payload
    return data


def resource_change_data(name: str, instance: Any) -> dict[str, Any]:
    """Return the `data` of a resource change that has none itself: the resource under its name."""
    return {name: instance}


def resource_name(sender: str) -> str:
    """Return the resource name of a sender: `Group` becomes `issue`, any other is in lower case (Sentry)."""
    return _RENAMED.get(sender) or sender.lower()


def change_event(sender: str, action: str) -> str:
    """Return the event of a resource change, `<resource>.<action>` in lower case."""
    return f"{resource_name(sender)}.{action.lower()}"


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
    """Return the headers of Standard Webhooks; `secrets` are the current one, then the replaced ones."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": standard_signature(secrets, webhook_id, timestamp, body),
    }


def _urls(event: Event, links: Links) -> tuple[str | None, str | None]:
    """Return the links to the group and to the event: their own, else ours; without a group there are none of ours."""
    fields = event.fields
    group, own_url = fields.get("group"), fields.get("url")
    if own_url is not None and not is_link(own_url):
        own_url = None
    if group is None:
        return None, own_url
    group_url, event_url = links.of(
        fields["organization"]["slug"], fields["project"]["slug"], group["id"], fields["event_id"]
    )
    its_url = group.get("url")
    if its_url is not None and is_link(its_url):
        group_url = its_url
    return group_url, own_url or event_url
