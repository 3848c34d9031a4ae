"""The latest requests: bounded, whatever the endpoints answer."""

from __future__ import annotations

from streamhooks.counting.latest import OF_A_HOOK, LatestRequests
from streamhooks.records.firing import Attempt, Firing


def attempt(number: int, response: str | None = None) -> Attempt:
    return Attempt(f"msg_{number}", 1, number, "retried", status=500, response=response)


def add(latest: LatestRequests, hook_id: str, attempts: tuple[Attempt, ...]) -> None:
    latest.add(hook_id, Firing(hook_id, attempts).to_json(), len(attempts))


def size(latest: LatestRequests) -> int:
    return sum(kept.size for kept in latest._hooks.values())


def test_the_newest_come_first_and_the_oldest_go() -> None:
    latest = LatestRequests()
    add(latest, "a", tuple(attempt(number) for number in range(OF_A_HOOK + 50)))
    add(latest, "a", (attempt(1000),))
    found = latest.of_hook("a")
    assert len(found) == OF_A_HOOK
    assert [one["at"] for one in found[:2]] == [1000, OF_A_HOOK + 49]
    assert latest.of_hook("b") == []


def test_large_answers_are_bounded_by_their_bytes_and_the_hook_that_fired_longest_ago_goes_first() -> None:
    latest = LatestRequests(of_all=100_000)
    for number in range(200):
        add(latest, f"hook-{number}", (attempt(number, "\u20ac" * 1024),))
        add(latest, "busy", (attempt(number),))
    assert size(latest) <= 100_000
    assert latest.of_hook("hook-0") == []
    assert latest.of_hook("hook-199")
    assert len(latest.of_hook("busy")) == OF_A_HOOK


def test_one_hook_alone_is_kept_and_what_is_released_makes_room() -> None:
    latest = LatestRequests(of_all=10)
    add(latest, "a", (attempt(1, "x" * 100),))
    assert len(latest.of_hook("a")) == 1
    latest.release(lambda hook_id: hook_id == "a")
    assert (latest.of_hook("a"), latest._total) == ([], 0)


def test_what_is_read_again_is_shown_once() -> None:
    latest = LatestRequests()
    for _ in range(2):
        add(latest, "a", (attempt(1), attempt(2)))
    assert [one["id"] for one in latest.of_hook("a")] == ["msg_2", "msg_1"]


def test_many_small_records_are_bounded_as_well() -> None:
    latest = LatestRequests()
    for number in range(3 * OF_A_HOOK):
        add(latest, "a", (attempt(2 * number), attempt(2 * number + 1)))
    assert [one["at"] for one in latest.of_hook("a")] == list(reversed(range(5 * OF_A_HOOK, 6 * OF_A_HOOK)))
    assert len(latest._hooks["a"].values) == OF_A_HOOK / 2
