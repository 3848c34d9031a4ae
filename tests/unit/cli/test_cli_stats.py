"""The commands that show counts, as a chart and as a table."""

from __future__ import annotations

import json

import pytest

from streamhooks.cli.chart import columns, merged

HOOK = "a" * 32
PATH = f"/api/hooks/{HOOK}"


def points(*totals):
    return [{"ts": 1_700_000_000 + 10 * number, "total": total} for number, total in enumerate(totals)]


def test_the_three_counts_are_of_the_same_time(worker_api):
    worker_api.say("GET", f"{PATH}/stats", points(0, 3), points(0, 1), points(0, 2))
    found = worker_api.run("stats", HOOK, "--since", "2h", "--resolution", "10s", "--json")
    assert json.loads(found.stdout) == [
        {"ts": 1_700_000_000, "fired": 0, "delivered": 0, "failed": 0},
        {"ts": 1_700_000_010, "fired": 3, "delivered": 1, "failed": 2},
    ]
    queries = [call.query for call in worker_api.calls]
    assert [query["outcome"] for query in queries] == ["fired", "delivered", "failed"]
    assert len({query["until"] for query in queries}) == 1
    assert float(queries[0]["until"]) - float(queries[0]["since"]) == pytest.approx(7200, abs=5)
    assert {query["resolution"] for query in queries} == {"10s"}


def test_a_chart_and_a_table_tell_what_happened(worker_api):
    worker_api.say("GET", f"{PATH}/stats", points(0, 8, 4), points(0, 8, 2), points(0, 0, 2))
    shown = worker_api.run("stats", HOOK).stdout
    assert "      8 ┤ █ \n" in shown
    assert "fired from 2023-11-14 22:13:20 to 2023-11-14 22:13:40 UTC, 10 s per column" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["2023-11-14", "22:13:30", "8", "8", "0"] in rows
    assert ["all", "12", "10", "2"] in rows
    assert not any(row[:2] == ["2023-11-14", "22:13:20"] for row in rows), "where nothing was there is no row"


def test_without_anything_there_is_a_line(worker_api):
    worker_api.say("GET", f"{PATH}/stats", points(0, 0))
    assert worker_api.run("stats", HOOK, "--outcome", "failed").stdout == "nothing was sent in this period\n"
    assert len(worker_api.calls) == 1


def test_columns_are_as_high_as_their_values():
    assert columns([0, 1, 4, 8], 1) == [" ▁▄█"]
    assert columns([8, 16], 2) == [" █", "██"]
    assert columns([1, 1000], 3)[-1] == "▁█", "what is there is seen"
    assert columns([], 2) == ["", ""]


def test_too_many_columns_are_summed_and_the_last_is_whole():
    assert merged([1, 1, 1, 1, 1], 2) == ([2, 3], 3)
    assert merged([1, 2], 5) == ([1, 2], 1)
    for length in range(1, 50):
        values = list(range(length))
        groups, size = merged(values, 7)
        assert len(groups) <= 7
        assert sum(groups) == sum(values)
        assert groups[-1] == sum(values[-size:])
