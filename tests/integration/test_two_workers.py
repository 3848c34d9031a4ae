"""Two workers that share the partitions: each answers for the other, and each knows what was changed on the other."""

from __future__ import annotations

import pytest
from installation import Hook, Installation, event
from support import Api, api, eventually

WORKERS = 2
PARTITIONS = 4
SETTINGS = {"token": "a token of the tests", "retry_delay": 300, "partitions": PARTITIONS}
# Among so many hooks, each worker owns some.
MANY = 16


@pytest.fixture(scope="module")
def hooks(installation: Installation) -> list[Hook]:
    """Hooks that failed once each, so that all their views have something to show."""
    made = [installation.create_hook("shared", behaviour="status=500&fail=1") for _ in range(MANY)]
    installation.produce("events", "11", event("shared"))
    for hook in made:
        hook.received()
        eventually(lambda hook=hook: installation.totals(hook) == (1, 0, 1))
        eventually(lambda hook=hook: installation.pending(hook))
    return made


def test_both_work(installation: Installation, hooks: list[Hook]) -> None:
    hook = installation.create_hook("spread")
    for number in range(64):
        installation.produce("events", str(number), event("spread"), partition=number % PARTITIONS)
    assert len({request["id"] for request in hook.received(64)}) == 64
    records = [
        sum(
            float(line.split()[-1])
            for line in api(worker).get("/metrics").body.decode().splitlines()
            if line.startswith("streamhooks_records_total") and ".events" in line
        )
        for worker in installation.workers
    ]
    assert sum(records) >= 65
    assert all(count > 0 for count in records)


@pytest.mark.parametrize("which", [0, 1])
def test_each_answers_for_all(installation: Installation, hooks: list[Hook], which: int) -> None:
    worker = installation.workers[which]
    for hook in hooks:
        assert installation.totals(hook, worker) == (1, 0, 1)
        assert [one["status"] for one in installation.latest(hook, worker)] == [500]
        (call,) = installation.pending(hook, worker)
        assert call["attempt"] == 2


def test_errors_come_back_from_the_owner(installation: Installation, hooks: list[Hook]) -> None:
    for worker in installation.workers:
        for hook in hooks:
            answer = api(worker).get(f"/api/hooks/{hook.id}/stats", resolution="7m")
            assert (answer.status, answer.json) == (400, {"detail": "Invalid resolution"})
            assert api(worker).get(f"/api/hooks/{hook.id}/pending", limit=0).status == 400


def test_pending_calls_of_the_other(installation: Installation, hooks: list[Hook]) -> None:
    one, other = installation.workers
    # Half of them through each worker, half of those run now and half dropped.
    for number, hook in enumerate(hooks[:8]):
        client = api((one, other)[number % 2])
        (call,) = installation.pending(hook)
        path = f"/api/hooks/{hook.id}/pending/{call['call_id']}"
        if number // 2 % 2:
            assert client.post(f"{path}/retry").status == 202
            hook.received(2)
        else:
            assert client.delete(path).status == 204
        eventually(lambda hook=hook: installation.pending(hook, one) == installation.pending(hook, other) == [])


def test_a_change_is_in_force_on_the_other(installation: Installation, organization: str) -> None:
    one, other = installation.workers
    hook = installation.create_hook(organization)
    answer = api(other).put(f"/api/hooks/{hook.id}", {"status": "disabled"})
    assert (answer.status, answer.json["status"]) == (200, "disabled")
    # On the one that answered at once, on the other within seconds.
    assert api(other).get(f"/api/hooks/{hook.id}").json["status"] == "disabled"
    eventually(lambda: api(one).get(f"/api/hooks/{hook.id}").json["status"] == "disabled")
    sentinel = installation.create_hook(organization)
    for partition in range(PARTITIONS):
        installation.produce("events", "11", event(organization), partition=partition)
    sentinel.received(PARTITIONS)
    assert hook.requests() == []
    assert api(one).delete(f"/api/hooks/{hook.id}").status == 204
    eventually(lambda: api(other).get(f"/api/hooks/{hook.id}").status == 404)


def test_gone_on_one_is_gone_on_both(installation: Installation, organization: str) -> None:
    hooks = [installation.create_hook(organization, behaviour="gone") for _ in range(4)]
    installation.produce("events", "11", event(organization))
    for hook in hooks:
        for worker in installation.workers:
            eventually(lambda hook=hook, worker=worker: _status(worker, hook) == "disabled")


def _status(worker: object, hook: Hook) -> str:
    return api(worker).get(f"/api/hooks/{hook.id}").json["status"]


# --- the token

OPEN = ("/", "/openapi.json", "/health/live", "/health/ready")
CLOSED = [
    ("GET", "/api/hooks"),
    ("POST", "/api/hooks"),
    ("GET", "/api/hooks/{id}"),
    ("PUT", "/api/hooks/{id}"),
    ("DELETE", "/api/hooks/{id}"),
    ("POST", "/api/hooks/{id}/rotate-secret"),
    ("POST", "/api/hooks/{id}/test"),
    ("GET", "/api/hooks/{id}/stats"),
    ("GET", "/api/hooks/{id}/requests"),
    ("GET", "/api/hooks/{id}/pending"),
    ("POST", "/api/hooks/{id}/pending/x/retry"),
    ("DELETE", "/api/hooks/{id}/pending/x"),
    ("GET", "/metrics"),
]


@pytest.mark.parametrize("token", [None, "another token", "a token of the tests "[:-2]])
@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_without_the_token(
    installation: Installation, hooks: list[Hook], method: str, path: str, token: str | None
) -> None:
    for worker in installation.workers:
        answer = Api(worker.base, token).call(method, path.format(id=hooks[0].id), {} if method == "PUT" else None)
        assert answer.status == 401
        assert list(answer.json) == ["detail"]
    assert api(worker).get(f"/api/hooks/{hooks[0].id}").status == 200


@pytest.mark.parametrize("path", OPEN)
def test_what_is_open(installation: Installation, path: str) -> None:
    assert Api(installation.worker.base).get(path).status == 200


@pytest.mark.parametrize("authorization", ["Basic {token}", "{token}", "Bearer", "Bearer  ", "Bearer {token}x"])
def test_other_ways_to_show_a_token(installation: Installation, authorization: str) -> None:
    headers = {"Authorization": authorization.format(token=installation.worker.token)}
    assert Api(installation.worker.base).call("GET", "/api/hooks", headers=headers).status == 401
