"""`streamhooks hooks apply`: what a file wishes, and what is done about it."""

from __future__ import annotations

import json

import pytest

from streamhooks.cli.hooks_file import plan, read_file, superfluous
from streamhooks.errors import Refusal
from streamhooks.masking import MASK

FILE = """
hooks:
  - organization_id: 1
    url: http://e.test/a
    events: [event.created]
    project_ids: [7, 3]
    timeout: 3
  - organization_id: 1
    app_id: pager
    url: http://e.test/a
    events: [issue]
"""
ID = "e" * 32


def apply(worker_api, text: str, *options: str):
    return worker_api.run("hooks", "apply", "-f", "-", *options, input=text)


def one(**changes) -> str:
    fields = {"organization_id": "1", "url": "http://e.test/a", "events": ["event.created"], **changes}
    return json.dumps([fields])


def test_a_file_is_made_true_and_then_there_is_nothing_to_do(worker_api):
    dry = apply(worker_api, FILE, "--dry-run")
    assert (dry.exit_code, worker_api.made()) == (0, [])
    assert "2 to create, 0 to change, 0 to delete, 0 unchanged" in dry.stdout

    done = apply(worker_api, FILE)
    assert done.exit_code == 0, done.stderr
    of_service, of_app = sorted(worker_api.hooks.values(), key=lambda hook: hook.app_id or "")
    assert (of_service.project_ids, of_service.timeout, of_service.events) == (("3", "7"), 3.0, ("event.created",))
    assert len(of_app.events) == 6
    assert of_service.secret in done.stdout, "the only time that it can be seen"

    calls = len(worker_api.made())
    assert "0 created, 0 changed, 0 deleted, 2 unchanged" in apply(worker_api, FILE).stdout
    assert len(worker_api.made()) == calls


def test_a_change_is_shown_and_only_that_is_sent(worker_api):
    hook = worker_api.add(timeout=5, rate_limit=2, status="disabled")
    secret = worker_api.hooks[hook].secret
    result = apply(worker_api, one(timeout=3, max_in_flight=4))
    lines = result.stdout.splitlines()
    for line in ("-     timeout: 5.0", "+     timeout: 3.0", "-     rate_limit: 2.0", "+     rate_limit: null"):
        assert line in lines
    assert worker_api.made() == [
        ("PUT", f"/api/hooks/{hook}", {"timeout": 3.0, "max_in_flight": 4, "rate_limit": None})
    ]
    now = worker_api.hooks[hook]
    assert (now.secret, now.status) == (secret, "disabled"), "the file does not say anything about these"


def test_a_file_names_hooks(worker_api):
    hook = worker_api.add()
    result = apply(worker_api, one(name="Orders", description="For the shop"))
    assert '+     name: "Orders"' in result.stdout.splitlines()
    assert (worker_api.hooks[hook].name, worker_api.hooks[hook].description) == ("Orders", "For the shop")
    assert "1 unchanged" in apply(worker_api, one(name="Orders", description="For the shop")).stdout
    apply(worker_api, one())
    assert (worker_api.hooks[hook].name, worker_api.hooks[hook].description) == (None, None)


@pytest.mark.parametrize("name", ["name", "description"])
@pytest.mark.parametrize("value", ["", "two\nlines", "x" * 1001, 7])
def test_a_file_with_a_name_that_can_not_be_shown_is_refused(worker_api, name, value):
    refused = apply(worker_api, one(**{name: value}))
    assert (refused.exit_code, worker_api.made()) == (1, [])
    assert f"hook 1: {name}: must " in refused.stderr


def test_a_hook_with_an_id_can_move(worker_api):
    hook = worker_api.add()
    apply(worker_api, one(id=hook, url="http://e.test/new"))
    assert worker_api.hooks[hook].url == "http://e.test/new"
    assert len(worker_api.hooks) == 1


def test_the_status_of_the_file_holds(worker_api):
    hook = worker_api.add(status="disabled")
    apply(worker_api, one(status="active"))
    assert worker_api.made() == [("PUT", f"/api/hooks/{hook}", {"status": "active"})]


def test_values_that_are_not_shown_are_sent_again(worker_api):
    hook = worker_api.add(headers={"X-A": "old"})
    result = apply(worker_api, one(headers={"X-A": "new-value"}, secret="a secret of my own"))
    assert worker_api.hooks[hook].headers == {"X-A": "new-value"}
    assert worker_api.hooks[hook].secret == "a secret of my own"
    assert "headers and secret: sent again" in result.stdout
    assert "new-value" not in result.stdout
    assert "a secret" not in result.stdout
    worker_api.calls.clear()
    apply(worker_api, one(headers={"X-A": MASK}))
    assert worker_api.made() == [], "the mask means what is there"


