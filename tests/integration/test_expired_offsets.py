"""Committed offsets that Kafka has forgotten (`offsets.retention.minutes`), told from an installation that is new."""

from __future__ import annotations

import json

from confluent_kafka.admin import AdminClient
from installation import Installation, event
from support import eventually


def forget_offsets(one: Installation) -> None:
    """Delete the groups, as Kafka does when nobody was in them for long enough."""
    groups = [f"{one.prefix}worker", f"{one.prefix}counting"]
    admin = AdminClient({"bootstrap.servers": one.brokers})
    for done in admin.delete_consumer_groups(groups).values():
        done.result(30)


def notices(one: Installation) -> list[str]:
    found = [json.loads(record.value()) for record in one.records("notices")]
    return [notice["why"] for notice in found if notice["hook_id"] == f"{one.prefix}events:0"]


def skipped(one: Installation) -> list[str]:
    metrics = one.api.get("/metrics").body.decode().splitlines()
    found = [
        line for line in metrics if line.startswith("streamhooks_expired_offset_skips_total{") and "events" in line
    ]
    return [line for line in found if not line.endswith(" 0.0")]


def test_offsets_that_expired(install, organization: str) -> None:
    one: Installation = install(partitions=1)
    worker = one.add_worker()
    hook = one.create_hook(organization)
    for _ in range(3):
        one.produce("events", "1", event(organization))
    first = {request["id"] for request in hook.received(3)}
    eventually(lambda: one.totals(hook) == (3, 3, 0))
    assert worker.stop() == 0
    # A new installation is silent, and so is a restart.
    assert worker.start().stop() == 0
    assert notices(one) == []

    forget_offsets(one)
    one.produce("events", "1", event(organization))
    again = one.add_worker()
    ids = [request["id"] for request in hook.received(7)]
    assert set(ids[3:]) > first
    assert len(set(ids)) == 4
    (why,) = eventually(lambda: notices(one))
    assert "0 to 3, is sent again" in why
    assert why in again.log.read_text()
    # What was counted is not counted again, though its offsets had expired, too.
    eventually(lambda: one.totals(hook) == (4, 4, 0))
    assert skipped(one) == []
    assert again.stop() == 0

    forget_offsets(one)
    one.produce("events", "1", event(organization))
    one.settings["start"] = "latest"
    late = one.add_worker()
    why = eventually(lambda: notices(one)[1:])[0]
    assert "0 to 4 are skipped" in why
    assert why in late.log.read_text()
    assert skipped(one) == [f'streamhooks_expired_offset_skips_total{{topic="{one.prefix}events"}} 5.0']
    one.produce("events", "1", event(organization))
    hook.received(8)
    assert len({request["id"] for request in hook.requests()}) == 5
    assert late.stop() == 0

    forget_offsets(one)
    one.settings["start"] = "fail"
    refused = one.add_worker(start=False).launch()
    assert refused.wait(60) != 0
    assert "STREAMHOOKS_START is fail" in refused.log.read_text()
