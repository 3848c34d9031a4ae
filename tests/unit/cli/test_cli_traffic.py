"""`stats`, `requests`, `pending`, `dead-letters`, `missed`, `replay` and `explain`, as the API is described."""

from __future__ import annotations

import json

import pytest

from streamhooks.cli.api import Api
from streamhooks.cli.chart import columns, merged

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
LETTER = {
    "letter": "3:17", "webhook_id": "msg_1", "id": "msg_9",
    "at": "2026-11-25T10:00:00.000+00:00", "reason": "404 Not Found", "hook_id": HOOK,
    "state": "open", "url": "http://e.test/hook", "organization_id": "1",
    "task": "a.task", "attempts": 1, "last": {"status": 404}, "source": "t.events:3:17", "redriven": 0,
    "truncated": False,
}  # fmt: skip


def points(*totals):
    return [{"ts": 1_700_000_000 + 10 * number, "total": total} for number, total in enumerate(totals)]


# --- stats


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


# --- requests and pending


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


# --- dead letters


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


# --- missed and replay

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


# --- explain


def test_a_record_is_explained(worker_api):
    told = {
        "source": "t.events:3:17", "topic": "t.events", "timestamp": "2026-11-25T10:00:00.000+00:00",
        "record": {"event_id": "e" * 32, "project": "7"},
        "hooks": [
            {"hook_id": "b" * 32, "url": "http://e.test/b", "matched": False, "why": "another project",
             "webhook_id": None, "attempts": [], "pending": []},
            {"hook_id": HOOK, "url": "http://e.test/a", "matched": True, "why": "event.created of project 7",
             "webhook_id": "msg_1", "attempts": [ATTEMPT], "pending": [CALL]},
        ],
    }  # fmt: skip
    worker_api.say("GET", "/api/explain", told)
    shown = worker_api.run("explain", "t.events:3:17").stdout
    assert worker_api.calls[0].query == {"source": "t.events:3:17"}
    lines = shown.splitlines()
    (no,) = [line for line in lines if line.startswith("b" * 32)]
    assert no.split(maxsplit=2)[1:] == ["no", "another project             http://e.test/b"]
    assert f"{HOOK}  webhook-id msg_1" in lines
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
