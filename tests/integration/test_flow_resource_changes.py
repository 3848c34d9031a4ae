"""Changes of resources to the app hooks that subscribed to them."""

from __future__ import annotations

import json

import pytest
from installation import Hook, Installation, change
from standardwebhooks import Webhook
from support import eventually

SETTINGS = {"retry_delay": 0.5, "max_retries": 20}
OWN_ACTOR = {"type": "application", "id": "streamhooks", "name": "streamhooks"}


def app_hook(installation: Installation, organization: str, *events: str, **fields: object) -> Hook:
    return installation.create_hook(organization, *(events or ("issue",)), app_id="pager", **fields)


def fire(installation: Installation, value: dict) -> None:
    installation.produce("resource-changes", f"{value['sender']}:{value['instance_id']}", value)


@pytest.mark.parametrize(
    ("sender", "action", "name"),
    [
        ("Group", "resolved", "issue"),
        ("Error", "created", "error"),
        ("Comment", "updated", "comment"),
        ("Deploy", "finished", "deploy"),
    ],
)
def test_each_sender(installation: Installation, organization: str, sender: str, action: str, name: str) -> None:
    hook = app_hook(installation, organization, f"{name}.{action}")
    given = change(organization, sender, action)
    fire(installation, given)
    (request,) = hook.received()
    expected = {
        "action": action,
        "installation": {"uuid": hook.id},
        "data": {name: given["instance"]},
        "actor": OWN_ACTOR,
    }
    assert request["body"] == json.dumps(expected, separators=(",", ":"))
    assert request["headers"]["sentry-hook-resource"] == name
    Webhook(hook.secret).verify(request["body"], request["headers"])


def test_the_actor_of_the_record(installation: Installation, organization: str) -> None:
    hook = app_hook(installation, organization)
    actor = {"type": "user", "id": "21", "name": "Ada"}
    fire(installation, change(organization, actor=actor))
    (request,) = hook.received()
    assert json.loads(request["body"])["actor"] == actor


def test_who_is_fired(installation: Installation, organization: str) -> None:
    fired = [
        app_hook(installation, organization),
        app_hook(installation, organization, "issue.created", project_ids=["11", "12"]),
        app_hook(installation, organization, "issue.created", "comment"),
    ]
    quiet = [
        app_hook(installation, organization, "issue.resolved"),
        app_hook(installation, organization, "comment"),
        app_hook(installation, organization, project_ids=["12"]),
        app_hook(installation, organization, status="disabled"),
        app_hook(installation, f"{organization}-other"),
        installation.create_hook(organization, "event.created", "event.alert"),
    ]
    fire(installation, change(organization))
    fire(installation, change(organization))
    assert [len({request["id"] for request in hook.received(2)}) for hook in fired] == [2, 2, 2]
    assert [hook.requests() for hook in quiet] == [[]] * 6


def test_without_a_project_only_hooks_without_projects(installation: Installation, organization: str) -> None:
    everywhere = app_hook(installation, organization)
    bound = app_hook(installation, organization, project_ids=["11"])
    fire(installation, change(organization, project_id=None))
    fire(installation, change(organization, project_id=None))
    everywhere.received(2)
    assert bound.requests() == []


@pytest.mark.parametrize("absent", [{"instance": None}, {}], ids=["null", "absent"])
def test_a_change_that_ran_ahead_of_its_resource(installation: Installation, organization: str, absent: dict) -> None:
    hooks = [app_hook(installation, organization), app_hook(installation, organization)]
    given = change(organization, instance_id=organization)
    del given["instance"]
    fire(installation, {**given, **absent})
    log = installation.worker.log
    eventually(lambda: f"the resource Group:{organization} is not there yet" in log.read_text())
    assert [hook.requests() for hook in hooks] == [[], []]
    resource = {"id": organization, "title": "It came later"}
    installation.produce("resources", f"Group:{organization}", resource)
    for hook in hooks:
        (request,) = hook.received()
        assert json.loads(request["body"])["data"] == {"issue": resource}
        assert installation.pending(hook) == []


def test_a_resource_that_was_there_before(installation: Installation, organization: str) -> None:
    hook = app_hook(installation, organization)
    for title in ("old", "new"):
        installation.produce("resources", f"Group:{organization}", {"title": title})

    def finds_the_new_one() -> bool:
        # The topic is read beside the changes, so one that comes at once may still find the previous resource.
        fire(installation, change(organization, instance_id=organization, instance=None))
        return json.loads(hook.received()[-1]["body"])["data"] == {"issue": {"title": "new"}}

    eventually(finds_the_new_one)


def test_an_error_without_its_instance_is_logged(installation: Installation, organization: str) -> None:
    hook = app_hook(installation, organization, "error")
    fire(installation, change(organization, "Error", instance_id=organization, instance=None))
    fire(installation, change(organization, "Error", instance_id=organization, instance={"id": "2"}))
    requests = hook.received()
    assert [json.loads(request["body"])["data"] for request in requests] == [{"error": {"id": "2"}}]
    (line,) = [
        line
        for line in installation.worker.log.read_text().splitlines()
        if "process_resource_change.event_missing_event" in line and organization in line
    ]
    assert all(part in line for part in ("sender=Error", "action=created", f"event_id={organization}"))
    assert installation.dead_letters(lambda letter: organization in json.dumps(letter)) == []


def test_one_hook_fails_alone(installation: Installation, organization: str) -> None:
    good = app_hook(installation, organization)
    bad = app_hook(installation, organization, behaviour="status=500&fail=2")
    fire(installation, change(organization))
    assert len({request["id"] for request in bad.received(3)}) == 1
    assert len(good.requests()) == 1


def test_patterns_and_actions_in_upper_case(installation: Installation, organization: str) -> None:
    hooks = {
        name: installation.create_hook(organization, *name.split(), app_id="pager")
        for name in ("*", "issue.*", "issue", "issue.updated", "* issue.* issue.updated issue.created", "invoice.*")
    }
    for action in ("Created", "UPDATED"):
        installation.produce("resource-changes", "Group:1001", change(organization, action=action))
    installation.produce("resource-changes", "Invoice:5", change(organization, "Invoice", "paid", instance_id="5"))
    expected = {
        "*": ["issue.created", "issue.updated", "invoice.paid"],
        "issue.*": ["issue.created", "issue.updated"],
        "issue": ["issue.created"],
        "issue.updated": ["issue.updated"],
        "* issue.* issue.updated issue.created": ["issue.created", "issue.updated", "invoice.paid"],
        "invoice.*": ["invoice.paid"],
    }
    for name, hook in hooks.items():
        got = [
            f"{request['headers']['sentry-hook-resource']}.{json.loads(request['body'])['action']}"
            for request in hook.received(len(expected[name]))
        ]
        assert sorted(got) == sorted(expected[name])
        assert installation.totals(hook)[0] <= len(expected[name])