def test_prune_deletes_only_in_the_organizations_of_the_file(worker_api):
    keep, go = worker_api.add(), worker_api.add(url="http://e.test/old")
    strange = worker_api.add(organization_id="2")
    assert apply(worker_api, one()).exit_code == 0
    assert go in worker_api.hooks, "without --prune nothing goes"
    path = "hooks.yaml"
    from click.testing import CliRunner

    with CliRunner().isolated_filesystem():
        with open(path, "w") as file:  # noqa: PTH123
            file.write(one())
        asked = worker_api.run("hooks", "apply", "-f", path, "--prune", input="n\n")
    assert (asked.exit_code, go in worker_api.hooks) == (1, True)
    assert apply(worker_api, one(), "--prune", "--yes").exit_code == 0
    assert worker_api.hooks.keys() == {keep, strange}
    text = json.dumps({"organizations": [2], "hooks": []})
    assert apply(worker_api, text, "--prune", "--yes").exit_code == 0
    assert worker_api.hooks.keys() == {keep}


def test_what_one_hook_is_refused_for_does_not_stop_the_others(worker_api):
    bad = worker_api.add(url="http://e.test/bad")
    worker_api.say("PUT", f"/api/hooks/{bad}", (400, {"timeout": "must be at most 30"}))
    text = json.dumps(
        [
            {"organization_id": 1, "url": "http://e.test/bad", "events": ["event.created"], "timeout": 31},
            {"organization_id": 1, "url": "http://e.test/good", "events": ["event.created"]},
        ]
    )
    result = apply(worker_api, text)
    assert result.exit_code == 1
    assert "timeout: must be at most 30" in result.stderr
    assert [hook.url for hook in worker_api.hooks.values()] == ["http://e.test/bad", "http://e.test/good"]


def test_a_token_that_may_only_read_ends_it_at_once(worker_api):
    worker_api.say("POST", "/api/hooks", (403, {"detail": "this token may only read"}))
    result = apply(worker_api, FILE)
    assert result.exit_code == 1
    assert len(worker_api.made()) == 1


def test_programs_get_json(worker_api):
    hook = worker_api.add(timeout=5)
    told = json.loads(apply(worker_api, one(), "--json", "--dry-run").stdout)
    assert told == {
        "dry_run": True,
        "steps": [
            {
                "what": "change",
                "id": hook,
                "url": "http://e.test/a",
                "changes": {"timeout": {"before": 5.0, "after": None}},
                "unseen": [],
            }
        ],
        "made": [],
        "problems": [],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not YAML"),
        ("", "must be a list of hooks"),
        ("hooks: 3", "must be a list of hooks"),
        ("hook: []\nhooks: []", "hook: unknown"),
        ("hooks: [3]", "hook 1: must have fields"),
        (one(colour="red"), "hook 1: colour: unknown"),
        (one(events=["event.nothing"]), "hook 1: events: 'event.nothing'"),
        (one(url="ftp://e.test"), "hook 1: url"),
        (one(id=12345), "hook 1: id: must be 32 hex"),
        (one(headers={"Host": "x"}), "Host is reserved"),
        ("- {organization_id: 1, url: 'http://e.test', events: [], headers: {1: x}}", "each name must be text"),
        (json.dumps(json.loads(one()) * 2), "appears 2 times"),
        (json.dumps(json.loads(one(id=ID)) * 2), "appears 2 times"),
        ("organizations: 3\nhooks: []", "organizations: must be a list"),
    ],
)
def test_a_wrong_file_is_refused_before_anything_is_done(worker_api, text, said):
    result = apply(worker_api, text)
    assert (result.exit_code, worker_api.calls) == (1, [])
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def hook(number: int = 1, **changes) -> dict:
    return {
        "id": f"{number:032x}", "organization_id": "1", "app_id": None, "url": "http://e.test/a",
        "events": ["event.created"], "project_ids": [], "version": 0, "headers": None, "timeout": None,
        "max_in_flight": None, "rate_limit": None, "retry_schedule": None, "status": "active", **changes,
    }  # fmt: skip


