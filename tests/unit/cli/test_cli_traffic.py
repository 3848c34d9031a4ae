"""`stats`, `requests`, `pending`, `dead-letters`, `missed`, `replay` and `explain`, as the API is described."""

from __future__ import annotations

import json

import pytest

HOOK = "a" * 32
PATH = f"/api/hooks/{HOOK}"
ATTEMPT = {
    "webhook_id": "msg_1", "id": "msg_1", "cause": "retry",
    "attempt": 2, "at": 1_700_000_000_000, "outcome": "retried", "status": 503, "error": None,
    "duration_ms": 12.5, "source": "t.events:3:17", "event": "event.created", "url": "http://e.test/",
    "request": '{"event":1}', "response": "busy \x1b[31m",
}  # fmt: skip
GOOD = {**ATTEMPT, "webhook_id": "msg_2", "id": "msg_2", "outcome": "delivered", "status": 200}
CALL = {
    "call_id": "msg_9", "task": "a.task", "event": "event.created", "attempt": 3, "due": 1_700_000_060_000,
    "created": 1_700_000_000_000, "reason": "retry", "state": "waiting", "last": {"status": 503},
    "source": "t.events:3:17", "webhook_id": "msg_1",
}  # fmt: skip


def test_attempts_are_shown(worker_api):
    worker_api.say("GET", f"{PATH}/requests", [ATTEMPT, GOOD])
    shown = worker_api.run("requests", HOOK, "--limit", "5").stdout
    assert (
        "2023-11-14 22:13:20  event.created        2  retry  retried    503     12.5  msg_1       t.events:3:17"
        in shown
    )
    assert worker_api.calls[0].query == {"limit": "5"}
    failed = worker_api.run("requests", HOOK, "--failed", "--bodies").stdout
    assert ["webhook-id", "msg_1"] in [line.split() for line in failed.splitlines()]
    assert "msg_2" not in failed
    assert '{"event":1}' in failed
    assert "busy \\x1b[31m" in failed
    assert json.loads(worker_api.run("requests", HOOK, "--json").stdout) == [ATTEMPT, GOOD]


ATTEMPTS = "/api/attempts"
FOUND = {**ATTEMPT, "hook_id": HOOK}


def found(*attempts, cursor=None, back="2026-11-25T10:00:00.000+00:00"):
    return {"attempts": list(attempts), "next_cursor": cursor, "looked_back_to": back}


def test_attempts_are_searched_for_page_by_page(worker_api):
    worker_api.say("GET", ATTEMPTS, found(cursor="0:9"), found(FOUND, cursor="0:5:1"), found({**FOUND, **GOOD}))
    asked = ("--webhook-id", "msg_1", "--status", "503", "--outcome", "retried", "--event", "event.created")
    result = worker_api.run("requests", *asked, "--since", "1000", "--until", "2000", "--limit", "2")
    assert f"{HOOK}  event.created        2  retry  retried" in result.stdout, result.output
    assert "msg_2" in result.stdout
    wanted = {
        "webhook_id": "msg_1", "status": "503", "outcome": "retried", "event": "event.created",
        "since": "1000.0", "until": "2000.0",
    }  # fmt: skip
    assert [call.query for call in worker_api.calls] == [
        {**wanted, "limit": "2"},
        {**wanted, "limit": "2", "cursor": "0:9"},
        {**wanted, "limit": "1", "cursor": "0:5:1"},
    ]
    worker_api.say("GET", ATTEMPTS, found(back=None))
    assert worker_api.run("requests", HOOK, "--since", "1h").stdout == "no attempts found\n"
    assert worker_api.calls[-1].query["hook_id"] == HOOK
    assert worker_api.run("requests", HOOK, "--since", "1h", "--json").stdout == "[]\n"


@pytest.mark.parametrize("arguments", [[], ["--failed"], ["--status", "5xx"], ["--status", "99"], ["--outcome", "x"]])
def test_a_search_says_what_it_is_for(worker_api, arguments):
    assert worker_api.run("requests", *arguments).exit_code == 2
    assert worker_api.calls == []


def test_a_request_is_sent_once_more(worker_api):
    path = f"{PATH}/requests/msg_1/resend"
    sent = {"call_id": "c", "webhook_id": "msg_1", "source": "t.events:3:17"}
    worker_api.say("POST", path, (202, sent))
    worker_api.say("GET", ATTEMPTS, found({**FOUND, "source": None}, cursor="0:9"), found(FOUND, cursor="0:5"))
    result = worker_api.run("resend", HOOK, "msg_1")
    assert (result.exit_code, result.stdout) == (0, "msg_1 is sent again, from t.events:3:17\n"), result.output
    assert [call.query["webhook_id"] for call in worker_api.calls[:-1]] == ["msg_1"] * 2
    assert json.loads(worker_api.run("resend", HOOK, "msg_1", "--source", "t.events:3:17", "--json").stdout) == sent
    assert worker_api.made() == [("POST", path, {"source": "t.events:3:17"})] * 2
    worker_api.say("GET", ATTEMPTS, found())
    result = worker_api.run("resend", HOOK, "msg_1")
    assert (result.exit_code, "no attempt of msg_1 with a source was found" in result.stderr) == (1, True)
    gone = "Kafka no longer has the record t.events:3:17: its request can't be sent again"
    worker_api.say("POST", path, (404, {"detail": gone}))
    result = worker_api.run("resend", HOOK, "msg_1", "--source", "t.events:3:17")
    assert (result.exit_code, result.stderr) == (1, f"Error: {gone}\n")


def test_what_waits_is_shown_with_how_many_there_are(worker_api):
    worker_api.say("GET", f"{PATH}/pending", [CALL], headers={"X-Total-Count": "12"})
    shown = worker_api.run("pending", HOOK).stdout
    assert shown.startswith("webhook-id  event ")
    assert "msg_1       event.created  2023-11-14 22:14:20  0 s        3  retry  waiting  503   t.events:3:17" in shown
    assert "the next 1 of 12" in shown
    assert json.loads(worker_api.run("pending", HOOK, "--json").stdout) == [CALL]


def test_calls_are_run_and_dropped(worker_api):
    worker_api.say("POST", f"{PATH}/pending/one/retry", CALL, status=202)
    worker_api.say("DELETE", f"{PATH}/pending/two%2F..", None, status=204)
    result = worker_api.run("pending", HOOK, "--retry", "one", "--drop", "two/..")
    assert (result.exit_code, result.stdout) == (0, "1 call set to run now, 1 call dropped\n")
    worker_api.say("DELETE", f"{PATH}/pending/three", (409, {"detail": "the call is running"}))
    assert worker_api.run("pending", HOOK, "--drop", "three").stderr == "Error: the call is running\n"
