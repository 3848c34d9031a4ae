"""The life of a dead letter: open, sent again, delivered, dropped; each call once, whoever asks and whatever dies."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner
from installation import Hook, Installation, coordinates, event
from support import api, eventually

from streamhooks.cli import main

WORKERS = 3
#: of which each is sent again, while workers are killed
LETTERS = int(os.environ.get("STREAMHOOKS_TEST_LETTERS", "300"))
# An open breaker would hold back what is to be given up.
SETTINGS = {"retry_delay": 0.3, "max_retries": 1, "session_timeout": 6, "breaker": False}
REDRIVE, DROP = "/api/dead-letters/redrive", "/api/dead-letters/drop"

Told = Callable[..., object]


@pytest.fixture
def told(installation: Installation) -> Told:
    """Run `streamhooks dead-letters` and return what it tells."""

    def told(*arguments: str) -> object:
        env = {"STREAMHOOKS_URL": installation.api.base}
        result = CliRunner().invoke(main, ["dead-letters", *arguments, "--json"], env=env)
        assert result.exit_code == 0, (arguments, result.output, result.exception)
        return json.loads(result.stdout)

    return told


def fire(installation: Installation, organization: str, count: int) -> None:
    for number in range(count):
        installation.produce("events", str(number), event(organization))


def letters(installation: Installation, hook: Hook | str, state: str = "open", worker: int | None = None) -> list[dict]:
    asked = installation.api if worker is None else api(installation.workers[worker])
    hook_id = hook if isinstance(hook, str) else hook.id
    answer = asked.get("/api/dead-letters", hook_id=hook_id, state=state, limit=500)
    assert answer.status == 200, answer
    return answer.json["dead_letters"]


def test_the_list_empties_and_nothing_doubles(installation: Installation, organization: str, told: Told) -> None:
    hook = installation.create_hook(organization)
    installation.receiver.behave(hook.path, status=404)
    fire(installation, organization, 4)
    eventually(lambda: len(letters(installation, hook)) == 4)
    names = {one["letter"] for one in letters(installation, hook)}
    path = hook.path
    assert {(one["task"], one["state"], one["redriven"]) for one in letters(installation, hook)} == {
        ("streamhooks.process_service_hook", "open", 0)
    }
    assert all(path in one["url"] and one["organization_id"] == organization for one in letters(installation, hook))

    # Each filter finds them, and only them.
    for given in (
        ("--hook", hook.id), ("--hook-url", path), ("--organization", organization),
        ("--task", "streamhooks.process_service_hook", "--reason", "STATUS 404", "--hook-url", path, "--since", "1h"),
    ):  # fmt: skip
        assert {one["letter"] for one in told("list", *given)} >= names, given
        assert told("redrive", *given, "--dry-run") == {"redriven": 4, "skipped": 0}
    for given in (("--task", "a.task"), ("--hook-url", f"{path}-not"), ("--organization", "none"), ("--until", "2h")):
        assert told("list", "--hook", hook.id, *given) == []

    # It still answers 404: the same letters, with one more try each, whoever asks and how often.
    for tries in (1, 2, 3):
        before = len(hook.requests())
        # A disabled hook gets nothing: no try ends before all have asked.
        assert installation.api.put(f"/api/hooks/{hook.id}", {"status": "disabled"}).status == 200
        for worker in installation.workers:
            eventually(lambda worker=worker: api(worker).get(f"/api/hooks/{hook.id}").json["status"] == "disabled")
        with ThreadPoolExecutor(6) as pool:
            wish = {"hook_id": hook.id, "reason": "status 404"}
            asked = [
                pool.submit(api(installation.workers[number % WORKERS]).post, REDRIVE, wish) for number in range(6)
            ]
        assert {one.result().status for one in asked} == {202}
        wish = {"status": "active", "resume": "all"}
        assert installation.api.put(f"/api/hooks/{hook.id}", wish).status == 200
        for number in range(WORKERS):
            eventually(
                lambda number=number, tries=tries: (
                    [one["redriven"] for one in letters(installation, hook, worker=number)] == [tries] * 4
                )
            )
        assert {one["letter"] for one in letters(installation, hook)} == names
        assert Counter(one["id"] for one in hook.requests()[before:]) == Counter(ids(hook))
    assert told("redrive", "--hook", hook.id, "--yes") == {"redriven": 0, "skipped": 4}

    # It is mended: they are delivered, once, and the list is empty.
    installation.receiver.behave(hook.path)
    before = len(hook.requests())
    assert told("redrive", "--hook", hook.id, "--force", "--yes") == {"redriven": 4, "skipped": 0}
    assert told("redrive", "--hook", hook.id, "--force", "--yes") == {"redriven": 0, "skipped": 0}
    for number in range(WORKERS):
        eventually(lambda number=number: len(letters(installation, hook, "delivered", number)) == 4)
        assert letters(installation, hook, worker=number) == []
    assert told("redrive", *names, "--force", "--yes") == {"redriven": 0, "skipped": 4}
    assert Counter(one["id"] for one in hook.requests()[before:]) == Counter(ids(hook))
    assert len(installation.dead_letters(lambda letter: letter["hook_id"] == hook.id)) == 4
    # Each attempt of the five tries of each counts.
    eventually(lambda: installation.totals(hook) == (20, 4, 16))


def test_what_was_sent_again_can_be_dropped_and_what_is_dropped_is_not_sent(
    installation: Installation, organization: str, told: Told
) -> None:
    hook = installation.create_hook(organization)
    installation.receiver.behave(hook.path, status=404)
    fire(installation, organization, 3)
    eventually(lambda: len(letters(installation, hook)) == 3)
    one, two, three = (letter["letter"] for letter in letters(installation, hook))
    assert told("drop", one, "--dry-run") == {"dropped": 1, "skipped": 0}
    assert told("drop", one, "--yes") == {"dropped": 1, "skipped": 0}
    assert told("drop", one, "--yes") == {"dropped": 0, "skipped": 1}
    assert told("redrive", one, "--force", "--yes") == {"redriven": 0, "skipped": 1}
    # One waits for its retry: the call is dropped, and so is the letter.
    installation.receiver.behave(hook.path, status=503, retry_after=3600)
    before = len(hook.requests())
    assert told("redrive", two, "--yes") == {"redriven": 1, "skipped": 0}
    (call,) = eventually(
        lambda: [call for call in installation.pending(hook) if call["attempt"] == 3 and call["state"] == "waiting"]
    )
    assert len(hook.requests()) == before + 1
    for number in range(WORKERS):
        eventually(
            lambda number=number: [letter["letter"] for letter in letters(installation, hook, "sent", number)] == [two]
        )
    assert told("redrive", "--hook", hook.id, "--dry-run") == {"redriven": 1, "skipped": 0}
    assert installation.api.delete(f"/api/hooks/{hook.id}/pending/{call['call_id']}").status == 204
    for number in range(WORKERS):
        eventually(lambda number=number: len(letters(installation, hook, "dropped", number)) == 2)
        assert [letter["letter"] for letter in letters(installation, hook, worker=number)] == [three]
        assert len(letters(installation, hook, "all", number)) == 3


def test_records_that_could_not_be_read(installation: Installation, organization: str, told: Told) -> None:
    """What is readable by now is sent with its first ids; what is not stays the same letter."""
    written = installation.produce("events", "1", b"no JSON")
    letter = eventually(
        lambda: [one for one in told("list", "--limit", "500") if one["source"] == coordinates(written)]
    )[0]
    assert (letter["state"], letter["hook_id"], letter["url"]) == ("open", None, None)
    assert told("redrive", letter["letter"], "--yes") == {"redriven": 1, "skipped": 0}
    known = eventually(
        lambda: [one for one in told("list") if one["letter"] == letter["letter"] and one["redriven"] == 1]
    )[0]
    assert "not" in known["reason"]
    assert len(installation.dead_letters(lambda one: one["source"] == coordinates(written))) == 1
    assert told("drop", letter["letter"], "--yes") == {"dropped": 1, "skipped": 0}
    assert letter["letter"] not in {one["letter"] for one in told("list")}


@pytest.mark.timeout(580)
def test_kills_while_many_are_sent_again(installation: Installation, organization: str) -> None:
    hooks = [installation.create_hook(organization, max_in_flight=5) for _ in range(6)]
    of_each = -(-LETTERS // len(hooks))
    count = of_each * len(hooks)
    for hook in hooks:
        installation.receiver.behave(hook.path, status=404)
    installation.produce_with("events", "1", [json.dumps(event(organization)).encode() for _ in range(of_each)])
    wish = {"organization_id": organization}
    counted = {"redriven": count, "skipped": 0}
    eventually(lambda: installation.api.post(REDRIVE, {**wish, "dry_run": True}).json == counted, 200)
    known = {hook.id: ids(hook) for hook in hooks}
    assert [len(of_hook) for of_hook in known.values()] == [of_each] * len(hooks)
    # Events that are not committed yet would come again after a kill.
    eventually(lambda: installation.is_committed("events"))
    before = {hook.id: len(hook.requests()) for hook in hooks}
    for hook in hooks:
        installation.receiver.behave(hook.path, delay=0.3)

    def sent() -> int:
        return sum(installation.receiver.count(hook.path)["requests"] - before[hook.id] for hook in hooks)

    # Who is asked dies over it, with nothing, some or all of it written.
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(api(installation.workers[1]).post, REDRIVE, wish)
        eventually(lambda: sent() or asked.done())
        installation.workers[1].kill()
    assert installation.api.post(REDRIVE, wish).status == 202
    installation.workers[1].start()
    victims = [2, 1] * (1 + count // 3000)
    for victim in victims:
        reached = sent()
        eventually(lambda reached=reached: sent() >= min(reached + count // 10, count * 5 // 6))
        installation.workers[victim].kill()
        # Asked once more while its partitions move: what waits is not sent twice.
        assert installation.api.post(REDRIVE, wish).status == 202
        installation.workers[victim].start()
    for number in range(WORKERS):
        for hook in hooks:
            eventually(lambda hook=hook, number=number: not letters(installation, hook, "sent", number), 200)
            assert letters(installation, hook, worker=number) == []
    assert installation.api.post(REDRIVE, {**wish, "force": True}).json == {"redriven": 0, "skipped": 0}
    for hook in hooks:
        assert {one["id"] for one in hook.requests()[before[hook.id] :]} == known[hook.id]
        # A letter's state is written before its call is settled.
        eventually(lambda hook=hook: installation.pending(hook) == [])
    calls = [json.loads(record.value()) for record in installation.records("delayed") if record.value()]
    calls = [call for call in calls if call["hook_id"] in known and call["letter"] is not None]
    tries = {(call["letter"], call["redriven"], call["id"]) for call in calls}
    assert (len({letter for letter, _, _ in tries}), len(tries)) == (count, count)
    # A kill repeats what was in flight, or answered and not noted yet: never all of it.
    print(f"{count} letters, {1 + len(victims)} kills, {sent() - count} requests repeated")
    assert count <= sent() < count * 3 // 2
    assert len(installation.dead_letters(lambda letter: letter["hook_id"] in known)) == count


def ids(hook: Hook) -> set[str]:
    return {one["id"] for one in hook.requests()}


def test_dead_letters_are_listed_and_sent_again(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    installation.receiver.behave(hook.path, status=404)
    fire(installation, organization, 3)
    hook.received(3)
    listed = eventually(
        lambda: (
            (found := installation.api.get("/api/dead-letters", hook_id=hook.id).json["dead_letters"])
            and len(found) == 3
            and found
        )
    )
    assert {letter["reason"] for letter in listed} == {"status 404"}
    one = installation.api.get("/api/dead-letters", hook_id=hook.id, limit=1).json
    two = installation.api.get("/api/dead-letters", hook_id=hook.id, limit=2, cursor=one["next_cursor"]).json
    assert [*one["dead_letters"], *two["dead_letters"]] == listed
    whole = installation.api.get(f"/api/dead-letters/{listed[0]['letter']}").json
    assert whole["task"]["name"] == "streamhooks.process_service_hook"
    # Still broken: each is the same letter, with one more try.
    again = {"hook_id": hook.id, "reason": "STATUS 4"}
    redrive = "/api/dead-letters/redrive"
    assert installation.api.post(redrive, {**again, "dry_run": True}).json == {"redriven": 3, "skipped": 0}
    assert installation.api.post(redrive, again).json == {"redriven": 3, "skipped": 0}

    def tries() -> list[int]:
        found = installation.api.get("/api/dead-letters", hook_id=hook.id).json["dead_letters"]
        return [letter["redriven"] for letter in found]

    eventually(lambda: tries() == [1, 1, 1])
    installation.receiver.behave(hook.path)
    named = [letter["letter"] for letter in listed]
    assert installation.api.post(redrive, {"letters": named}).json == {"redriven": 3, "skipped": 0}
    eventually(lambda: tries() == [])
    hook.received(9)
    assert len(ids(hook)) == 3