def test_what_is_not_clear_is_asked():
    wishes = read_file(one()).hooks
    with pytest.raises(Refusal, match="give it one of these ids"):
        plan(wishes, [hook(1), hook(2)])
    with pytest.raises(Refusal, match="there is no hook"):
        plan(read_file(one(id=ID)).hooks, [hook(1)])
    with pytest.raises(Refusal, match=r"organization_id of .* can't be changed"):
        plan(read_file(one(id=f"{1:032x}", organization_id=2)).hooks, [hook(1)])


def test_an_id_takes_a_hook_away_from_the_key():
    """Two hooks with one URL: the one that has an id in the file is not the other's."""
    entries = json.loads(one(id=f"{2:032x}", events=["event.alert"])) + json.loads(one())
    file = read_file(json.dumps(entries))
    steps = plan(file.hooks, [hook(1), hook(2)])
    assert [(step.what, step.id) for step in steps] == [("change", f"{2:032x}"), ("keep", f"{1:032x}")]
    assert superfluous(file, steps, [hook(1), hook(2), hook(3, url="http://e.test/c")])[0].id == f"{3:032x}"


def test_headers_are_compared_by_their_names():
    (step,) = plan(read_file(one(headers={"x-a": MASK})).hooks, [hook(headers={"X-A": MASK})])
    assert (step.what, step.body) == ("keep", {})
    (step,) = plan(read_file(one()).hooks, [hook(headers={"X-A": MASK})])
    assert (step.what, step.body) == ("change", {"headers": None})
    (step,) = plan(read_file(one(headers={})).hooks, [hook()])
    assert (step.what, step.body) == ("keep", {})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"app_id": "1", "events": [f"m.{number}" for number in range(101)]}, "events: must be at most 100"),
        ({"project_ids": list(range(1001))}, "project_ids: must be at most 1000"),
        ({"headers": {"X-A": "v" * 8192}}, "headers: names and values must have at most 8192 bytes"),
    ],
)
def test_what_is_over_a_bound_is_told_before_anything_is_done(worker_api, fields, problem):
    result = apply(worker_api, json.dumps([*json.loads(one()), *json.loads(one(url="http://e.test/b", **fields))]))
    assert (result.exit_code, worker_api.made()) == (1, [])
    assert f"hook 2: {problem}" in result.stderr


def test_a_file_with_the_headers_values_moves_a_hook_to_another_origin(worker_api):
    hook = worker_api.add(headers={"X-A": "1"})
    there = {"id": hook, "url": "https://elsewhere.example/"}
    refused = apply(worker_api, one(**there, headers={"X-A": MASK}))
    assert refused.exit_code == 1
    assert "give the values of X-A again" in refused.stderr
    assert apply(worker_api, one(**there, headers={"X-A": "1"})).exit_code == 0
    assert (worker_api.hooks[hook].url, worker_api.hooks[hook].headers) == (there["url"], {"X-A": "1"})


@pytest.mark.parametrize(
    ("resume", "sent"),
    [("all", "all"), ("skip", "skip"), ("2026-11-25T10:00:00Z", "2026-11-25T10:00:00.000+00:00"), (0, "1970-01-01")],
)
def test_what_a_hook_missed_is_decided_when_the_file_enables_it(worker_api, resume, sent):
    hook = worker_api.add(status="disabled")
    file = one(status="active", resume=resume)
    assert apply(worker_api, file).exit_code == 0
    ((_, path, body),) = worker_api.made()
    assert (path, body["status"]) == (f"/api/hooks/{hook}", "active")
    assert body["resume"].startswith(sent)
    # It is active by now: nothing is decided once more.
    assert "1 unchanged" in apply(worker_api, file).stdout
    assert len(worker_api.made()) == 1


def test_a_file_for_a_new_hook_may_say_what_becomes_of_what_it_misses(worker_api):
    assert apply(worker_api, one(status="active", resume="all")).exit_code == 0
    assert "resume" not in worker_api.made()[0][2]


def test_a_yaml_time_is_one():
    text = "[{organization_id: 1, url: 'http://e.test/a', events: [], status: active, resume: 2026-11-25T10:00:00Z}]"
    assert read_file(text).hooks[0].resume == "2026-11-25T10:00:00.000+00:00"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"resume": "all"}, "resume: goes with status: active"),
        ({"resume": "soon", "status": "active"}, "resume: must be skip, all, epoch seconds or ISO 8601"),
    ],
)
def test_a_wrong_resume_is_told(fields, problem):
    with pytest.raises(Refusal, match=problem):
        read_file(one(**fields))
