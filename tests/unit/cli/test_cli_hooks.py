"""`streamhooks hooks …` against the fake of a worker, whose hooks are made by the real rules."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest

from streamhooks.cli import resuming
from streamhooks.masking import MASK


def made_by(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_hook_is_made_with_all_fields(worker_api):
    made = made_by(
        worker_api.run(
            "hooks", "add", "http://e.test/x", "--organization", "7", "--project", "2", "--project", "1",
            "--event", "event.alert", "--header", "Authorization: Bearer: x", "--timeout", "3", "--max-in-flight", "5",
            "--rate-limit", "0.5", "--retry-schedule", "1,60", "--disabled", "--json", "--name", "Orders",
            "--description", "For the shop",
        )
    )  # fmt: skip
    assert made["secret"].startswith("whsec_")
    hook = worker_api.hooks[made["id"]]
    assert (hook.organization_id, hook.project_ids, hook.events) == ("7", ("1", "2"), ("event.alert",))
    assert (hook.headers, hook.timeout, hook.status) == ({"Authorization": "Bearer: x"}, 3.0, "disabled")
    assert (hook.max_in_flight, hook.rate_limit, hook.retry_schedule) == (5, 0.5, (1.0, 60.0))
    assert (hook.name, hook.description) == ("Orders", "For the shop")


def test_a_name_is_changed_and_taken_away(worker_api):
    hook = worker_api.add(name="Orders", description="For the shop")
    assert worker_api.run("hooks", "edit", hook, "--name", "Sales").exit_code == 0
    assert (worker_api.hooks[hook].name, worker_api.hooks[hook].description) == ("Sales", "For the shop")
    shown = worker_api.run("hooks", "show", hook).stdout
    assert "Sales" in shown
    assert "For the shop" in shown
    assert worker_api.run("hooks", "edit", hook, "--unset", "name", "--unset", "description").exit_code == 0
    assert (worker_api.hooks[hook].name, worker_api.hooks[hook].description) == (None, None)
    refused = worker_api.run("hooks", "edit", hook, "--name", "a\nb")
    assert (refused.exit_code, "name: must be one line without control characters" in refused.stderr) == (1, True)


def test_a_service_hook_without_events_gets_those_of_events(worker_api):
    assert made_by(worker_api.run("hooks", "add", "http://e.test", "--organization", "1", "--json"))["events"] == [
        "event.created"
    ]


def test_a_secret_can_come_by_stdin(worker_api):
    arguments = ("hooks", "add", "http://e.test", "--organization", "1", "--secret", "-", "--json")
    made = made_by(worker_api.run(*arguments, input="a secret of my own\nmore"))
    assert worker_api.hooks[made["id"]].secret == "a secret of my own"


def test_the_secret_is_seen_once(worker_api):
    shown = worker_api.run("hooks", "add", "http://e.test/", "--organization", "1").stdout
    (hook,) = worker_api.hooks.values()
    assert hook.secret in shown
    for command in ("show", "disable", "enable"):
        result = worker_api.run("hooks", command, hook.id)
        assert "whsec_********" in result.stdout
    fresh = worker_api.run("hooks", "rotate-secret", hook.id).stdout.strip()
    assert fresh == worker_api.hooks[hook.id].secret != hook.secret


def test_the_list_is_for_people_and_programs(worker_api):
    ids = {worker_api.add(url=f"http://e.test/{'long' * 40}/{number}") for number in range(3)}
    worker_api.add(organization_id="2")
    found = made_by(worker_api.run("hooks", "list", "--organization", "1", "--json"))
    assert {hook["id"] for hook in found} == ids
    lines = worker_api.run("hooks", "list", "--organization", "1").stdout.splitlines()
    assert len(lines) == 4, "what goes to a pipe is one line a hook"
    assert [line for line in lines if line != line.rstrip()] == []
    assert worker_api.run("hooks", "list", "--app", "none").stdout == "no hooks\n"


def in_trouble(worker_api, hook: str, trouble: str | None, **fields):
    shown = made_by(worker_api.run("hooks", "show", hook, "--json"))
    return {**shown, "trouble": trouble, **fields}


def test_the_list_begins_with_what_needs_a_person_and_names_it(worker_api):
    ids = sorted(worker_api.add(name=f"Name {number}", project_ids=["7"]) for number in range(5))
    troubles = [
        in_trouble(worker_api, ids[0], None, status="disabled"),
        in_trouble(worker_api, ids[1], None),
        in_trouble(worker_api, ids[2], "failing", failing_since="2026-11-25T10:00:00.000+00:00"),
        in_trouble(worker_api, ids[3], "failing", failing_since="2026-11-24T10:00:00.000+00:00"),
        in_trouble(worker_api, ids[4], "disabled_by_system", status="disabled"),
    ]
    worker_api.say("GET", "/api/hooks", {"hooks": troubles, "next_cursor": None})
    found = made_by(worker_api.run("hooks", "list", "--json"))
    assert [hook["id"] for hook in found] == [ids[4], ids[3], ids[2], ids[1], ids[0]]
    assert "sort" not in worker_api.calls[-1].query
    assert made_by(worker_api.run("hooks", "list", "--sort", "id", "--json")) == troubles
    head, *rows = worker_api.run("hooks", "list").stdout.splitlines()
    assert head.split() == ["id", "name", "organization", "app", "projects", "status", "url", "events"]
    for row, hook, status in zip(
        rows, found, ("disabled by system", "failing", "failing", "active", "disabled"), strict=True
    ):
        assert row.startswith(f"{hook['id']}  {hook['name']}")
        assert status in row


def test_of_the_first_few_the_worker_knows_which_they_are(worker_api):
    worker_api.say("GET", "/api/hooks", {"hooks": [], "next_cursor": None})
    options = ("--state", "breaker_open", "--organization", "1", "--project", "2", "--app", "3", "--search", "x")
    assert worker_api.run("hooks", "list", *options, "--limit", "5").exit_code == 0
    assert worker_api.calls[-1].query == {
        "state": "breaker_open", "organization_id": "1", "project_id": "2", "app_id": "3", "q": "x", "limit": "5",
        "sort": "trouble",
    }  # fmt: skip
    assert worker_api.run("hooks", "list", "--state", "sad").exit_code == 2


def test_a_worker_that_knows_neither_names_nor_troubles_is_listed(worker_api):
    old = in_trouble(worker_api, worker_api.add(), None)
    for name in ("name", "description", "trouble"):
        del old[name]
    worker_api.say("GET", "/api/hooks", {"hooks": [old], "next_cursor": None})
    result = worker_api.run("hooks", "list")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 2)


def test_what_a_stranger_wrote_drives_no_terminal(worker_api):
    worker_api.say("GET", "/api/hooks", {"hooks": [], "next_cursor": None})
    hook = worker_api.add()
    shown = made_by(worker_api.run("hooks", "show", hook, "--json"))
    worker_api.say("GET", f"/api/hooks/{hook}", {**shown, "status_reason": "410: \x1b]0;x\x07 \u202e [bold]b[/bold]"})
    text = worker_api.run("hooks", "show", hook).stdout
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"\x1b]0;x\x07 \u202e [bold]b[/bold]" in text


def test_an_endpoint_at_another_origin_needs_the_headers_again(worker_api):
    hook = worker_api.add(headers={"X-A": "1", "X-B": "2"})
    moved = ("hooks", "edit", hook, "--endpoint", "https://attacker.example/")
    for more, missing in (((), "X-A, X-B"), (("--header", "X-A: 3"), "X-B")):
        refused = worker_api.run(*moved, *more)
        assert refused.exit_code == 1
        assert f"headers: the URL moves to another origin: give the values of {missing} again" in refused.stderr
    assert worker_api.run(*moved, "--header", "X-A: 3", "--header", "X-B:").exit_code == 0
    assert worker_api.hooks[hook].headers == {"X-A": "3"}


def test_an_edit_changes_only_what_is_given(worker_api):
    hook = worker_api.add(headers={"X-A": "1", "X-B": "2"}, timeout=3)
    worker_api.run("hooks", "edit", hook, "--endpoint", "http://e.test/new", "--header", "X-C: 3", "--header", "x-a:")
    now = worker_api.hooks[hook]
    assert (now.url, now.headers, now.timeout) == ("http://e.test/new", {"X-B": "2", "X-C": "3"}, 3.0)
    assert worker_api.made("PUT")[0][2]["headers"] == {"X-B": MASK, "X-C": "3"}
    assert worker_api.run("hooks", "edit", hook, "--unset", "timeout", "--unset", "headers").exit_code == 0
    assert (worker_api.hooks[hook].timeout, worker_api.hooks[hook].headers) == (None, None)
    assert worker_api.run("hooks", "edit", hook).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ([], {"status": "active"}),
        (["--resume", "skip"], {"status": "active", "resume": "skip"}),
        (["--resume", "all"], {"status": "active", "resume": "all"}),
        (["--resume", "1700000000.5"], {"status": "active", "resume": "2023-11-14T22:13:20.500+00:00"}),
        (["--resume", "2026-11-25T10:00"], {"status": "active", "resume": "2026-11-25T10:00:00.000+00:00"}),
    ],
)
def test_enabling_says_what_becomes_of_what_was_missed(worker_api, arguments, body):
    hook = worker_api.add(status="disabled")
    assert worker_api.run("hooks", "enable", hook, *arguments).exit_code == 0
    assert worker_api.made() == [("PUT", f"/api/hooks/{hook}", body)]
    assert worker_api.hooks[hook].status == "active"


def test_what_holds_where_a_hook_says_nothing_is_told_with_its_number(worker_api):
    service, app = worker_api.add(timeout=3), worker_api.add(app_id="a", events=["issue"], url="http://e.test/a")
    schedule = {"service_hook": [300.0, 300.0], "app": []}
    defaults = {"timeout": 5.0, "max_in_flight": 50, "rate_limit": None, "retry_schedule": schedule}
    worker_api.say("GET", "/api/overview", {"defaults": defaults})
    shown = [line.split(maxsplit=1) for line in worker_api.run("hooks", "show", service).stdout.splitlines()]
    assert ["timeout", "3 s"] in shown
    assert ["max_in_flight", "50 (the worker's default)"] in shown
    assert ["rate_limit", "none (the worker's default)"] in shown
    assert ["retry_schedule", "300 s, 300 s (the worker's default)"] in shown
    shown = [line.split(maxsplit=1) for line in worker_api.run("hooks", "show", app).stdout.splitlines()]
    assert ["retry_schedule", "none (the worker's default)"] in shown
    told = made_by(worker_api.run("hooks", "show", service, "--json"))
    assert (told["timeout"], told["rate_limit"]) == (3, None)


def test_deleting_asks_first(worker_api):
    hook, other = worker_api.add(), worker_api.add(url="http://e.test/b")
    refused = worker_api.run("hooks", "rm", hook, input="n\n")
    assert (refused.exit_code, hook in worker_api.hooks) == (1, True)
    assert worker_api.run("hooks", "rm", hook).exit_code == 1, "nobody is there to agree"
    assert worker_api.run("hooks", "rm", hook, other, "--yes").exit_code == 0
    assert worker_api.hooks == {}


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "nonsense"),
        ("enable", "a" * 32, "--resume", "soon"),
        ("add", "http://e.test"),
        ("add", "http://e.test", "--organization", "1", "--header", "none"),
        ("edit", "a" * 32, "--retry-schedule", "soon"),
        ("apply",),
    ],
)
def test_a_wrong_use_ends_with_2_and_calls_nobody(worker_api, arguments):
    result = worker_api.run("hooks", *arguments)
    assert (result.exit_code, worker_api.made()) == (2, [])


def test_ids_of_hooks_are_completed(worker_api):
    hook = worker_api.add()
    words = f"streamhooks hooks show {hook[:3]}"
    env = {"COMP_WORDS": words, "COMP_CWORD": "3"}
    from click.shell_completion import BashComplete

    from streamhooks.cli import main

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAMHOOKS_URL", worker_api.base)
        for name, text in env.items():
            patch.setenv(name, text)
        completed = BashComplete(main, {}, "streamhooks", "_STREAMHOOKS_COMPLETE").complete()
    assert completed == f"plain,{hook}"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(worker_api, shell):
    assert "_STREAMHOOKS_COMPLETE" in worker_api.run("completion", shell).stdout


def test_who_enables_a_hook_is_told_what_retention_has_removed(worker_api):
    hook = worker_api.add(status="disabled")
    gone = MISSED | {"records": 0, "available_from": "2026-11-25T11:00:00.000+00:00"}
    worker_api.say("PUT", f"/api/hooks/{hook}", {"id": hook, "status": "active", "breaker": "closed", "missed": gone})
    told = worker_api.run("hooks", "enable", hook)
    assert "retention has removed the missed records before 2026-11-25T11:00:00.000+00:00" in told.stdout


def test_what_has_a_unit_is_shown_with_it(worker_api):
    hook = worker_api.add(timeout=10, retry_schedule=[1, 2.5, 600], rate_limit=0.5)
    shown = worker_api.run("hooks", "show", hook).stdout
    for name, text in (("timeout", "10 s"), ("retry_schedule", "1 s, 2.5 s, 600 s"), ("rate_limit", "0.5 per second")):
        assert re.search(rf"^{name} +{text}$", shown, re.MULTILINE), shown


MISSED = {"records": 7, "since": "2026-11-25T10:00:00.000+00:00", "sending": False, "stretches": []}
UNDECIDED = {"detail": "7 records were missed", "missed": MISSED}


def test_enabling_without_a_choice_is_refused_when_something_was_missed(worker_api):
    hook = worker_api.add(status="disabled")
    worker_api.say("PUT", f"/api/hooks/{hook}", UNDECIDED, status=409)
    for options in ([], ["--json"]):
        refused = worker_api.run("hooks", "enable", hook, *options)
        assert refused.exit_code == 1
        told = (
            "it missed 7 records since 2026-11-25T10:00:00.000+00:00: give --resume skip, --resume all or --resume TIME"
        )
        assert refused.stderr == f"Error: {told}\n"
    assert len(worker_api.made()) == 2


def test_who_sits_at_a_terminal_is_asked_and_told_how_to_send_what_was_skipped(worker_api, monkeypatch):
    hook = worker_api.add(status="disabled")
    path = f"/api/hooks/{hook}"
    shown = {"id": hook, "status": "active", "breaker": "closed", "missed": MISSED}
    monkeypatch.setattr(resuming, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    worker_api.say("PUT", path, (409, UNDECIDED), (200, shown))
    asked = worker_api.run("hooks", "enable", hook, input="\nsoon\nskip\n")
    assert asked.exit_code == 0, asked.output
    assert "It missed 7 records since 2026-11-25T10:00:00.000+00:00." in asked.stdout
    assert worker_api.made()[-1] == ("PUT", path, {"status": "active", "resume": "skip"})
    again = f"`streamhooks replay {hook} --from 2026-11-25T10:00:00.000+00:00"
    assert f"skipped the missed records: 7 records; {again}` sends them" in asked.stdout
    assert '"sending"' not in asked.stdout
    told = worker_api.run("hooks", "enable", hook, "--resume", "2026-11-25T11:00")
    assert f"{again} --to 2026-11-25T11:00:00.000+00:00` sends them" in told.stdout
    assert (
        "sending the missed records: 7 records since"
        in worker_api.run("hooks", "enable", hook, "--resume", "all", "--json").stderr
    )
