"""The commands that show what was missed, and that replay."""

from __future__ import annotations

import json

import pytest

from streamhooks.cli.api import Api

HOOK = "a" * 32
PATH = f"/api/hooks/{HOOK}"
STRETCH = {"id": "r1:t.events:0", "why": "replay", "topic": "t.events", "partition": 0, "sending": True}


def missed(*stretches):
    return {"records": 5, "since": None, "available_from": None, "sending": True, "stretches": list(stretches)}


def test_what_was_missed_is_shown(worker_api):
    one = {**STRETCH, "why": "disabled", "next": 5, "end": None, "sending": False}
    whole = missed(one) | {"since": "2026-11-25T10:00:00.000+00:00", "sending": False}
    worker_api.say("GET", f"{PATH}/missed", whole)
    shown = worker_api.run("missed", HOOK).stdout
    assert "2026-11-25 10:00:00" in shown
    assert "disabled  t.events          0     5  open  no       r1:t.events:0" in shown
    assert json.loads(worker_api.run("missed", HOOK, "--json").stdout) == whole
    worker_api.say("GET", f"{PATH}/missed", missed())
    assert worker_api.run("missed", HOOK).stdout == "nothing to catch up on\n"


def test_a_replay_is_counted_asked_for_sent_and_followed(worker_api):
    worker_api.say("POST", f"{PATH}/replay", {"records": 9, "matches": 4}, (202, {"replay": "r1", "records": 9}))
    other = {**STRETCH, "id": "r11:t.events:0", "next": 0, "end": 99}
    worker_api.say(
        "GET",
        f"{PATH}/missed",
        missed(other),
        missed(other, {**STRETCH, "next": 1, "end": 9}),
        missed(other, {**STRETCH, "next": 8, "end": 9}),
        missed(other),
    )
    slept: list[float] = []
    times = ("--from", "2026-11-25T10:00Z", "--to", "2026-11-25T11:00+01:00")
    result = worker_api.run(
        "replay", HOOK, *times, "--topic", "events", input="y\n", obj=Api(worker_api.base, sleep=slept.append)
    )
    assert result.exit_code == 0, result.stderr
    assert "9 records from 2026-11-25 10:00:00 to 2026-11-25 10:00:00 UTC: 4 deliveries" in result.stderr
    assert result.stdout.endswith("replay r1: 9 records\nall deliveries are under way\n")
    at = "2026-11-25T10:00:00.000+00:00"
    body = {"from": at, "to": at, "topics": ["events"]}
    assert [call[2] for call in worker_api.made()] == [{**body, "dry_run": True}, {**body, "dry_run": False}]
    # Not there at the first look is not done; twice in a row is.
    assert len([call for call in worker_api.calls if call.method == "GET"]) == 5
    assert len(slept) == 4


def test_a_dry_run_of_a_replay_sends_nothing(worker_api):
    worker_api.say("POST", f"{PATH}/replay", {"records": 9, "matches": 4})
    assert ": 4 deliveries" in worker_api.run("replay", HOOK, "--from", "2h", "--dry-run").stdout
    told = worker_api.run("replay", HOOK, "--from", "2h", "--dry-run", "--json")
    assert json.loads(told.stdout) == {"records": 9, "matches": 4}
    assert worker_api.run("replay", HOOK, "--from", "2h", input="n\n").exit_code == 1
    assert all(call[2]["dry_run"] for call in worker_api.made())


def test_a_replay_of_nothing_is_not_asked_for(worker_api):
    worker_api.say("POST", f"{PATH}/replay", {"records": 9, "matches": 0})
    assert worker_api.run("replay", HOOK, "--from", "2h").exit_code == 0
    assert len(worker_api.made()) == 1


def test_a_replay_with_yes_and_no_wait_is_one_call(worker_api):
    worker_api.say("POST", f"{PATH}/replay", (202, {"replay": "r1", "records": 9}))
    result = worker_api.run("replay", HOOK, "--from", "2h", "--yes", "--no-wait", "--json")
    assert json.loads(result.stdout) == {"replay": "r1", "records": 9}
    assert len(worker_api.calls) == 1


def test_a_replay_is_stopped(worker_api):
    worker_api.say("DELETE", f"{PATH}/replay/r1", None, status=204)
    assert worker_api.run("replay", HOOK, "--stop", "r1").exit_code == 0


@pytest.mark.parametrize("arguments", [[], ["--from", "soon"], ["--from", "1h", "--to", "2h"]])
def test_a_replay_needs_a_time(worker_api, arguments):
    assert worker_api.run("replay", HOOK, *arguments).exit_code == 2
    assert worker_api.calls == []
