"""Changes that a worker could not make, or of which it is not known: the hook is looked at before another try."""

from __future__ import annotations

from typing import Any

import pytest

from streamhooks.cli import changing
from streamhooks.cli.api import Api, ProblemAnswer

MOVING = (503, {"detail": "moving"})
MAYBE = (503, {"detail": "not confirmed yet", "maybe_applied": True})


def client(worker_api) -> Api:
    return Api(worker_api.base, sleep=lambda _: None)


class Late:
    """A worker that makes a change and does not tell, or does not make it and does not tell either."""

    def __init__(self, worker_api, *first: tuple[int, Any], is_made: bool) -> None:
        self._answer, self._left, self._is_made = worker_api.answer, list(first), is_made
        worker_api.answer = self.answer

    def answer(self, call):
        if call.method == "GET" or not self._left:
            return self._answer(call)
        problem = self._left.pop(0)
        if problem is MAYBE and self._is_made:
            self._answer(call)
        return (*problem, {"Retry-After": "1"})


def test_what_was_not_made_is_tried_again(worker_api):
    hook = worker_api.add()
    Late(worker_api, MOVING, MOVING, is_made=False)
    assert changing.put(client(worker_api), hook, {"timeout": 3})["timeout"] == 3
    assert [call.method for call in worker_api.calls] == ["PUT"]


@pytest.mark.parametrize("is_made", [True, False])
def test_what_may_have_been_made_is_looked_at(worker_api, is_made: bool):
    hook = worker_api.add()
    Late(worker_api, MAYBE, is_made=is_made)
    assert changing.put(client(worker_api), hook, {"timeout": 3})["timeout"] == 3
    assert worker_api.hooks[hook].revision == 2
    tried = [(call.method, call.headers.get("If-Match")) for call in worker_api.calls]
    assert tried == ([("PUT", None), ("GET", None)] if is_made else [("GET", None), ("PUT", '"1"')])


@pytest.mark.parametrize("is_made", [True, False])
def test_a_deletion(worker_api, is_made: bool):
    hook = worker_api.add()
    Late(worker_api, MAYBE, is_made=is_made)
    changing.delete(client(worker_api), hook)
    assert hook not in worker_api.hooks


def test_a_secret_is_rotated_once(worker_api):
    hook = worker_api.add()
    Late(worker_api, MAYBE, is_made=False)
    assert changing.rotate(client(worker_api), hook)["secret"] == worker_api.hooks[hook].secret
    assert worker_api.hooks[hook].revision == 2


def test_a_worker_without_revisions_is_asked_once_for_a_secret(worker_api):
    hook = worker_api.add()
    worker_api.say("GET", f"/api/hooks/{hook}", {"id": hook})
    Late(worker_api, MOVING, MOVING, is_made=False)
    with pytest.raises(ProblemAnswer, match="not possible right now"):
        changing.rotate(client(worker_api), hook)
    assert worker_api.hooks[hook].revision == 1


def test_a_secret_that_was_not_shown_is_told_of(worker_api):
    hook = worker_api.add()
    Late(worker_api, MAYBE, is_made=True)
    with pytest.raises(ProblemAnswer, match="has changed, by this command or somebody else"):
        changing.rotate(client(worker_api), hook)
    assert worker_api.hooks[hook].revision == 2


def test_what_somebody_else_changed_meanwhile_stays(worker_api):
    hook = worker_api.add()
    before = worker_api.hooks[hook].revision
    changing.put(client(worker_api), hook, {"timeout": 7})
    with pytest.raises(ProblemAnswer, match="has changed in the meantime: look at it"):
        changing.put(client(worker_api), hook, {"timeout": 3}, before)
    Late(worker_api, MAYBE, is_made=False)
    with pytest.raises(ProblemAnswer, match="by this command or somebody else"):
        changing.delete(client(worker_api), hook, before)
    assert worker_api.hooks[hook].timeout == 7


def test_it_is_not_tried_for_ever(worker_api):
    hook = worker_api.add()
    worker_api.say("PUT", f"/api/hooks/{hook}", MAYBE)
    result = worker_api.run("hooks", "disable", hook)
    assert result.exit_code == 1
    assert "it may have been done, check before you try again: not confirmed yet" in result.stderr
    assert len(worker_api.made("PUT")) == 6


def test_apply_changes_only_what_it_has_looked_at(worker_api):
    hook = worker_api.add()
    worker_api.run("hooks", "apply", "-f", "-", input=_file(3))
    assert worker_api.calls[-1].headers["If-Match"] == '"1"'
    list_hooks = worker_api.hooks.copy()
    changing.put(client(worker_api), hook, {"timeout": 9})
    shown = worker_api._shown(list_hooks[hook])
    worker_api.say("GET", "/api/hooks", {"hooks": [shown], "next_cursor": None})
    for options in ((), ("--prune", "--yes")):
        text = _file(4) if not options else '{"organizations": [1], "hooks": []}'
        result = worker_api.run("hooks", "apply", "-f", "-", *options, input=text)
        assert result.exit_code == 1
        assert "has changed in the meantime" in result.stderr
    assert worker_api.hooks[hook].timeout == 9


def _file(timeout: int) -> str:
    one = f"{{organization_id: 1, url: 'http://e.test/a', events: [event.created], timeout: {timeout}}}"
    return f"hooks: [{one}]"
