"""`notices`: each fires the app hooks of its organization that subscribed to `hook.<what happened>`."""

from __future__ import annotations

from typing import Any

from streamhooks.delivery.payloads import resource_change_data
from streamhooks.hooks.matching import Ask
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.masking import without_queries
from streamhooks.records.bounds import MAX_EVENTS, MAX_PROJECTS
from streamhooks.records.formats import decode
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import EVERYTHING, NOTICES
from streamhooks.records.notice import Notice
from streamhooks.sources.events import PartitionOf
from streamhooks.sources.intake import CallsOf
from streamhooks.sources.origin import Origin, call_from
from streamhooks.tasks.call import Call
from streamhooks.times import iso
from streamhooks.webhooks.tasks import send_resource_change_webhook


def calls_of_notices(hooks: HooksTable, partition_of: PartitionOf) -> CallsOf:
    """What a record of `notices` asks for; nothing, if it is about a hook that gets notices itself.

    Else two hooks whose endpoints fail could have notices about each other sent without an end.
    """

    def calls_of(record: Record, origin: Origin) -> list[Call]:
        notice = decode(Notice, record.value)
        about = hooks.get(notice.hook_id)
        if about is None or _gets_notices(about):
            return []
        event, task = f"{NOTICES}.{notice.what}", send_resource_change_webhook.name
        data = resource_change_data(NOTICES, _shown(about, notice))
        return [
            call_from(origin, task, partition_of(hook.id), [hook.id, event, data, None], event, hook.id)
            for hook in hooks.matching(Ask("app", about.organization_id, about.project_ids, event))
        ]

    return calls_of


def _gets_notices(hook: Hook) -> bool:
    return any(event == EVERYTHING or event.startswith(f"{NOTICES}.") for event in hook.events)


def _shown(about: Hook, notice: Notice) -> dict[str, Any]:
    # A hook over its bounds is cut as it is in the API: the notice must fit into a request.
    return {
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
