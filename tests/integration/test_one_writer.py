"""Two callers change one hook at once, through two workers, or in turns: what was answered with 200 holds.

STREAMHOOKS_TEST_PAIRS is the number of pairs of changes; `pytest -s` shows what was measured.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import pytest
from installation import Installation, hook_record
from support import Api, Worker, api, eventually
from support.api import Answer

PAIRS = int(os.environ.get("STREAMHOOKS_TEST_PAIRS", "80"))
WORKERS = 2
# One that was frozen finds that its tables were not fetched for long, and says so.
SETTINGS = {"session_timeout": 6, "partitions": 4, "environment": {"STREAM_PROCESSING_TIMEOUT": "300"}}

JSON = dict[str, Any]
DONE = (200, 201, 204)
#: what may be answered beside a change that is made; 404 where it was a deletion
OTHERWISE = {409, 412, 503}


@dataclass
class Measured:
    """What is shown in the end."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    puts: list[float] = field(default_factory=list)
    """How long a PUT took, in seconds."""
    everywhere: list[float] = field(default_factory=list)
    """How long after its answer a change was in force on both workers, in seconds."""

    def call(self, what: str, client: Api, method: str, path: str, body: object = None, **headers: str) -> Answer:
        began = time.monotonic()
        answer = client.call(method, path, body, headers)
        if method == "PUT":
            self.puts.append(time.monotonic() - began)
        self.answers[what, answer.status] += 1
        return answer

    def wait_everywhere(self, clients: list[Api], path: str, holds: Callable[[Answer], bool]) -> None:
        began = time.monotonic()
        for client in clients:
            eventually(lambda client=client: holds(client.get(path)), timeout=10, interval=0.002)
        self.everywhere.append(time.monotonic() - began)

    def show(self, title: str) -> None:
        took = sorted(self.puts) or [0.0]
        print(f"\n{title}: {dict(sorted(self.answers.items()))}")
        print(f"PUT p50 {statistics.median(took) * 1000:.0f} ms, p99 {took[int(len(took) * 0.99)] * 1000:.0f} ms")
        print(f"on every worker {max(self.everywhere, default=0.0) * 1000:.0f} ms after the answer at most")


@pytest.fixture
def clients(installation: Installation) -> list[Api]:
    return [api(worker) for worker in installation.workers]


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Iterator[Measured]:
    one = Measured()
    yield one
    one.show(request.node.name)


def made(client: Api) -> JSON:
    body = {"organization_id": "one writer", "url": "http://127.0.0.1:9/in", "events": ["event.created"]}
    answer = client.post("/api/hooks", body)
    assert answer.status == 201
    assert answer.headers["ETag"] == f'"{answer.json["revision"]}"'
    return answer.json


def written(installation: Installation, hook_id: str) -> list[JSON | None]:
    """Return what the topic holds of a hook; compaction is fast here."""
    records = [record for record in installation.records("hooks") if record.key() == hook_id.encode()]
    return [json.loads(record.value()) if record.value() else None for record in records]


def test_pairs_at_once(installation: Installation, clients: list[Api], measured: Measured) -> None:
    deleted: list[str] = []
    hook = made(clients[0])
    kinds = cycle(("put", "rotate", "disable", "delete"))
    with ThreadPoolExecutor(2) as pool:
        for number in range(1, PAIRS + 1):
            kind, (one, other) = next(kinds), clients if number % 8 < 4 else clients[::-1]
            if kind == "delete" or number % 4 == 1:
                hook = made(one)
            path = f"/api/hooks/{hook['id']}"
            first: tuple[str, str, JSON | None] = {
                "put": ("PUT", path, {"timeout": 1 + number % 20}),
                "rotate": ("POST", f"{path}/rotate-secret", {}),
                "disable": ("PUT", path, {"status": "disabled"}),
                "delete": ("DELETE", path, None),
            }[kind]
            running = pool.submit(measured.call, kind, one, *first)
            b = pool.submit(measured.call, f"put beside {kind}", other, "PUT", path, {"max_in_flight": number}).result()
            a = running.result()
            assert {a.status, b.status} <= {*DONE, *OTHERWISE, *([404] if kind == "delete" else [])}, (a, b)
            if kind == "delete":
                if a.status == 204:
                    deleted.append(path)
                    assert one.get(path).status == 404
                    measured.wait_everywhere(clients, path, lambda answer: answer.status == 404)
                continue
            if b.status == 200:
                assert other.get(path).json["max_in_flight"] == number
            wanted: JSON = {"max_in_flight": number} if b.status == 200 else {}
            if a.status == 200 and kind == "put":
                wanted["timeout"] = 1 + number % 20
            if a.status == 200 and kind == "disable":
                wanted["status"] = "disabled"
            if a.status == 200 and kind == "rotate":
                held = written(installation, hook["id"])[-1]
                assert held is not None
                assert held["secret"] == a.json["secret"]
            measured.wait_everywhere(clients, path, lambda answer, wanted=wanted: wanted.items() <= answer.json.items())
            if kind == "disable":
                eventually(lambda one=one, path=path: one.put(path, {"status": "active"}).status == 200)
    for client in clients:
        assert {client.get(path).status for path in deleted} <= {404}
    assert deleted
    assert sum(count for (_, status), count in measured.answers.items() if status in DONE) > PAIRS


