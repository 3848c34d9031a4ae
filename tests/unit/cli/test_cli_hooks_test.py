"""`streamhooks hooks test`: what is asked for, and what is shown of both sides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from streamhooks.cli import main

TOLD = {
    "event": "issue.created", "webhook_id": "msg_1", "outcome": "failed", "status": 500, "error": None,
    "duration_ms": 12.5, "url": "http://e.test/in",
    "request_headers": [{"name": "X-Key", "value": "********"}, {"name": "webhook-id", "value": "msg_1"}],
    "request": '{"sent":1}',
    "response_headers": [
        {"name": "X-\x1b[31m", "value": "\u202ered"}, {"name": "Empty", "value": ""},
        {"name": "Set-Cookie", "value": "a"}, {"name": "Set-Cookie", "value": "b"},
    ],
    "response": "no \x1b[0m",
}  # fmt: skip


@pytest.mark.parametrize(("outcome", "code"), [("delivered", 0), ("failed", 1)])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_test_that_is_not_delivered_ends_with_1(worker_api, outcome, code, options):
    hook = worker_api.add()
    worker_api.say("POST", f"/api/hooks/{hook}/test", {**TOLD, "outcome": outcome})
    result = worker_api.run("hooks", "test", hook, *options)
    assert result.exit_code == code
    assert outcome in result.stdout
    assert worker_api.made() == [("POST", f"/api/hooks/{hook}/test", None)]


def test_what_was_sent_and_what_came_back_is_shown_cleaned(worker_api):
    hook = worker_api.add()
    worker_api.say("POST", f"/api/hooks/{hook}/test", TOLD)
    shown = worker_api.run("hooks", "test", hook).stdout
    head, sent, came = shown.replace("\r", "").split("\n\n", 1)[0], *shown.split("request to ")[1].split("\nresponse\n")
    assert ["webhook-id", "msg_1"] in [line.split() for line in head.splitlines()]
    assert sent == 'http://e.test/in\nX-Key: ********\nwebhook-id: msg_1\n\n{"sent":1}\n'
    assert came == "X-\\x1b[31m: \\u202ered\nEmpty: \nSet-Cookie: a\nSet-Cookie: b\n\nno \\x1b[0m\n"


def test_of_what_was_not_sent_neither_side_is_shown(worker_api):
    hook = worker_api.add()
    nothing = {"status": None, "error": "denied: 10.0.0.1 is private", "request": None, "response": ""}
    nothing |= {"request_headers": [], "response_headers": []}
    worker_api.say("POST", f"/api/hooks/{hook}/test", {**TOLD, **nothing})
    result = worker_api.run("hooks", "test", hook)
    assert "request to" not in result.stdout
    assert "response" not in result.stdout
    assert result.stderr == "Error: not delivered: denied: 10.0.0.1 is private\n"


@pytest.mark.parametrize("how", ["here", "file", "stdin"])
def test_the_body_goes_out_as_it_is_given(worker_api, tmp_path: Path, how):
    hook = worker_api.add()
    worker_api.say("POST", f"/api/hooks/{hook}/test", {**TOLD, "outcome": "delivered"})
    text, file = ' {"n": 1.50, "big": 18446744073709551616, "e": "\u00e9"}', tmp_path / "body.json"
    file.write_text(text)
    given = {"here": text, "file": str(file), "stdin": "-"}[how]
    result = worker_api.run("hooks", "test", hook, "--event", "issue.created", "--body", given, input=text)
    assert result.exit_code == 0, result.stderr
    body = {"n": 1.5, "big": 18446744073709551616, "e": "\u00e9"}
    assert worker_api.made() == [("POST", f"/api/hooks/{hook}/test", {"event": "issue.created", "body": body})]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{", "this is not JSON: "),
        ("[1]", "this is not a JSON object"),
        ("-", "stdin is not JSON: "),
        ("nowhere.json", "'nowhere.json' is neither JSON nor a readable file: No such file"),
    ],
)
def test_what_is_no_body_is_a_wrong_use(worker_api, body, why):
    result = worker_api.run("hooks", "test", "a" * 32, "--body", body, input="x")
    assert result.exit_code == 2
    assert why in result.stderr
    assert worker_api.calls == []


def test_a_sample_is_printed_to_be_edited(worker_api):
    hook, body = worker_api.add(), {"action": "created", "data": {"issue": {"id": "1"}}}
    sample = {"event": "issue.created", "events": ["issue.created"], "body": body}
    worker_api.say("GET", f"/api/hooks/{hook}/test", sample, sample)
    shown = worker_api.run("hooks", "test", hook, "--event", "issue.created", "--sample").stdout
    assert (json.loads(shown), shown.count("\n") > 5) == (body, True)
    assert worker_api.calls[0].query == {"event": "issue.created"}
    assert json.loads(worker_api.run("hooks", "test", hook, "--sample", "--json").stdout) == sample
    assert worker_api.run("hooks", "test", hook, "--sample", "--body", "{}").exit_code == 2


def test_an_event_that_the_hook_can_not_get_is_told(worker_api):
    hook = worker_api.add()
    worker_api.say("POST", f"/api/hooks/{hook}/test", (400, {"event": "'x.y' can't fire this hook"}))
    result = worker_api.run("hooks", "test", hook, "--event", "x.y")
    assert (result.exit_code, result.stderr) == (1, "Error: event: 'x.y' can't fire this hook\n")


def test_events_of_the_hook_are_completed(worker_api, monkeypatch):
    hook = worker_api.add()
    found = {"event": "a.b", "events": ["a.b", "issue.assigned", "issue.created"], "body": {}}
    worker_api.say("GET", f"/api/hooks/{hook}/test", found, (404, {"detail": "hook not found"}))
    monkeypatch.setenv("STREAMHOOKS_URL", worker_api.base)
    monkeypatch.setenv("COMP_WORDS", f"streamhooks hooks test {hook} --event issue.")
    monkeypatch.setenv("COMP_CWORD", "5")
    completing = BashComplete(main, {}, "streamhooks", "_STREAMHOOKS_COMPLETE")
    assert completing.complete() == "plain,issue.assigned\nplain,issue.created"
    assert completing.complete() == ""
