"""The input of all senders: hooks, and events whose deliveries have a body of about 1 KB."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

ORGANIZATION = {"id": "bench", "slug": "bench"}
SECRET = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
BASE_URL = "http://127.0.0.1:6066"
_FRAMES = [
    {"file": "shop/checkout.py", "line": 100 + n, "function": f"step_{n}", "context": "total += item.price * rate"}
    for n in range(4)
]


@dataclass(frozen=True)
class Hook:
    """A service hook of one project."""

    id: str
    project_id: str
    url: str

    def record(self) -> dict[str, Any]:
        """Return the hook's record value for the topic `hooks`."""
        return {
            "id": self.id,
            "organization_id": ORGANIZATION["id"],
            "project_ids": [self.project_id],
            "app_id": None,
            "url": self.url,
            "events": ["event.created"],
            "secret": SECRET,
            "version": 0,
            "status": "active",
        }


def hooks(receiver: str, layout: Mapping[str, int]) -> list[Hook]:
    """Return hooks by a layout that maps each project id to its number of hooks."""
    return [
        Hook(secrets.token_hex(16), project, f"{receiver}/hook/{project}/{number}")
        for project, count in layout.items()
        for number in range(count)
    ]


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


def events(projects: list[str], count: int) -> Iterator[tuple[str, bytes]]:
    """Return this many records of `events`, key and value, spread over the projects."""
    for number in range(count):
        project = projects[number % len(projects)]
        yield project, orjson.dumps(event(project, time.time()))