def test_in_turns_as_through_a_load_balancer(clients: list[Api], measured: Measured) -> None:
    turn = cycle(clients)
    for number in range(1, PAIRS // 5 + 1):
        hook = made(next(turn))
        path = f"/api/hooks/{hook['id']}"
        assert next(turn).get(path).status == 200
        first = measured.call("put after create", next(turn), "PUT", path, {"timeout": 1 + number % 20})
        second = measured.call("put after put", next(turn), "PUT", path, {"max_in_flight": number})
        assert (first.status, second.status) == (200, 200), (first, second)
        assert second.json["timeout"] == 1 + number % 20
        rotated = measured.call("rotate after put", next(turn), "POST", f"{path}/rotate-secret", {})
        assert rotated.json.items() >= {"timeout": 1 + number % 20, "max_in_flight": number}.items()
        old = measured.call(
            "if-match", next(turn), "PUT", path, {"timeout": 30}, **{"If-Match": second.headers["ETag"]}
        )
        assert (old.status, old.headers["ETag"]) == (412, rotated.headers["ETag"])
        match = {"If-Match": rotated.headers["ETag"]}
        assert measured.call("if-match", next(turn), "DELETE", path, **match).status == 204
        assert measured.call("put after delete", next(turn), "PUT", path, {"timeout": 3}).status == 404
        measured.wait_everywhere(clients, path, lambda answer: answer.status == 404)


def test_who_was_home_and_does_not_know_better(installation: Installation, clients: list[Api]) -> None:
    """What a paused owner writes when it wakes up, and what a GitOps writes."""
    hook = made(clients[0])
    path = f"/api/hooks/{hook['id']}"
    for timeout in (2, 3):
        assert clients[1].put(path, {"timeout": timeout}).status == 200
    stale = {**hook, "timeout": 29, "secret": "a secret of sixteen"}
    stale = {name: stale[name] for name in ("id", "organization_id", "url", "events", "secret", "timeout")}
    installation.produce("hooks", hook["id"], {**stale, "revision": 2})
    eventually(lambda: written(installation, hook["id"])[-1]["timeout"] == 3)
    assert [client.get(path).json["timeout"] for client in clients] == [3, 3]
    # Without a revision it wins, and what was made from the state before loses.
    installation.produce("hooks", hook["id"], hook_record(hook["id"], "one writer", timeout=4))
    installation.produce("hooks", hook["id"], {**stale, "revision": 5})
    eventually(lambda: written(installation, hook["id"])[-1]["timeout"] == 4)
    answer = clients[0].put(path, {"max_in_flight": 7})
    assert (answer.status, answer.json["timeout"]) == (200, 4)
    assert clients[1].delete(path).status == 204
    installation.produce("hooks", hook["id"], {**stale, "revision": answer.json["revision"] + 1})
    eventually(lambda: written(installation, hook["id"])[-1] is None)
    assert [client.get(path).status for client in clients] == [404, 404]
    installation.produce("hooks", hook["id"], hook_record(hook["id"], "one writer", timeout=5))
    for client in clients:
        eventually(lambda client=client: client.get(path).json["timeout"] == 5)


def test_the_home_is_frozen_and_wakes_up(installation: Installation, clients: list[Api], measured: Measured) -> None:
    frozen, other = installation.workers
    hooks = [made(clients[1])["id"] for _ in range(12)]
    confirmed: dict[str, int] = {}
    maybe: dict[str, set[int]] = {hook_id: set() for hook_id in hooks}
    numbers = iter(range(1, 10_000))

    def change(client: Api, hook_id: str) -> bool:
        number = next(numbers)
        try:
            answer = measured.call("put", client, "PUT", f"/api/hooks/{hook_id}", {"max_in_flight": number})
        except OSError:  # it is frozen, and may go on with it when it wakes up
            maybe[hook_id].add(number)
            return False
        assert answer.status in (200, *OTHERWISE)
        if answer.status == 200:
            confirmed[hook_id] = number
        elif answer.json.get("maybe_applied"):
            maybe[hook_id].add(number)
        return answer.status == 200

    def change_often(hook_id: str) -> None:
        while change(Api(clients[0].base, timeout=2), hook_id):
            pass

    with ThreadPoolExecutor(len(hooks)) as pool:
        under_way = [pool.submit(change_often, hook_id) for hook_id in hooks]
        eventually(lambda: len(confirmed) == len(hooks))
        frozen.pause()
        for one in under_way:
            one.result()
        for hook_id in hooks:
            eventually(lambda hook_id=hook_id: change(clients[1], hook_id), timeout=60)
        frozen.resume()
        # What it had begun goes on, while others change the hooks again.
        for hook_id in hooks[::2]:
            for client in clients:
                change(client, hook_id)
    eventually(lambda: _is_ready(frozen) and _is_ready(other), timeout=60)
    for hook_id in hooks:
        (shown,) = eventually(lambda hook_id=hook_id: _agreed(clients, hook_id))
        assert shown in {confirmed[hook_id], *maybe[hook_id]}


def _agreed(clients: list[Api], hook_id: str) -> set[int] | None:
    shown = {client.get(f"/api/hooks/{hook_id}").json["max_in_flight"] for client in clients}
    return shown if len(shown) == 1 else None


def _is_ready(worker: Worker) -> bool:
    return api(worker).get("/health/ready").status == 200


def test_an_unknown_hook_is_asked_of_kafka(clients: list[Api]) -> None:
    path = f"/api/hooks/{secrets.token_hex(16)}"
    for client in clients:
        assert client.get(path).status == 404
        assert client.put(path, {"timeout": 3}).status == 404
