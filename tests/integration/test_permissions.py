"""A topic that we may not write to: the worker says so, holds back, and goes on when it may."""

from __future__ import annotations

from pathlib import Path

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
from support import Receiver, api, eventually

from streamhooks.dev.kafka import EmbeddedKafka

SETTINGS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}
WHO = ("User:ANONYMOUS", "*", AclOperation.WRITE, AclPermissionType.DENY)
ALL = ("User:ANONYMOUS", "*", AclOperation.ALL, AclPermissionType.ALLOW)


def test_no_permission_for_dead_letters(tmp_path: Path, receiver: Receiver, organization: str) -> None:
    with EmbeddedKafka.start(settings=SETTINGS) as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.brokers})
        one = Installation(kafka.brokers, tmp_path, receiver)
        try:
            worker = one.add_worker()
            hook = one.create_hook(organization)
            receiver.behave(hook.path, status=404)
            topic = (ResourceType.TOPIC, f"{one.prefix}dead-letters", ResourcePatternType.LITERAL)
            for future in admin.create_acls([AclBinding(*topic, *ALL), AclBinding(*topic, *WHO)]).values():
                future.result()
            one.produce("events", "11", event(organization))
            reasons = eventually(
                lambda: (health := api(worker).get("/health/ready")).status == 503 and health.json["reasons"]
            )
            assert any("dead-letters" in reason for reason in reasons)
            for future in admin.delete_acls([AclBindingFilter(*topic, *WHO)]).values():
                future.result()
            assert one.dead_letter_of(hook)["reason"] == "status 404"
            eventually(lambda: api(worker).get("/health/ready").status == 200)
            assert len(hook.requests()) == 1
            assert worker.stop() == 0
        finally:
            one.end(show_logs=False)
