"""`streamhooks hooks add --filter` and `edit --filter`: the filter is tried before it is saved."""

from __future__ import annotations

from typing import Any

ADD = ("hooks", "add", "http://e.test", "--organization", "7", "--event", "order.*", "--format", "data")
FILTER = "message.data.total > 100"


def one(verdict: str, why: str = "") -> dict[str, Any]:
    return {"source": "t.messages:0:1", "timestamp": None, "type": "order.paid", "verdict": verdict, "why": why}


def found(*tried: dict[str, Any]) -> dict[str, Any]:
    kinds = [each["verdict"] for each in tried]
    return {**{kind: kinds.count(kind) for kind in ("match", "no_match", "failed")}, "tried": list(tried)}


def test_how_many_messages_pass_is_shown_before_the_hook_is_made(worker_api) -> None:
    tried = [one("match"), *[one("no_match", "there is no total")] * 3, one("failed", "No such overload\x1b[2J")]
    worker_api.say("POST", "/api/filters/try", found(*tried))
    made = worker_api.run(*ADD, "--project", "3", "--filter", FILTER)
    assert made.exit_code == 0, made.stderr
    assert made.stderr.splitlines()[:3] == [
        "the filter lets 1 of the latest 5 messages pass; 1 would be dead letters, since it can't be evaluated",
        "  1 x No such overload\\x1b[2J",
        "  3 x there is no total",
    ]
    (hook,) = worker_api.hooks.values()
    assert hook.filter == FILTER
    assert worker_api.made()[0][1:] == (
        "/api/filters/try",
        {"filter": FILTER, "organization_id": "7", "project_ids": ["3"], "events": ["order.*"]},
    )


def test_an_invalid_filter_makes_no_hook(worker_api) -> None:
    worker_api.say("POST", "/api/filters/try", {"filter": "position 21: mismatched input"}, status=400)
    refused = worker_api.run(*ADD, "--filter", "message.data.total >")
    assert (refused.exit_code, worker_api.hooks) == (1, {})
    assert "filter: position 21: mismatched input" in refused.stderr


def test_a_hook_is_made_if_the_filter_can_not_be_tried(worker_api) -> None:
    worker_api.say("POST", "/api/filters/try", {"detail": "not found"}, status=404)
    assert "could not be tried" in worker_api.run(*ADD, "--filter", FILTER).stderr
    worker_api.say("POST", "/api/filters/try", found())
    assert "organization 7 has no such messages so far" in worker_api.run(*ADD, "--filter", FILTER).stderr
    assert [hook.filter for hook in worker_api.hooks.values()] == [FILTER] * 2


def test_a_changed_filter_is_tried_with_the_rest_of_its_hook(worker_api) -> None:
    hook = worker_api.add(project_ids=["5"], events=["order.*"], format="data")
    worker_api.say("POST", "/api/filters/try", found(one("match")))
    assert worker_api.run("hooks", "edit", hook, "--filter", FILTER).exit_code == 0
    assert worker_api.hooks[hook].filter == FILTER
    assert worker_api.made("POST")[0][2] == {
        "filter": FILTER, "organization_id": "1", "project_ids": ["5"], "events": ["order.*"],
    }  # fmt: skip
    assert worker_api.run("hooks", "edit", hook, "--unset", "filter").exit_code == 0
    assert worker_api.hooks[hook].filter is None
    assert len(worker_api.made("POST")) == 1
