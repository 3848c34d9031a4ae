"""An event, and hooks of its organization, for tests of what fires what."""

from __future__ import annotations

from typing import Any

from streamhooks.records.hook import Hook

EVENT: dict[str, Any] = {
    "event_id": "e" * 32,
    "type": "error",
    "datetime": "2026-11-22T10:00:00Z",
    "organization": {"id": "1", "slug": "acme"},
    "project": {"id": "7", "slug": "shop", "name": "Shop"},
}

HOOK = Hook(id="a" * 32, organization_id="1", url="https://example.com/", events=(), secret="x" * 16)


def hook(number: int, *events: str, **fields: Any) -> Hook:
    """A hook with this number as its id; `fields` may be any of those that a record has."""
    given = {
        "id": f"{number:032x}",
        "organization_id": "1",
        "url": "https://user.example/",
        "events": list(events),
        "secret": "x" * 16,
    }
    return Hook.from_fields(given | fields)
