"""Hooks of those who mean harm: as large as a request or a record can be, and with what is secret of another's hook."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import orjson
from cryptography.fernet import Fernet
from installation import JSON, Hook, Installation, change, event, hook_record
from support import eventually

Install = Callable[..., Installation]

KEY = Fernet.generate_key().decode()


def test_a_hook_over_its_bounds_harms_nobody_and_loses_nothing(install: Install, organization: str) -> None:
    one = install(retry_delay=0.3)
    one.add_worker()
    good = one.create_hook(organization, "issue.created", app_id="a")
    names, projects = [f"a.{number}" for number in range(9000)], [str(number) for number in range(250)]
    body = {"organization_id": organization, "app_id": "a", "url": "https://example.com/", "project_ids": projects}
    refused = one.api.post("/api/hooks", {**body, "events": names[:6000]})
    assert (refused.status, refused.json) == (400, {"events": "must be at most 100"})

    path = one.path()
    subscribed = {"app_id": "a", "events": ["issue", *names], "project_ids": projects}
    hook_id = one.write_hook(organization, url=one.receiver.url(path), **subscribed)
    large = Hook(hook_id, "a secret of sixteen", path, one.receiver)
    one.produce("resource-changes", "Group:1001", change(organization))
    good.received(1)
    eventually(lambda: len(one.pending(large)) == 1)
    eventually(lambda: b'"sealed"' in b"".join(r.value() or b"" for r in one.records("notices")))
    assert one.worker.stop() == 0
    one.add_worker()
    assert one.api.get("/health/live").status == 200
    (shown,) = [hook for hook in one.api.get("/api/hooks").json["hooks"] if hook["id"] == hook_id]
    assert (shown["status"], "events must be at most 100" in shown["status_reason"]) == ("active", True)
    one.produce("resource-changes", "Group:1001", change(organization))
    good.received(2)
    eventually(lambda: len(one.pending(large)) == 2)
    assert large.requests() == []
    assert one.api.post(f"/api/hooks/{hook_id}/test").json["outcome"] == "failed"

    # What waited is sent as soon as the hook keeps to its bounds.
    assert one.api.put(f"/api/hooks/{hook_id}", {"timeout": 3}).json == {"events": "must be at most 100"}
    within = one.api.put(f"/api/hooks/{hook_id}", {"events": ["issue"]})
    assert (within.status, within.json["status_reason"]) == (200, None)
    large.received(2)

    # A record as large as Kafka takes it is known, and can be deleted.
    other = one.write_hook(organization, **subscribed | {"events": [f"b.{number}" for number in range(70_000)]})
    assert one.api.delete(f"/api/hooks/{other}").status == 204
    assert one.api.get(f"/api/hooks/{other}").status == 404


def last_of(one: Installation, hook_id: str) -> JSON:
    values = [record.value() for record in one.records("hooks") if record.key() == hook_id.encode()]
    return orjson.loads(values[-1])


def old_form(text: str) -> str:
    """Encrypt as version 0.1.0 did."""
    return f"fernet:{Fernet(KEY.encode()).encrypt(text.encode()).decode()}"


def reencrypt(one: Installation) -> subprocess.CompletedProcess[str]:
    settings = {"BROKERS": one.brokers, "TOPIC_PREFIX": one.prefix, "SECRET_KEYS": KEY}
    environment = {**os.environ, **{f"STREAMHOOKS_{name}": value for name, value in settings.items()}}
    command = [sys.executable, "-c", "from streamhooks.cli import main; main()", "hooks", "reencrypt"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_what_is_secret_of_a_hook_leaves_by_no_other_way(install: Install, organization: str) -> None:
    one = install(secret_keys=KEY, retry_delay=0.3, partitions=2)
    one.add_worker()
    secrets = {"secret": "planted-secret-of-sixteen", "headers": {"Authorization": "Bearer planted"}}
    victim = one.create_hook(organization, **secrets)

    moved = one.api.put(f"/api/hooks/{victim.id}", {"url": "https://attacker.example/"})
    assert (moved.status, moved.json.keys()) == (400, {"headers"})

    def is_sealed(hook: Hook) -> bool:
        reason = one.api.get(f"/api/hooks/{hook.id}").json["status_reason"]
        return "STREAMHOOKS_SECRET_KEYS" in (reason or "")

    # Pasted, by somebody who may write to `hooks`, into a hook that goes elsewhere.
    attacker = one.create_hook(f"{organization}-attacker")
    text = last_of(one, victim.id)["headers"]["Authorization"]
    one.produce("hooks", attacker.id, last_of(one, attacker.id) | {"headers": {"X-Leak": text}, "revision": None})
    eventually(lambda: is_sealed(attacker))
    one.produce("events", "11", event(f"{organization}-attacker"))
    eventually(lambda: len(one.pending(attacker)) == 1)
    assert one.api.delete(f"/api/hooks/{attacker.id}").status == 204

    # What version 0.1.0 wrote opens, until all is encrypted anew.
    path = one.path()
    of_old = {"secret": old_form("another-secret-of-sixteen"), "headers": {"X-Key": old_form("planted")}}
    hook_id = one.write_hook(organization, url=one.receiver.url(path), **of_old)
    old = Hook(hook_id, "another-secret-of-sixteen", path, one.receiver)
    one.produce("events", "11", event(organization))
    assert old.received(1)[0]["headers"]["x-key"] == "planted"
    result = reencrypt(one)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "rewritten 1, already encrypted with the first key 1\n"
    anew = last_of(one, old.id)
    assert all(text.startswith("fernet:bound:") for text in (anew["secret"], anew["headers"]["X-Key"]))
    one.produce("events", "11", event(organization))
    assert old.received(2)[1]["headers"]["x-key"] == "planted"
    thief = one.write_hook(organization, url=one.receiver.url(one.path()), headers=of_old["headers"])
    eventually(lambda: is_sealed(Hook(thief, "", "", one.receiver)))
    assert reencrypt(one).returncode == 1
    assert one.worker.stop() == 0
    one.add_worker()
    assert is_sealed(Hook(thief, "", "", one.receiver))
    assert not is_sealed(old)
    assert attacker.requests() == []
    assert last_of(one, thief) == hook_record(thief, organization) | {
        "url": last_of(one, thief)["url"],
        "headers": of_old["headers"],
    }
