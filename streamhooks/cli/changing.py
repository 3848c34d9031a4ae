"""Changes of a hook, retried if a worker can't make them now. If one may have been made, the hook is read first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from streamhooks.cli.api import TRIES, ProblemAnswer, hook_path

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api

#: fields that the API masks, so a change of them can't be verified
_UNSEEN = frozenset({"secret", "headers"})


def put(api: Api, hook: str, changes: JSON, revision: int | None = None) -> JSON:
    """Change the fields of a hook and return the new hook. With `revision`, change it only if it still has that one."""
    made: JSON = _change(api, "PUT", hook, (), changes, revision)
    return made


def delete(api: Api, hook: str, revision: int | None = None) -> None:
    """Delete a hook; `revision` as in `put`."""
    _change(api, "DELETE", hook, (), None, revision)


def rotate(api: Api, hook: str) -> JSON:
    """Give a hook a new secret, exactly once, and return the hook with it."""
    made: JSON = _change(api, "POST", hook, ("rotate-secret",), None, _revision(api.get(hook_path(hook))))
    return made


def _change(
    api: Api, method: Literal["PUT", "POST", "DELETE"], hook: str, parts: tuple[str, ...], body: Any, given: int | None
) -> Any:
    match, maybe = given, False
    # A worker of an earlier version has no revisions, and may have made the change that it could not confirm.
    tries = 0 if method == "POST" and given is None else TRIES
    for left in range(tries, -1, -1):
        try:
            return api.answer(method, hook_path(hook, *parts), body, if_match=match).json
        except ProblemAnswer as problem:
            if not left or not (problem.is_soon_over or (maybe and problem.status in (404, 412))):
                raise
            maybe = maybe or problem.maybe_applied
            api.sleep(problem.retry_after)
            if not maybe:
                continue
            now = _now(api, hook)
            if now is None and method == "DELETE":
                return None
            if now is None:
                raise
            if method == "PUT" and _shows(now, body):
                return now
            match = _revision(now)
            if given is not None and match != given:
                text = "the hook has changed, by this command or somebody else: look at it, then try again"
                raise ProblemAnswer(412, text) from None
    raise AssertionError("unreachable")


def _now(api: Api, hook: str) -> JSON | None:
    try:
        found: JSON = api.get(hook_path(hook))
    except ProblemAnswer as problem:
        if problem.status != 404:
            raise
        return None
    return found


def _revision(shown: JSON) -> int | None:
    """Return the revision of a hook in the API's form; None from a worker of an earlier version."""
    return shown.get("revision")


def _shows(now: JSON, changes: JSON) -> bool:
    """Tell whether a hook has all changes; False if one of them can't be seen."""
    wanted = {name: value for name, value in changes.items() if name != "resume"}
    return not _UNSEEN & wanted.keys() and all(now.get(name) == value for name, value in wanted.items())
