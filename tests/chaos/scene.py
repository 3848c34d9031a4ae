"""Who subscribed to what, how their endpoints behave, and which hooks a record must reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

SECRET = "whsec_Y2hhb3MgY2hhb3MgY2hhb3MgY2hhb3M="
ORGANIZATION = {"id": "1", "slug": "acme"}
PROJECTS = tuple(str(number) for number in range(100, 110))
APP = "pager"
#: of the resource changes: those of another organization's app, or of senders nobody knows, must reach nobody
SENDERS = {"Group": "issue", "Comment": "comment", "Deploy": "deploy"}
ACTIONS = {"Group": ("created", "resolved"), "Comment": ("created", "updated"), "Deploy": ("finished",)}

#: how an endpoint behaves, as `streamhooks.dev.behaviour` reads it
BEHAVIOURS: Mapping[str, Mapping[str, object]] = {
    "well": {},
    "flaky": {"fail": 2},
    "broken": {"status": 500},
    "rejecting": {"status": 400},
    "slow": {"delay": 0.4, "status": 200},
}
#: the required outcome of each delivery to such an endpoint; at undisturbed others: delivered
DOOMED = ("broken", "rejecting")

#: of messages
TYPES = ("order.paid", "order.refunded", "invoice.sent")
#: a topic of one's own: its messages have the type `order.<status>`, and those with the last status become none
ORDERS, STATUSES, LEFT_OUT = "orders", ("paid", "refunded", "shipped"), "draft"
#: the least total of a message that hooks with the filter get
_LEAST = 101
FILTER = f"message.data.total >= {_LEAST}"

#: part of the path of endpoints of hooks that callers change; no record of the load fires these
CHANGED = "/changed/"
#: what becomes of what a hook missed that is disabled and enabled in a storm, in all of its life
Resume = Literal["all", "skip", "time"]


@dataclass(frozen=True)
class Hook:
    """A hook, and how its endpoint behaves."""

    id: str
    behaviour: str
    events: tuple[str, ...]
    projects: tuple[str, ...] = ()
    app: str | None = None
    resume: Resume | None = None
    """Of one that is disabled and enabled in a storm."""
    format: str = "sentry"
    """Any other makes it a message hook."""
    filter: str | None = None

    @property
    def path(self) -> str:
        return f"/{self.id}"

    def record(self, receiver: str) -> dict[str, Any]:
        """Return the value of its record in `hooks`; `receiver` is the base URL of the endpoint."""
        return {
            "id": self.id,
            "organization_id": ORGANIZATION["id"],
            "project_ids": list(self.projects),
            "app_id": self.app,
            "url": receiver + self.path,
            "events": list(self.events),
            "secret": SECRET,
            "format": self.format,
            "filter": self.filter,
        }


def hooks(*, toggled: bool = False) -> tuple[Hook, ...]:
    """Return all hooks: most records reach two, one of them well behaved; a few reach five or nobody.

    toggled -- whether there are some that are disabled and enabled; each beside others that get the same records.
    """
    made = [Hook("", "well", ("event.created",), (project,)) for project in PROJECTS]
    made += [Hook("", "flaky", ("event.created", "event.alert"), (project,)) for project in PROJECTS[:4]]
    made += [Hook("", "broken", ("event.created",), (project,)) for project in PROJECTS[4:5]]
    made += [Hook("", "rejecting", ("event.created",), (project,)) for project in PROJECTS[5:7]]
    made += [Hook("", "slow", ("event.created",), (project,)) for project in PROJECTS[7:9]]
    made += [Hook("", "well", ("event.alert",)), Hook("", "slow", ("event.alert",), PROJECTS[:5])]
    for behaviour in ("well", "flaky", "broken"):
        made.append(Hook("", behaviour, ("event_alert.triggered",), app=APP))
    made += [
        Hook("", "well", ("issue.created", "issue.resolved", "comment.created"), app="tracker"),
        Hook("", "flaky", ("issue.created", "deploy.finished"), app="tracker"),
        Hook("", "rejecting", ("comment.updated",), app="tracker"),
        Hook("", "well", ("issue.resolved", "deploy.finished"), PROJECTS[:3], app="board"),
    ]
    made += [
        Hook("", "well", ("order.*",), format="standard"),
        Hook("", "flaky", ("order.paid",), format="cloudevents"),
        Hook("", "well", ("order.*", "event.alert"), PROJECTS[:3], format="data"),
        Hook("", "well", ("order.*", "invoice.sent"), format="cloudevents", filter=FILTER),
        Hook("", "broken", ("order.refunded",), PROJECTS[:2], format="standard"),
        Hook("", "rejecting", ("invoice.*",), PROJECTS[2:4], format="data", filter=FILTER),
        Hook("", "well", ("order.shipped",), format="data"),
        Hook("", "flaky", ("order.shipped", "order.paid"), PROJECTS[4:], format="standard", filter=FILTER),
        Hook("", "broken", ("order.shipped",), PROJECTS[:2], format="cloudevents"),
    ]
    if toggled:
        made += [Hook("", "well", ("event.created",), PROJECTS[at : at + 3], resume="all") for at in (0, 3, 6)]
        made += [Hook("", "well", ("event.created",), PROJECTS[7:], resume=resume) for resume in ("skip", "time")]
        made.append(Hook("", "well", ("order.shipped",), format="data", resume="all"))
    return tuple(replace(one, id=f"{number:032x}") for number, one in enumerate(made, 1))


def reached(known: tuple[Hook, ...], topic: str, value: Mapping[str, Any]) -> Iterator[Hook]:
    """Give the hooks that a record must reach (docs/reference/what-fires-what.md); `topic` without the prefix."""
    if topic in ("messages", ORDERS):
        data = message_data(value)
        if data.get("status") != LEFT_OUT:
            yield from _reached_by_message(known, data.get("type") or f"order.{data['status']}", data)
        return
    if topic == "resource-changes":
        event = f"{SENDERS[value['sender']]}.{value['action']}"
        yield from (h for h in known if h.app and event in h.events and _matches(h, value["project_id"]))
        return
    project = (value["event"] if topic == "alerts" else value)["project"]["id"]
    event = "event.alert" if topic == "alerts" else "event.created"
    yield from (h for h in known if not h.app and event in h.events and _matches(h, project))
    if topic == "alerts" and value["app_id"]:
        yield from (h for h in known if h.app == value["app_id"] and "event_alert.triggered" in h.events)


def _reached_by_message(known: tuple[Hook, ...], kind: str, data: Mapping[str, Any]) -> Iterator[Hook]:
    for hook in known:
        wanted = not hook.filter or data["total"] >= _LEAST
        if hook.format != "sentry" and _gets(hook, kind) and _matches(hook, data["project"]) and wanted:
            yield hook


def _matches(hook: Hook, project: str | None) -> bool:
    return not hook.projects or project in hook.projects


def message_data(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the data of a message, given the value of its record.

    Of a CloudEvent of the binary mode, and of an own topic, it is all.
    """
    data: Mapping[str, Any] = value.get("data", value)
    return data


def _gets(hook: Hook, kind: str) -> bool:
    return any(kind == one or (one.endswith(".*") and kind.startswith(one[:-1])) for one in hook.events)
