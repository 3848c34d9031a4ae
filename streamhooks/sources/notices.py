"""Notices as source records: each with the hook that it concerns."""

from __future__ import annotations

from typing import Any, NamedTuple

from streamhooks.delivery.payloads import resource_change_data
from streamhooks.masking import without_queries
from streamhooks.records.bounds import MAX_EVENTS, MAX_PROJECTS
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import NOTICES
from streamhooks.records.notice import Notice
from streamhooks.times import iso


class HookNotice(NamedTuple):
    """A record of `notices` and the hook concerned; None if it is not about a hook, or the hook is deleted."""

    notice: Notice
    about: Hook | None


def notice_data(notice: Notice, about: Hook) -> dict[str, Any]:
    """Return the `data` of a notice: the hook concerned, why, and since when."""
    # A hook over its bounds is cut as in the API, since the notice must fit into a request.
    shown = {
        "id": about.id,
        "organization_id": about.organization_id,
        "project_ids": list(about.project_ids[: MAX_PROJECTS + 1]),
        "app_id": about.app_id,
        "name": about.name,
        "url": without_queries(about.url),
        "events": list(about.events[: MAX_EVENTS + 1]),
        "why": notice.why,
        "since": iso(notice.since),
        "at": iso(notice.at / 1000),
    }
    return resource_change_data(NOTICES, shown)
