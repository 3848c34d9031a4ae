"""What we may not do for a while: the worker says so, holds back, and goes on when it may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from installation import Installation, event
from support import Receiver, api, create_topic, eventually

from streamhooks.dev.kafka import EmbeddedKafka

SETTINGS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}
EVERYBODY = ("User:ANONYMOUS", "*")
ALL = (*EVERYBODY, AclOperation.ALL, AclPermissionType.ALLOW)


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    with EmbeddedKafka.start(settings=SETTINGS) as kafka:
        yield kafka.brokers


@pytest.fixture
def one(brokers: str, tmp_path: Path, receiver: Receiver) -> Iterator[Installation]:
    one = Installation(brokers, tmp_path, receiver)
    yield one
    one.end(show_logs=False)


@contextmanager
def denied(brokers: str, kind: ResourceType, names: list[str], operation: AclOperation) -> Iterator[None]:
    """While nobody may do this with these topics or groups."""
    admin = AdminClient({"bootstrap.servers": brokers})
    who = (*EVERYBODY, operation, AclPermissionType.DENY)
    places = [(kind, name, ResourcePatternType.LITERAL) for name in names]
    made = [AclBinding(*place, *what) for place in places for what in (ALL, who)]
    for future in admin.create_acls(made).values():
        future.result()
    yield
    for future in admin.delete_acls([AclBindingFilter(*place, *who) for place in places]).values():
        future.result()


def reasons(one: Installation) -> list[str]:
    health = one.api.get("/health/ready")
    return health.json["reasons"] if health.status == 503 else []


def test_no_permission_for_dead_letters(one: Installation, organization: str) -> None:
    worker = one.add_worker()
    hook = one.create_hook(organization)
    one.receiver.behave(hook.path, status=404)
    with denied(one.brokers, ResourceType.TOPIC, [f"{one.prefix}dead-letters"], AclOperation.WRITE):
        one.produce("events", "11", event(organization))
        assert any("dead-letters" in reason for reason in eventually(lambda: reasons(one)))
    assert one.dead_letter_of(hook)["reason"] == "status 404"
    eventually(lambda: one.api.get("/health/ready").status == 200)
    assert len(hook.requests()) == 1
    assert worker.stop() == 0


def test_no_permission_for_the_groups(one: Installation, organization: str) -> None:
    worker = one.add_worker()
    hook = one.create_hook(organization)
    one.produce("events", "1", event(organization))
    eventually(lambda: one.totals(hook) == (1, 1, 0))
    groups = [f"{one.prefix}worker", f"{one.prefix}counting"]
    with denied(one.brokers, ResourceType.GROUP, groups, AclOperation.READ):
        for app in ("delivering", "counting"):
            eventually(lambda name=app: f"{name}: no heartbeat" in reasons(one), timeout=60)
        # Somebody else may have been given the partitions, and may count by now.
        for view in ("stats?from=0", "pending"):
            assert api(worker).get(f"/api/hooks/{hook.id}/{view}").status == 503
        one.produce("events", "1", event(organization))
    eventually(lambda: one.totals(hook) == (2, 2, 0), timeout=90)
    eventually(lambda: reasons(one) == [])
    assert worker.stop() == 0


def test_no_permission_to_read_the_hooks(one: Installation, organization: str) -> None:
    worker = one.add_worker()
    hook = one.create_hook(organization)
    with denied(one.brokers, ResourceType.TOPIC, [f"{one.prefix}hooks"], AclOperation.READ):
        failed = eventually(lambda: next(iter(reasons(one)), None))
        assert failed.startswith("the reader of hooks has failed, it will be restarted: ")
        assert "TOPIC_AUTHORIZATION_FAILED" in failed
    eventually(lambda: reasons(one) == [], timeout=60)
    one.produce("events", "1", event(organization))
    hook.received(1)
    late = one.create_hook(organization)
    one.produce("events", "1", event(organization))
    late.received(1)
    assert worker.stop() == 0


def test_no_permission_to_read_a_topic_of_ones_own(one: Installation, organization: str, tmp_path: Path) -> None:
    topic, sources = f"{one.prefix}orders", tmp_path / "sources.yaml"
    sources.write_text(json.dumps([{"topic": topic, "type": "'order.paid'", "organization_id": "value.customer"}]))
    create_topic(one.brokers, topic)
    order = {"customer": organization}
    with denied(one.brokers, ResourceType.TOPIC, [topic], AclOperation.READ):
        worker = one.add_worker(start=False, sources=sources, metadata_interval=1).launch()
        told = f"the topic {topic} of STREAMHOOKS_SOURCES may not be read by this user"
        # It delivers everything else.
        eventually(lambda: [told] == [reason.partition(":")[0] for reason in reasons(one)], timeout=60)
        hook, paid = one.create_hook(organization), one.create_hook(organization, "order.paid", format="data")
        one.produce("events", "1", event(organization))
        one.produce("orders", "1", order)
        hook.received()
    paid.received()
    worker.wait_ready()
    # One that may not even be described is one that does not exist.
    with denied(one.brokers, ResourceType.TOPIC, [topic], AclOperation.DESCRIBE):
        told = f"the topic {topic} of STREAMHOOKS_SOURCES does not exist, or this user may not see it"
        eventually(lambda: told in "".join(reasons(one)), timeout=60)
    worker.wait_ready()
    one.produce("orders", "1", order)
    paid.received(2)
    assert worker.stop() == 0
