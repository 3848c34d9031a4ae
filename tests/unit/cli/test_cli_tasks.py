"""The commands for calls of tasks: listed, shown, run now, dropped."""

from __future__ import annotations

import json
import time

import pytest

PATH, LETTERS = "/api/tasks", "/api/dead-letters"
CALL = {
    "call_id": "call_1", "task": "shop.send", "state": "waiting", "attempt": 2, "due": 1795600800000,
    "created": 1795600000000, "reason": "retry", "last": {"error": "ValueError: v"}, "source": "t.events:3:17",
}  # fmt: skip
COUNTS = [{"task": "shop.send", "waiting": 41, "queued": 2, "unknown": 3, "running": 7}]
LETTER = {
    "letter": "3:17", "task": "shop.send", "at": "2026-11-25T10:00:00.000+00:00", "attempts": 6,
    "reason": "retries used up: ValueError: v", "source": None, "redriven": 1,
}  # fmt: skip


def test_calls_are_listed_and_counted_by_task(worker_api):
    worker_api.say(
        "GET", PATH, {"calls": [CALL], "tasks": COUNTS, "next_cursor": "1.00"}, headers={"X-Total-Count": "43"}
    )
    result = worker_api.run("tasks", "list", "--task", "shop.send", "--state", "waiting", "--limit", "1")
    for shown in ("call_1", "shop.send", "waiting", "2026-11-25 10:00:00", "retry", "ValueError: v", "t.events:3:17"):
        assert shown in result.stdout, shown
    assert "the next 1 of 43" in result.stdout
    assert ["shop.send", "41", "2", "3", "7"] in [line.split() for line in result.stdout.splitlines()]
    assert worker_api.calls[0].query == {"task": "shop.send", "state": "waiting", "limit": "1"}
    assert json.loads(worker_api.run("tasks", "list", "--json").stdout) == [CALL]


def test_none_are_said_to_be_none(worker_api):
    worker_api.say("GET", PATH, {"calls": [], "tasks": [], "next_cursor": None})
    assert worker_api.run("tasks", "list").stdout == "no calls of tasks\n"


def test_dead_ones_are_dead_letters(worker_api):
    worker_api.say("GET", LETTERS, {"dead_letters": [LETTER], "next_cursor": None})
    result = worker_api.run("tasks", "list", "--state", "dead", "--task", "shop.send")
    for shown in ("3:17", "shop.send", "2026-11-25 10:00:00", "6", "retries used up: ValueError: v"):
        assert shown in result.stdout, shown
    assert worker_api.calls[0].query == {"kind": "task", "task": "shop.send", "limit": "20"}
    assert json.loads(worker_api.run("tasks", "list", "--state", "dead", "--json").stdout) == [LETTER]


def test_a_call_is_shown_with_its_arguments_and_nothing_that_a_terminal_obeys(worker_api):
    worker_api.say("GET", f"{PATH}/c%201%2F", {**CALL, "args": ["\x1b[2J", 1], "kwargs": {"n": 2}})
    shown = worker_api.run("tasks", "show", "c 1/").stdout
    assert "2026-11-25 10:00:00" in shown
    assert '{"n":2}' in shown
    assert "\x1b" not in shown
    worker_api.say("GET", f"{LETTERS}/3:17", LETTER)
    assert "retries used up" in worker_api.run("tasks", "show", "3:17").stdout
    assert json.loads(worker_api.run("tasks", "show", "3:17", "--json").stdout) == LETTER


def test_calls_and_letters_are_run(worker_api):
    worker_api.say("POST", f"{PATH}/a/run", CALL, status=202)
    worker_api.say("POST", f"{PATH}/b/run", CALL, status=202)
    worker_api.say("POST", f"{LETTERS}/redrive", {"redriven": 1, "skipped": 0}, status=202)
    result = worker_api.run("tasks", "run", "a", "3:17", "b")
    assert result.stdout == "2 calls set to run now, 1 call sent again\n"
    assert worker_api.made()[-1] == ("POST", f"{LETTERS}/redrive", {"letters": ["3:17"]})
    assert worker_api.run("tasks", "run", "a").stdout == "1 call set to run now\n"
    assert json.loads(worker_api.run("tasks", "run", "a", "3:17", "--json").stdout) == {"run": 1, "redriven": 1}


