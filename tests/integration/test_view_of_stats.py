"""The stats view: what it counts, and which points it shows."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from installation import Hook, Installation, event
from support import Answer, eventually

SETTINGS = {"retry_delay": 0.3, "max_retries": 2}
DAY = 86_400


@pytest.fixture(scope="module")
def hook(installation: Installation) -> Hook:
    """A hook that fired 4 times: of 2 records, one was delivered, one given up after 2 retries."""
    made = installation.create_hook("known", behaviour="status=500&fail=0")
    path = installation.receiver.url(made.path)
    assert installation.api.put(f"/api/hooks/{made.id}", {"url": path}).status == 200
    installation.produce("events", "11", event("known"))
    made.received(1)
    assert installation.api.put(f"/api/hooks/{made.id}", {"url": f"{path}?status=500"}).status == 200
    installation.produce("events", "11", event("known"))
    made.received(4)
    eventually(lambda: installation.totals(made) == (4, 1, 3))
    return made


def stats(installation: Installation, hook: Hook, **query: object) -> Answer:
    return installation.api.get(f"/api/hooks/{hook.id}/stats", **query)


def points(installation: Installation, hook: Hook, **query: object) -> list[dict[str, int]]:
    answer = stats(installation, hook, **query)
    assert answer.status == 200, answer
    return answer.json


def test_by_default_24_hours_up_to_this_one(installation: Installation, hook: Hook) -> None:
    before = int(time.time())
    found = points(installation, hook)
    after = int(time.time())
    assert len(found) == 24
    assert all(list(point) == ["ts", "total"] for point in found)
    assert found[-1]["ts"] in (before // 3600 * 3600, after // 3600 * 3600)
    assert [point["ts"] for point in found] == [found[-1]["ts"] - 3600 * back for back in range(23, -1, -1)]
    # The hour may have turned since the hook fired.
    assert sum(point["total"] for point in found[-2:]) == 4
    assert {point["total"] for point in found[:-2]} == {0}


@pytest.mark.parametrize(("outcome", "total"), [("fired", 4), ("delivered", 1), ("failed", 3)])
def test_each_outcome(installation: Installation, hook: Hook, outcome: str, total: int) -> None:
    assert sum(point["total"] for point in points(installation, hook, outcome=outcome)) == total


@pytest.mark.parametrize(
    ("resolution", "rollup"), [("10s", 10), ("1h", 3600), ("60m", 3600), ("3600s", 3600), ("1d", DAY), ("24h", DAY)]
)
def test_resolutions(installation: Installation, hook: Hook, resolution: str, rollup: int) -> None:
    until = time.time()
    found = points(installation, hook, resolution=resolution, since=until - 6 * rollup, until=until)
    assert len(found) == 7
    assert found[-1]["ts"] == int(until) // rollup * rollup
    assert {later["ts"] - earlier["ts"] for earlier, later in pairwise(found)} == {rollup}


def test_each_rollup_holds_all(installation: Installation, hook: Hook) -> None:
    for resolution, span in (("10s", 1800), ("1h", DAY), ("1d", 3 * DAY)):
        found = points(installation, hook, resolution=resolution, since=time.time() - span)
        assert sum(point["total"] for point in found) == 4, resolution


def test_the_finest_buckets_are_those_of_the_attempts(installation: Installation, hook: Hook) -> None:
    expected: dict[int, int] = {}
    for one in installation.latest(hook):
        bucket = one["at"] // 10_000 * 10
        expected[bucket] = expected.get(bucket, 0) + 1
    found = points(installation, hook, resolution="10s", since=time.time() - 1800)
    assert {point["ts"]: point["total"] for point in found if point["total"]} == expected


@pytest.mark.parametrize(
    ("span", "rollup"),
    [(3600, 10), (3601, 3600), (7 * DAY, 3600), (7 * DAY + 1, DAY), (200 * DAY, DAY)],
)
def test_without_a_resolution_the_finest_that_reaches(
    installation: Installation, hook: Hook, span: int, rollup: int
) -> None:
    until = int(time.time())
    found = points(installation, hook, since=until - span, until=until)
    assert len(found) == span // rollup + 1
    assert found[-1]["ts"] - found[-2]["ts"] == rollup


def test_what_is_older_than_kept_is_zero(installation: Installation, hook: Hook) -> None:
    until = time.time()
    found = points(installation, hook, resolution="10s", since=until - 2 * 3600, until=until)
    assert len(found) == 721
    assert {point["total"] for point in found[:300]} == {0}
    future = points(installation, hook, resolution="1h", since=until + DAY, until=until + DAY)
    assert [point["total"] for point in future] == [0]


def test_a_hook_that_never_fired(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    assert [point["total"] for point in points(installation, hook)] == [0] * 24


@pytest.mark.parametrize("resolution", ["1m", "10", "0s", "-10s", "10S", "1w", "1.0h", "h", "10 s"])
def test_no_rollup(installation: Installation, hook: Hook, resolution: str) -> None:
    answer = stats(installation, hook, resolution=resolution)
    assert (answer.status, answer.json) == (400, {"detail": "Invalid resolution"})


@pytest.mark.parametrize(
    "query",
    [
        {"since": 2000, "until": 1000},
        {"since": "yesterday"},
        {"until": "nan"},
        {"outcome": "lost"},
        {"colour": "red"},
        {"resolution": "10s", "since": 0},
    ],
)
def test_bad_calls(installation: Installation, hook: Hook, query: dict) -> None:
    answer = stats(installation, hook, **query)
    assert answer.status == 400
    assert isinstance(answer.json, dict)
    assert answer.json


def test_at_most_10000_points(installation: Installation, hook: Hook) -> None:
    until = int(time.time())
    assert len(points(installation, hook, resolution="10s", since=until - 99_990, until=until)) == 10_000
    assert stats(installation, hook, resolution="10s", since=until - 100_000, until=until).status == 400


def test_an_unknown_hook(installation: Installation) -> None:
    assert installation.api.get(f"/api/hooks/{'0' * 32}/stats").status == 404
