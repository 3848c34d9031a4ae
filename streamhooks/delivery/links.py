"""The links to a group and to an event that are sent with them, made from the templates of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from streamhooks.settings import EVENT_URL, GROUP_URL


# Compared by identity: each body looks its links up in a cache.
@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """The templates, with fields in braces. `base_url` may end with a slash."""

    base_url: str
    group_url: str = GROUP_URL
    event_url: str = EVENT_URL

    def of(self, organization: str, project: str, group: str, event: str) -> tuple[str, str]:
        """Return the links to the group and to the event."""
        group_url = _group_url(self, organization, project, group)
        if self.event_url == EVENT_URL:
            return group_url, f"{group_url}events/{event}/"
        fields = self.fields(organization, project, group)
        return group_url, self.event_url.format(**fields, event=event, group_url=group_url)

    def fields(self, organization: str, project: str, group: str) -> dict[str, str]:
        """Return the fields of both templates, encoded for a URL."""
        return {
            "base_url": self.base_url.rstrip("/"),
            "organization": _quoted(organization),
            "project": _quoted(project),
            "group": _quoted(group),
        }


@lru_cache(maxsize=16_384)
def _group_url(links: Links, organization: str, project: str, group: str) -> str:
    return links.group_url.format(**links.fields(organization, project, group))


def is_link(value: Any) -> bool:
    """Tell whether this is an http or https URL."""
    return isinstance(value, str) and value[:8].lower().startswith(("http://", "https://"))


def _quoted(text: str) -> str:
    if text.isascii() and text.isalnum():  # as most are; `quote` takes ten times as long to find that
        return text
    return quote(text, safe="", errors="replace")