def test_who_runs_a_call_is_told_if_that_changes_nothing(worker_api):
    for name, state in (("a", "waiting"), ("b", "running"), ("c", "unknown"), ("d", "unknown")):
        worker_api.say("POST", f"{PATH}/{name}/run", CALL | {"state": state}, status=202)
    assert worker_api.run("tasks", "run", "b").stdout == "1 call already running\n"
    told = "1 call set to run now, 1 call already running, 2 calls waiting for a worker that knows their task\n"
    assert worker_api.run("tasks", "run", "a", "b", "c", "d").stdout == told
    assert json.loads(worker_api.run("tasks", "run", "a", "b", "c", "--json").stdout) == {"run": 1, "redriven": 0}


def test_one_that_is_not_there_ends_the_command(worker_api):
    for command in ("run", "drop"):
        method, path = ("POST", f"{PATH}/x/run") if command == "run" else ("DELETE", f"{PATH}/x")
        worker_api.say(method, path, {"detail": "call not found"}, status=404)
        result = worker_api.run("tasks", command, "x", *(["--yes"] if command == "drop" else []))
        assert result.exit_code == 1
        assert "call not found" in result.stderr


def test_a_drop_is_asked_for(worker_api):
    worker_api.say("DELETE", f"{PATH}/a", None, status=204)
    worker_api.say("POST", f"{LETTERS}/drop", {"dropped": 1, "skipped": 0})
    result = worker_api.run("tasks", "drop", "a", "3:17", input="n\n")
    assert (result.exit_code, worker_api.made()) == (1, [])
    assert "Drop 2 calls?" in result.stderr
    result = worker_api.run("tasks", "drop", "a", "3:17", input="y\n")
    assert result.stdout.endswith("2 calls dropped, 0 skipped\n")
    assert worker_api.made() == [("DELETE", f"{PATH}/a", None), ("POST", f"{LETTERS}/drop", {"letters": ["3:17"]})]


def test_all_calls_of_a_task_are_dropped_but_those_that_run(worker_api):
    pages = [[CALL, {**CALL, "call_id": "runs", "state": "running"}], [{**CALL, "call_id": "b"}]]
    worker_api.say(
        "GET", PATH, *({"calls": page, "tasks": [], "next_cursor": next_one}
                       for page, next_one in zip(pages, ("5.00", None), strict=True)),
    )  # fmt: skip
    worker_api.say("DELETE", f"{PATH}/call_1", None, status=204)
    worker_api.say("DELETE", f"{PATH}/b", {"detail": "call not found"}, status=404)
    result = worker_api.run("tasks", "drop", "--task", "shop.send", "--yes")
    assert result.stdout == "1 call dropped, 1 skipped\n"
    assert [path for _, path, _ in worker_api.made()] == [f"{PATH}/call_1", f"{PATH}/b"]
    assert [call.query.get("cursor") for call in worker_api.calls[:2]] == [None, "5.00"]


@pytest.mark.parametrize("arguments", [(), ("a", "--task", "t"), ("a", "--state", "waiting")])
def test_a_drop_of_what_is_not_said_is_wrong_usage(worker_api, arguments):
    result = worker_api.run("tasks", "drop", *arguments)
    assert (result.exit_code, worker_api.calls) == (2, [])


def test_how_long_a_call_still_waits(worker_api):
    later = {**CALL, "due": int(time.time() * 1000) + 7_200_000}
    worker_api.say("GET", PATH, {"calls": [later, CALL | {"due": 0}], "tasks": [], "next_cursor": None})
    lines = worker_api.run("tasks", "list").stdout.splitlines()
    assert any(f" {wait} s" in lines[1] for wait in ("7200", "7199", "7198"))
    assert " 0 s" in lines[2]
