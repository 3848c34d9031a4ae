"""What an operator sees in the metrics when something is behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import Installation, event
from support import api, eventually

from streamhooks.dev.kafka import EmbeddedKafka

SETTINGS = {"request_timeout": 60, "retry_delay": 300}
DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedKafka]:
    """Start one of its own, since it is paused."""
    with EmbeddedKafka.start() as own:
        yield own


def shown(installation: Installation, name: str, topic: str | None = None) -> float | None:
    label = f'{{topic="{installation.prefix}{topic}"}}' if topic else ""
    wanted = f"streamhooks_{name}{label} "
    lines = api(installation.worker).get("/metrics").body.decode().splitlines()
    return next((float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted)), None)


def test_the_lag_of_a_topic_grows_while_a_record_is_not_settled(installation: Installation, organization: str) -> None:
    assert shown(installation, "ready") == 1
    eventually(lambda: shown(installation, "lag_seconds", "events") == 0)
    assert shown(installation, "lag_seconds", "alerts") == 0
    hook = installation.create_hook(organization, behaviour="delay=4")
    installation.produce("events", "11", event(organization))
    hook.received()
    first = eventually(lambda: shown(installation, "lag_seconds", "events"))
    assert shown(installation, "lag_records", "events") == 1
    eventually(lambda: shown(installation, "lag_seconds", "events") > first)
    eventually(lambda: shown(installation, "lag_seconds", "events") == 0)
    assert shown(installation, "lag_records", "events") == 0


def test_what_waits_for_its_retry_has_an_age_until_it_is_dropped(installation: Installation, organization: str) -> None:
    assert shown(installation, "oldest_undelivered_seconds") == 0
    hook = installation.create_hook(organization, behaviour="status=500")
    installation.produce("events", "11", event(organization))
    age = eventually(lambda: shown(installation, "oldest_undelivered_seconds"))
    eventually(lambda: shown(installation, "oldest_undelivered_seconds") > age)
    # The record itself is settled: what waits in `delayed` is no lag.
    eventually(lambda: shown(installation, "lag_seconds", "events") == 0)
    (call,) = installation.pending(hook)
    assert installation.api.delete(f"/api/hooks/{hook.id}/pending/{call['call_id']}").status == 204
    eventually(lambda: shown(installation, "oldest_undelivered_seconds") == 0)


def test_the_lag_grows_while_kafka_does_not_answer(installation: Installation, kafka: EmbeddedKafka) -> None:
    eventually(lambda: shown(installation, "lag_seconds", "events") == 0)
    kafka.pause()
    try:
        grown = eventually(lambda: shown(installation, "lag_seconds", "events"))
        eventually(lambda: shown(installation, "lag_seconds", "events") > grown)
    finally:
        kafka.resume()
    eventually(lambda: shown(installation, "lag_seconds", "events") == 0)
    eventually(lambda: shown(installation, "ready") == 1)


def test_each_line_is_of_a_metric_that_the_docs_name(installation: Installation) -> None:
    named = set(re.findall(r"^\| `(\w+)`", DOCS.read_text(), re.MULTILINE))
    text = api(installation.worker).get("/metrics").body.decode()
    emitted = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    created = {name for name in emitted if name.endswith("_created")}
    assert emitted - created <= named
