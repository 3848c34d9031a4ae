"""`resource-changes`: each record fires the app hooks that subscribed to its change."""

from __future__ import annotations

from streamhooks.delivery.payloads import change_event
from streamhooks.kafka.reader import Record
from streamhooks.records.event import ResourceChange
from streamhooks.records.formats import decode
from streamhooks.sources.intake import CallsOf
from streamhooks.sources.origin import Origin, call_from
from streamhooks.tasks.call import Call
from streamhooks.webhooks.tasks import process_resource_change


def calls_of_resource_changes(partitions: int) -> CallsOf:
    """What a `resource-changes` record asks for; `partitions` is the number of those of `delayed`."""

    def calls_of(record: Record, origin: Origin) -> list[Call]:
        change = decode(ResourceChange, record.value)
        args = [
            change.action,
            change.sender,
            change.instance_id,
            change.organization_id,
            change.project_id,
            change.instance,
            change.actor,
        ]
        if change.data is not None:
            args += [None, change.data]
        event = change_event(change.sender, change.action)
        return [call_from(origin, process_resource_change.name, origin.partition % partitions, args, event)]

    return calls_of
