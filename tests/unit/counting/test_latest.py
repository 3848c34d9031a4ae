"""The latest requests: bounded, whatever the endpoints answer."""

from __future__ import annotations

from streamhooks.counting.latest import OF_A_HOOK, LatestRequests
from streamhooks.records.firing import Attempt


def attempt(number: int, response: str | None = None) -> Attempt:
    return Attempt(f"msg_{number}", 1, number, "retried", status=500, response=response)


def size(latest: LatestRequests) -> int:
    return sum(len(value) for kept in latest._hooks.values() for value in kept)


def test_the_newest_come_first_and_the_oldest_go() -> None:
    latest = LatestRequests()
    latest.add("a", tuple(attempt(number) for number in range(OF_A_HOOK + 50)))
    latest.add("a", (attempt(1000),))
    found = latest.of_hook("a")
    assert len(found) == OF_A_HOOK
    assert [one["at"] for one in found[:2]] == [1000, OF_A_HOOK + 49]
    assert latest.of_hook("b") == []


def test_large_answers_are_bounded_by_their_bytes_and_the_hook_that_fired_longest_ago_goes_first() -> None:
    latest = LatestRequests(of_all=100_000)
    for number in range(200):
        latest.add(f"hook-{number}", (attempt(number, "\u20ac" * 1024),))
        latest.add("busy", (attempt(number),))
    assert size(latest) <= 100_000
    assert latest.of_hook("hook-0") == []
    assert latest.of_hook("hook-199")
    assert len(latest.of_hook("busy")) == OF_A_HOOK


def test_one_hook_alone_is_kept_and_what_is_released_makes_room() -> None:
    latest = LatestRequests(of_all=10)
    latest.add("a", (attempt(1, "x" * 100),))
    assert len(latest.of_hook("a")) == 1
    latest.release(lambda hook_id: hook_id == "a")
    assert (latest.of_hook("a"), latest._total) == ([], 0)


def test_what_is_read_again_is_shown_once() -> None:
    latest = LatestRequests()
    for _ in range(2):
        latest.add("a", (attempt(1), attempt(2)))
    assert [one["id"] for one in latest.of_hook("a")] == ["msg_2", "msg_1"]
