"""The command that explains what a record fired."""

from __future__ import annotations

import json

import pytest
from test_cli_traffic import ATTEMPT, CALL

HOOK = "a" * 32


def test_a_record_is_explained(worker_api):
    told = {
        "source": "t.events:3:17", "topic": "t.events", "timestamp": "2026-11-25T10:00:00.000+00:00",
        "record": {"event_id": "e" * 32, "project": "7"},
        "hooks": [
            {"hook_id": "b" * 32, "url": "http://e.test/b", "matched": False, "why": "another project",
             "webhook_id": None, "attempts": [], "pending": []},
            {"hook_id": HOOK, "url": "http://e.test/a", "matched": True, "why": "event.created of project 7",
             "webhook_id": "msg_1", "attempts": [ATTEMPT], "pending": [CALL]},
            {"hook_id": "c" * 32, "url": "http://e.test/c", "matched": False, "why": "it was created later",
             "webhook_id": "msg_2", "attempts": [ATTEMPT], "pending": []},
        ],
    }  # fmt: skip
    worker_api.say("GET", "/api/explain", told)
    shown = worker_api.run("explain", "t.events:3:17").stdout
    assert worker_api.calls[0].query == {"source": "t.events:3:17"}
    lines = shown.splitlines()
    (no,) = [line for line in lines if line.startswith("b" * 32)]
    assert no.split(maxsplit=2)[1:] == ["no", "another project             http://e.test/b"]
    assert [line for line in lines if "  webhook-id msg" in line] == [
        f"{HOOK}  webhook-id msg_1",
        f"{'c' * 32}  webhook-id msg_2",  # it got the record by a replay
    ]
    assert any({"retry", "retried", "503", "t.events:3:17"} <= {*line.split()} for line in lines)
    assert any({"retry", "waiting", "msg_1"} <= {*line.split()} for line in lines)
    assert json.loads(worker_api.run("explain", "--event-id", "e" * 32, "--since", "1000", "--json").stdout) == told
    assert worker_api.calls[-1].query == {"event_id": "e" * 32, "since": "1000.0"}


def test_a_record_that_is_gone_is_said(worker_api):
    worker_api.say("GET", "/api/explain", (404, {"detail": "retention has removed it"}))
    result = worker_api.run("explain", "t.events:3:17")
    assert (result.exit_code, result.stderr) == (1, "Error: retention has removed it\n")


@pytest.mark.parametrize(
    "arguments", [[], ["t.events:3"], ["t.events:3:17", "--event-id", "e"], ["t.events:3:17", "--since", "1h"]]
)
def test_explain_wants_one_record(worker_api, arguments):
    assert worker_api.run("explain", *arguments).exit_code == 2
    assert worker_api.calls == []


def test_a_record_that_fires_nothing_says_why(worker_api):
    at = "2026-11-25T10:00:00.000+00:00"
    told = {"source": "orders:3:17", "topic": "orders", "timestamp": at, "record": {}, "hooks": []}
    worker_api.say("GET", "/api/explain", told | {"skipped": "skipped by when: it is false"})
    shown = worker_api.run("explain", "orders:3:17").stdout
    assert shown.endswith("skipped by when: it is false\n")
    assert "the organization has no hooks" not in shown
