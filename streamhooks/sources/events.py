"""`events`: each record fires the service hooks of its project with `event.created`."""

from __future__ import annotations

from collections.abc import Callable

from streamhooks.hooks.matching import Ask
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.metrics import DOUBLES
from streamhooks.records.event import Event
from streamhooks.records.formats import decode
from streamhooks.sources.duplicates import Doubles
from streamhooks.sources.intake import CallsOf
from streamhooks.sources.origin import Origin, call_from
from streamhooks.tasks.call import Call
from streamhooks.webhooks.tasks import process_service_hook

PartitionOf = Callable[[str], int]


def calls_of_events(hooks: HooksTable, partition_of: PartitionOf, doubles: Doubles) -> CallsOf:
    """What an `events` record asks for."""

    def calls_of(record: Record, origin: Origin) -> list[Call]:
        event = decode(Event, record.value)
        if doubles.is_double(origin.id, record.topic, event.event_id):
            DOUBLES.labels(record.topic).inc()
            return []
        return service_hook_calls(hooks, partition_of, event, "event.created", origin)

    return calls_of


def service_hook_calls(
    hooks: HooksTable, partition_of: PartitionOf, event: Event, name: str, origin: Origin
) -> list[Call]:
    """One call for each service hook of the event's project that subscribed."""
    ask = Ask("service", event.organization_id, (event.project_id,), name)
    return [
        call_from(origin, process_service_hook.name, partition_of(hook.id), [hook.id, event], name, hook.id)
        for hook in hooks.matching(ask)
    ]
