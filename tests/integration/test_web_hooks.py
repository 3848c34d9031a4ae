"""The web views of real workers on a real Kafka: changes in force, workers that answer for each other, the token."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

from installation import Installation
from support import Api, Worker, api, eventually

WORKERS = 2
SETTINGS = {"retry_delay": 3600}
UNKNOWN = "f" * 32

_event_ids = itertools.count(1)


def an_event(organization: str, project_id: str) -> dict[str, Any]:
    return {
        "event_id": f"{next(_event_ids):032x}",
        "type": "error",
        "datetime": time.time(),
        "organization": {"id": organization, "slug": "org"},
        "project": {"id": project_id, "slug": "project", "name": "Project"},
        "group": {"id": "5"},
        "data": {},
    }


def made(client: Api, organization: str, **fields: Any) -> dict[str, Any]:
    body = {"organization_id": organization, "url": "https://example.com/", "events": ["event.created"], **fields}
    answer = client.post("/api/hooks", body)
    assert answer.status == 201, answer.body
    return answer.json


def answered(client: Api, method: str, path: str, body: object = None) -> Any:
    """The answer of a call, asked again as long as a partition moves, as a caller has to."""

    def ask():
        answer = client.call(method, path, body)
        assert answer.status != 503 or answer.headers["Retry-After"] == "1"
        return answer if answer.status != 503 else None

    return eventually(ask)


def test_a_change_is_in_force_here_at_once_and_there_soon_and_after_a_restart(
    installation: Installation, organization: str
) -> None:
    first, second = installation.workers
    near, far = api(first), api(second)
    hook = made(near, organization, headers={"X-Key": "hunter2"})
    path = f"/api/hooks/{hook['id']}"
    shown = {**hook, "secret": "whsec_********"}
    assert near.get(path).json == shown
    eventually(lambda: far.get(path).json == shown)

    assert answered(far, "PUT", path, {"timeout": 7}).json == {**shown, "timeout": 7, "revision": 2}
    assert far.get(path).json["timeout"] == 7
    eventually(lambda: near.get(path).json["timeout"] == 7)

    rotated = answered(near, "POST", f"{path}/rotate-secret").json["secret"]
    assert rotated != hook["secret"]

    first.stop()
    first.start()
    assert near.get(path).json["timeout"] == 7
    assert [found["id"] for found in near.get("/api/hooks", organization_id=organization).json["hooks"]] == [hook["id"]]

    assert answered(near, "DELETE", path).status == 204
    assert near.get(path).status == 404
    eventually(lambda: far.get(path).status == 404)
    assert near.get("/api/hooks", organization_id=organization).json == {"hooks": [], "next_cursor": None}


def test_two_workers_answer_for_each_other(installation: Installation, organization: str) -> None:
    clients = [api(worker) for worker in installation.workers]
    receiver = installation.receiver
    # Enough hooks that each worker owns some of their partitions.
    urls = {n: receiver.url(f"/{organization}/{n}?status=500") for n in range(1, 9)}
    hooks = [made(clients[0], organization, url=url, project_ids=[n])["id"] for n, url in urls.items()]
    for hook, client in itertools.product(hooks, clients):
        eventually(lambda h=hook, c=client: c.get(f"/api/hooks/{h}").status == 200)
    for n in range(1, 9):
        installation.produce("events", str(n), an_event(organization, str(n)))

    for hook in hooks:
        calls = []
        for client in clients:
            path = f"/api/hooks/{hook}"
            eventually(lambda p=path, c=client: answered(c, "GET", f"{p}/pending").json)
            found = answered(client, "GET", f"{path}/pending").json
            assert [(call["attempt"], call["reason"], call["last"]["status"]) for call in found] == [(2, "retry", 500)]
            assert found[0]["due"] > (time.time() + 3000) * 1000
            eventually(
                lambda p=path, c=client: (
                    sum(point["total"] for point in answered(c, "GET", f"{p}/stats?outcome=failed").json) == 1
                )
            )
            attempts = answered(client, "GET", f"{path}/requests").json
            assert [(one["attempt"], one["status"], one["outcome"]) for one in attempts] == [(1, 500, "retried")]
            calls.append(found[0]["webhook_id"])
        assert calls[0] == calls[1]

        # run now, through the first; drop, through the second: one of them is not the owner
        assert answered(clients[0], "POST", f"{path}/pending/{calls[0]}/retry").status == 202
        eventually(lambda p=path: [one["attempt"] for one in answered(clients[1], "GET", f"{p}/pending").json] == [3])
        assert answered(clients[1], "DELETE", f"{path}/pending/{calls[0]}").status == 204
        eventually(lambda p=path: answered(clients[0], "GET", f"{p}/pending").json == [])
        assert answered(clients[0], "DELETE", f"{path}/pending/{calls[0]}").status == 404
    assert [receiver.count(f"/{organization}/{n}")["requests"] for n in urls] == [2] * len(hooks)


def test_a_test_send_is_signed_and_tells_what_came_back(installation: Installation, organization: str) -> None:
    client, receiver = installation.api, installation.receiver
    for app in ({}, {"app_id": "a", "events": ["issue"]}):
        hook = made(client, organization, url=receiver.url("/sample"), **app)
        receiver.learn(hook["id"], hook["secret"])
        receiver.learn("*", hook["secret"])
        result = client.post(f"/api/hooks/{hook['id']}/test").json
        assert (result["status"], result["error"], result["outcome"]) == (200, None, "delivered")
        assert receiver.requests("/sample")[-1]["verified"] is True

    # An event of one's own, with a body of one's own; and all of both sides is told, without what is secret.
    hook = made(
        client, organization, url=receiver.url("/chosen?status=503&retry_after=7"), app_id="a", events=["order.*"],
        headers={"X-Key": "a-secret-value"},
    )  # fmt: skip
    receiver.learn("*", hook["secret"])
    path = f"/api/hooks/{hook['id']}/test"
    assert client.post(path, {"event": "issue.created"}).json == {
        "event": "'issue.created' can't fire this hook; these can: order.created"
    }
    sample = client.get(path, event="order.paid").json
    assert (sample["events"], sample["body"]["action"]) == (["order.created"], "paid")
    told = client.post(path, {"event": "order.paid", "body": {"mine": "é"}}).json
    (came,) = receiver.requests("/chosen")
    assert (came["id"], came["body"], came["verified"]) == (told["webhook_id"], '{"mine":"\\u00e9"}', True)
    assert told["request"] == came["body"]
    sent = {one["name"].lower(): one["value"] for one in told["request_headers"]}
    assert sent == {**{name.lower(): value for name, value in came["headers"].items()}, "x-key": "********"}
    assert sent["sentry-hook-resource"] == "order"
    answered_with = {one["name"]: one["value"] for one in told["response_headers"]}
    assert (told["outcome"], told["status"], answered_with["Retry-After"]) == ("failed", 503, "7")
    assert {"Content-Length", "Date", "Server"} <= answered_with.keys()
    (listed,) = eventually(lambda: client.get(f"/api/hooks/{hook['id']}/requests").json)
    assert (listed["webhook_id"], listed["event"], listed["cause"]) == (came["id"], "order.paid", "test")
    assert "a-secret-value" not in str(told)
    assert client.post(f"/api/hooks/{UNKNOWN}/test").status == 404


def test_the_token_is_asked_for_by_every_worker(worker: Callable[..., Worker], organization: str) -> None:
    workers = [worker(start=False, token="the-right-token").launch() for _ in range(2)]
    for one in workers:
        one.wait_ready()
    stranger = Api(workers[0].base)
    for path in ("/api/hooks", "/metrics", f"/api/hooks/{UNKNOWN}/stats", "/graph/", "/router/", "/table/"):
        answer = stranger.get(path)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    for path in ("/", "/openapi.json", "/health/live", "/health/ready"):
        # the second worker's coming moves partitions: not ready, but open
        assert stranger.get(path).status in (200, 503)
    hook = made(api(workers[0]), organization)
    for one in workers:
        eventually(lambda w=one: api(w).get(f"/api/hooks/{hook['id']}").status == 200)
        for view in ("stats", "requests", "pending"):
            assert answered(api(one), "GET", f"/api/hooks/{hook['id']}/{view}").status == 200
    assert b"streamhooks_hooks 1.0" in api(workers[0]).get("/metrics").body


def test_nothing_of_faust_is_served(installation: Installation) -> None:
    client = installation.api
    for path in ("/graph/", "/router/", "/table/", "/stats/", "/monitor/", "/performance/"):
        answer = client.get(path)
        assert (answer.status, answer.json) == (404, {"detail": "not found"})
