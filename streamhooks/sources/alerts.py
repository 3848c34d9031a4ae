"""`alerts`: each record fires the service hooks with `event.alert`, and the hooks of the app that it names."""

from __future__ import annotations

from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.metrics import DOUBLES
from streamhooks.records.event import Alert
from streamhooks.records.formats import decode
from streamhooks.sources.duplicates import Doubles
from streamhooks.sources.events import PartitionOf, service_hook_calls
from streamhooks.sources.intake import CallsOf
from streamhooks.sources.origin import Origin, call_from
from streamhooks.tasks.call import Call
from streamhooks.webhooks.tasks import send_alert_event


def calls_of_alerts(hooks: HooksTable, partition_of: PartitionOf, partitions: int, doubles: Doubles) -> CallsOf:
    """What an `alerts` record asks for; `partitions` is the number of those of `delayed`."""

    def calls_of(record: Record, origin: Origin) -> list[Call]:
        alert = decode(Alert, record.value)
        if doubles.is_double(origin.id, record.topic, alert.event.event_id, alert.rule, alert.app_id or ""):
            DOUBLES.labels(record.topic).inc()
            return []
        calls = service_hook_calls(hooks, partition_of, alert.event, "event.alert", origin)
        if alert.app_id is not None:
            extra = [alert.additional_payload_key, alert.additional_payload]
            args = [alert.event, alert.rule, alert.app_id, *extra]
            partition = origin.partition % partitions
            calls.append(call_from(origin, send_alert_event.name, partition, args, "event_alert.triggered"))
        return calls

    return calls_of
