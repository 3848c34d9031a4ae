"""The latest requests of a hook, and what waits for it: look, run now, drop."""

from __future__ import annotations

import time

import pytest
from installation import JSON, Hook, Installation, coordinates, event
from support import eventually

# Whatever waits, waits for ever as far as a test is concerned.
SETTINGS = {"retry_delay": 300}


def fail_once(installation: Installation, organization: str, behaviour: str = "status=500&fail=1") -> tuple[Hook, JSON]:
    """Return a hook whose delivery failed, and its call as the pending view shows it."""
    hook = installation.create_hook(organization, behaviour=behaviour)
    installation.produce("events", "11", event(organization))
    (call,) = eventually(lambda: installation.pending(hook))
    return hook, call


def test_the_newest_is_first(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    sources = []
    for number in range(1, 4):
        sources.append(coordinates(installation.produce("events", "11", event(organization))))
        hook.received(number)
    latest = eventually(lambda: len(found := installation.latest(hook)) == 3 and found)
    assert [one["source"] for one in latest] == sources[::-1]
    assert [one["id"] for one in latest] == [request["id"] for request in hook.requests()][::-1]
    for one in latest:
        assert (one["attempt"], one["outcome"], one["status"], one["error"]) == (1, "delivered", 200, None)
        assert one["event"] == "event.created"
        assert one["url"] == installation.receiver.url(hook.path)
        assert one["duration_ms"] >= 0
        assert abs(one["at"] / 1000 - time.time()) < 120
        # Bodies are of interest where something failed.
        assert "request" not in one
        assert "response" not in one


def test_bodies_of_failures_are_cut(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, behaviour="status=400&big=5000")
    installation.produce("events", "11", event(organization, data={"text": "ä" * 3000}))
    (one,) = eventually(lambda: installation.latest(hook))
    (sent,) = hook.requests()
    assert (one["status"], one["outcome"]) == (400, "dead")
    assert one["request"] == sent["body"][:1024]
    assert one["response"] == "x" * 1024


def test_an_error_instead_of_a_status(installation: Installation, organization: str) -> None:
    hook, _ = fail_once(installation, organization, "reset")
    (one,) = eventually(lambda: installation.latest(hook))
    assert one["status"] is None
    assert one["error"]


def test_limit_and_unknown_hook(installation: Installation, organization: str) -> None:
    hook, _ = fail_once(installation, organization)
    eventually(lambda: installation.latest(hook))
    assert len(installation.api.get(f"/api/hooks/{hook.id}/requests", limit=1).json) == 1
    for view in ("requests", "pending"):
        assert installation.api.get(f"/api/hooks/{hook.id}/{view}", limit=0).status == 400
        assert installation.api.get(f"/api/hooks/{hook.id}/{view}", colour="red").status == 400
        assert installation.api.get(f"/api/hooks/{'0' * 32}/{view}").status == 404


def test_what_waits_has_a_due_time(installation: Installation, organization: str) -> None:
    hook, call = fail_once(installation, organization)
    (first,) = hook.requests()
    assert (call["attempt"], call["last"], call["reason"]) == (2, {"status": 500}, "retry")
    assert call["webhook_id"] == first["id"]
    assert call["event"] == "event.created"
    # 300 s, and jitter that only adds, up to a fifth.
    assert 299 <= call["due"] / 1000 - first["time"] <= 390


def test_retry_now(installation: Installation, organization: str) -> None:
    hook, call = fail_once(installation, organization)
    answer = installation.api.post(f"/api/hooks/{hook.id}/pending/{call['webhook_id']}/retry")
    assert answer.status == 202
    first, second = hook.received(2)
    assert first["id"] == second["id"]
    eventually(lambda: installation.pending(hook) == [])
    eventually(lambda: installation.totals(hook) == (2, 1, 1))


def test_drop(installation: Installation, organization: str) -> None:
    hook, call = fail_once(installation, organization)
    path = f"/api/hooks/{hook.id}/pending/{call['webhook_id']}"
    assert installation.api.delete(path).status == 204
    # At once, not only when the worker has read its own tombstone.
    assert installation.api.delete(path).status == 404
    assert installation.pending(hook) == []
    assert installation.api.post(f"{path}/retry").status == 404
    assert len(hook.requests()) == 1


def test_a_call_of_another_hook_is_unknown(installation: Installation, organization: str) -> None:
    hook, call = fail_once(installation, organization)
    other = installation.create_hook(organization)
    path = f"/api/hooks/{other.id}/pending/{call['webhook_id']}"
    assert installation.api.post(f"{path}/retry").status == 404
    assert installation.api.delete(path).status == 404
    assert [one["webhook_id"] for one in installation.pending(hook)] == [call["webhook_id"]]


def test_the_next_one_is_first(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, behaviour="status=500")
    for _ in range(10):
        installation.produce("events", "11", event(organization))
    calls = eventually(lambda: len(found := installation.pending(hook)) == 10 and found)
    # Jitter gives them other due times than the order in which they failed.
    assert [call["due"] for call in calls] == sorted(call["due"] for call in calls)
    assert {call["webhook_id"] for call in calls} == {request["id"] for request in hook.requests()}


def test_a_person_may_run_a_call_of_a_paused_hook(installation: Installation, organization: str) -> None:
    hook, call = fail_once(installation, organization, "status=503&retry_after=3000&fail=1")
    assert installation.api.post(f"/api/hooks/{hook.id}/pending/{call['webhook_id']}/retry").status == 202
    assert [request["id"] for request in hook.received(2)] == [call["webhook_id"]] * 2
    eventually(lambda: installation.pending(hook) == [])


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_may_be_shorter_than_the_delay(installation: Installation, organization: str, status: int) -> None:
    hook = installation.create_hook(organization, behaviour=f"status={status}&retry_after=0&fail=1")
    installation.produce("events", "11", event(organization))
    first, second = hook.received(2)
    assert second["time"] - first["time"] >= 0.99  # due times are whole milliseconds


def test_retry_after_of_days_counts_as_an_hour(installation: Installation, organization: str) -> None:
    hook, call = fail_once(installation, organization, "status=503&retry_after=999999")
    (first,) = hook.requests()
    assert 3599 <= call["due"] / 1000 - first["time"] <= 3600 * 1.2 + 30


def test_a_disabled_hook_keeps_what_waits(installation: Installation, organization: str) -> None:
    hook, call = fail_once(installation, organization)
    assert installation.api.put(f"/api/hooks/{hook.id}", {"status": "disabled"}).status == 200
    assert installation.api.post(f"/api/hooks/{hook.id}/pending/{call['webhook_id']}/retry").status == 202
    other, other_call = fail_once(installation, organization)
    assert installation.api.post(f"/api/hooks/{other.id}/pending/{other_call['webhook_id']}/retry").status == 202
    other.received(2)
    assert len(hook.requests()) == 1
    assert [one["webhook_id"] for one in installation.pending(hook)] == [call["webhook_id"]]
    enabled = {"status": "active", "resume": "all"}
    assert installation.api.put(f"/api/hooks/{hook.id}", enabled).status == 200
    hook.received(2)
