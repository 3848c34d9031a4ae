"""The hooks of the demo: made once, kept with kept data, and never called before the receiver can verify them."""

from __future__ import annotations

from typing import Any

import pytest

from streamhooks.dev import demo


class Worker:
    """What a worker and a receiver answer, and the calls that they got."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.hooks: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, url: str, body: Any = None) -> Any:
        self.calls.append((method, url, body))
        if method == "GET":
            return {"hooks": [{"id": name, "url": hook["url"]} for name, hook in self.hooks.items()]}
        if method == "POST":
            name = f"hook-{len(self.hooks)}"
            self.hooks[name] = dict(body)
            return {"id": name}
        if "/api/hooks/" in url:
            self.hooks[url.rpartition("/")[2]] |= body
        return {}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    one = Worker()
    monkeypatch.setattr(demo, "_answer", one.answer)
    return one


def test_kept_hooks_are_pointed_to_the_new_receiver_with_the_secrets_that_it_knows(worker: Worker) -> None:
    first = demo._create_hooks("http://worker", "http://old:1")
    made = {name: hook["secret"] for name, hook in worker.hooks.items()}
    assert len(made) == len(first) == len(set(made.values()))
    worker.calls.clear()
    again = demo._create_hooks("http://worker", "http://new:2")
    assert again == first
    assert {name: hook["secret"] for name, hook in worker.hooks.items()} == made
    assert all(hook["url"].startswith("http://new:2/") for hook in worker.hooks.values())
    # A kept retry may be sent as soon as its hook has the new URL.
    method, url, known = worker.calls[0]
    assert (method, url) == ("PUT", "http://new:2/_secrets")
    for target in again:
        assert known[target.path] == made[target.id]


def test_what_a_hook_gets_is_said_in_words(worker: Worker) -> None:
    gets = {target.path: target.gets for target in demo._create_hooks("http://worker", "http://receiver:1")}
    assert gets["/orders"] == "standard: order.*"
    assert gets["/large-orders"] == "standard: order.paid if data.total > 100"
    assert gets["/tracker"] == "sentry: issue, error"
