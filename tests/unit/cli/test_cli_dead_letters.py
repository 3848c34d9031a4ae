"""The commands for dead letters: listed, shown, sent again, dropped."""

from __future__ import annotations

import json

import pytest

HOOK = "a" * 32
PATH = f"/api/hooks/{HOOK}"
LETTER = {
    "letter": "3:17", "webhook_id": "msg_1", "id": "msg_9",
    "at": "2026-11-25T10:00:00.000+00:00", "reason": "404 Not Found", "hook_id": HOOK,
    "state": "open", "url": "http://e.test/hook", "organization_id": "1",
    "task": "a.task", "attempts": 1, "last": {"status": 404}, "source": "t.events:3:17", "redriven": 0,
    "truncated": False,
}  # fmt: skip


def test_dead_letters_are_listed_by_filters(worker_api):
    worker_api.say("GET", "/api/dead-letters", {"dead_letters": [LETTER], "next_cursor": None})
    result = worker_api.run("dead-letters", "list", "--hook", HOOK, "--reason", "404", "--since", "2026-11-25")
    for shown in ("3:17", "2026-11-25 10:00:00", "open", HOOK, "http://e.test", "a.task", "404", "t.events:3:17"):
        assert shown in result.stdout, shown
    assert worker_api.calls[0].query == {
        "hook_id": HOOK, "reason": "404", "since": "1795564800.0", "limit": "20", "state": "open",
    }  # fmt: skip
    assert json.loads(worker_api.run("dead-letters", "list", "--json").stdout) == [LETTER]


def test_a_dead_letter_is_shown_with_its_bytes(worker_api):
    worker_api.say("GET", "/api/dead-letters/3:17", {**LETTER, "task": None, "raw": "AP9oaQ=="})
    shown = worker_api.run("dead-letters", "show", "3:17").stdout
    assert "404 Not Found" in shown
    assert ["webhook-id", "msg_1"] in [line.split() for line in shown.splitlines()]
    assert "msg_9" not in shown
    assert "\\x00\\xffhi" in shown


REDRIVE = "/api/dead-letters/redrive"


def test_a_redrive_is_counted_first_and_asked_for(worker_api):
    worker_api.say("POST", REDRIVE, {"redriven": 3, "skipped": 1}, (202, {"redriven": 3, "skipped": 1}))
    result = worker_api.run("dead-letters", "redrive", "--hook", HOOK, "--since", "2026-11-25", input="y\n")
    assert result.exit_code == 0, result.stderr
    assert "Send 3 dead letters again (1 skipped)?" in result.stderr
    assert result.stdout.endswith("3 dead letters sent again, 1 skipped\n")
    body = {"hook_id": HOOK, "since": "2026-11-25T00:00:00.000+00:00", "force": False}
    assert [call[2] for call in worker_api.made()] == [{**body, "dry_run": True}, {**body, "dry_run": False}]


def test_a_redrive_that_nobody_agrees_to_is_none(worker_api):
    worker_api.say("POST", REDRIVE, {"redriven": 3, "skipped": 0})
    assert worker_api.run("dead-letters", "redrive", "3:17", input="n\n").exit_code == 1
    shown = worker_api.run("dead-letters", "redrive", "3:17", "--dry-run").stdout
    assert shown == "3 dead letters would be sent again, 0 skipped\n"
    assert all(call[2]["dry_run"] for call in worker_api.made())


@pytest.mark.parametrize(("number", "skipped"), [(0, 0), (0, 2)])
def test_nobody_is_asked_about_nothing(worker_api, number, skipped):
    worker_api.say("POST", REDRIVE, {"redriven": number, "skipped": skipped})
    result = worker_api.run("dead-letters", "redrive", "--hook", HOOK)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{number} dead letters would be sent again, {skipped} skipped\n"
    assert all(call[2]["dry_run"] for call in worker_api.made())


def test_one_is_told_as_one(worker_api):
    worker_api.say("POST", REDRIVE, {"redriven": 1, "skipped": 0}, (202, {"redriven": 1, "skipped": 0}))
    result = worker_api.run("dead-letters", "redrive", "--hook", HOOK, input="y\n")
    assert "Send 1 dead letter again?" in result.stderr
    assert result.stdout.endswith("1 dead letter sent again, 0 skipped\n")
    worker_api.say("POST", f"{PATH}/replay", {"records": 1, "matches": 1}, (202, {"replay": "r1", "records": 1}))
    result = worker_api.run("replay", HOOK, "--from", "1h", "--no-wait", input="y\n")
    assert "1 record from" in result.stderr
    assert "Send 1 delivery?" in result.stderr
    assert result.stdout.endswith("replay r1: 1 record\n")


def test_a_redrive_with_yes_is_done_at_once(worker_api):
    worker_api.say("POST", REDRIVE, (202, {"redriven": 2, "skipped": 0}))
    result = worker_api.run("dead-letters", "redrive", "3:17", "0:4", "--yes", "--force", "--json")
    assert json.loads(result.stdout) == {"redriven": 2, "skipped": 0}
    assert worker_api.made() == [("POST", REDRIVE, {"letters": ["3:17", "0:4"], "force": True, "dry_run": False})]


def test_what_nobody_needs_is_dropped(worker_api):
    worker_api.say("POST", "/api/dead-letters/drop", {"dropped": 3, "skipped": 1}, {"dropped": 3, "skipped": 1})
    asked = ("--hook-url", "e.test", "--task", "a.task", "--organization", "1")
    result = worker_api.run("dead-letters", "drop", *asked, input="y\n")
    assert "Drop 3 dead letters (1 skipped)?" in result.output
    assert result.stdout.endswith("3 dead letters dropped, 1 skipped\n")
    wish = {"url": "e.test", "task": "a.task", "organization_id": "1"}
    assert worker_api.made() == [
        ("POST", "/api/dead-letters/drop", {**wish, "dry_run": True}),
        ("POST", "/api/dead-letters/drop", {**wish, "dry_run": False}),
    ]


@pytest.mark.parametrize("arguments", [[], ["--force"], ["3:17", "--hook", HOOK]])
def test_a_redrive_of_everything_is_none(worker_api, arguments):
    assert worker_api.run("dead-letters", "redrive", *arguments).exit_code == 2
    assert worker_api.calls == []
