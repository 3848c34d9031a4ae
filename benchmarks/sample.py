"""The input of all senders: hooks, and events whose deliveries have a body of about 1 KB."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any

import orjson

from streamhooks.kafka.partitions import partition_of

ORGANIZATION = {"id": "bench", "slug": "bench"}
SECRET = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
MESSAGE_TYPE = "shop.failed"
BASE_URL = "http://127.0.0.1:6066"
_FRAMES = [
    {"file": "shop/checkout.py", "line": 100 + n, "function": f"step_{n}", "context": "total += item.price * rate"}
    for n in range(4)
]


@dataclass(frozen=True)
class Hook:
    """A hook of one project: a service hook, or a message hook with a `format`."""

    id: str
    project_id: str
    url: str
    format: str | None = None

    def record(self) -> dict[str, Any]:
        """Return the hook's record value for the topic `hooks`."""
        events = ["event.created"] if self.format is None else [MESSAGE_TYPE]
        return {
            "id": self.id,
            "organization_id": ORGANIZATION["id"],
            "project_ids": [self.project_id],
            "app_id": None,
            "url": self.url,
            "events": events,
            "format": self.format,
            "secret": SECRET,
            "version": 0,
            "status": "active",
        }


def hooks(receivers: str | Sequence[str], layout: Mapping[str, int]) -> list[Hook]:
    """Return hooks by a layout that maps each project id to its number of hooks.

    receivers -- base URLs that take turns, or one of them.
    """
    bases = cycle([receivers] if isinstance(receivers, str) else receivers)
    return [
        Hook(secrets.token_hex(16), project, f"{next(bases)}/hook/{project}/{number}")
        for project, width in layout.items()
        for number in range(width)
    ]


def even_projects(each: int, partitions: int) -> list[str]:
    """Return ids of projects, `each` of them in every partition of a topic; the partitions take turns.

    With uneven keys, two workers do not share the work evenly, and that would be measured.
    """
    by_partition: list[list[str]] = [[] for _ in range(partitions)]
    left = each * partitions
    for number in count():
        found = by_partition[partition_of(str(number), partitions)]
        if len(found) < each:
            found.append(str(number))
            left -= 1
        if not left:
            break
    return [project for those in zip(*by_partition, strict=True) for project in those]


def hook_apart(receiver: str, project: str) -> Hook:
    """Return the one hook of a project that the receiver counts separately and may let hang."""
    return Hook(secrets.token_hex(16), project, f"{receiver}/apart/{project}")


def event(project_id: str, at: float, *, timed: bool = True) -> dict[str, Any]:
    """Return an Event that happened `at` (epoch seconds); `timed`: the receiver measures its latency."""
    return {
        "event_id": secrets.token_hex(16),
        "type": "error",
        # The receiver measures latencies only from times that are not whole numbers.
        "datetime": round(at, 4) + 0.00001 if timed else int(at),
        "organization": ORGANIZATION,
        "project": {"id": project_id, "slug": f"project-{project_id}", "name": f"Project {project_id}"},
        "group": {"id": "1001", "title": "KeyError: 'currency'"},
        "data": {"title": "KeyError: 'currency'", "culprit": "shop.checkout.total", "frames": _FRAMES},
    }


def events(projects: Sequence[str], records: int) -> Iterator[tuple[str, bytes]]:
    """Return this many records of `events`, key and value, spread over the projects."""
    for number in range(records):
        project = projects[number % len(projects)]
        yield project, orjson.dumps(event(project, time.time()))


def as_messages(pairs: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Return the records of `messages` that have the content of these records of `events`."""
    for project, value in pairs:
        fields = orjson.loads(value)
        message = {
            "type": MESSAGE_TYPE,
            "organization_id": ORGANIZATION["id"],
            "project_id": project,
            "id": fields["event_id"],
            "timestamp": fields["datetime"],
            "data": fields,
        }
        yield project, orjson.dumps(message)
