"""Turn the body of a POST or PUT into the desired hook: which fields may be set, within which bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, get_args

from yarl import URL

from streamhooks.errors import BadExpression, BadUrl, BrokenRecord, TooManySecrets
from streamhooks.filters.judging import compiled_filter
from streamhooks.hooks.table import Status
from streamhooks.masking import MASK
from streamhooks.records.custom_headers import MAX_HEADERS, MAX_NAME
from streamhooks.records.hook import CHANGEABLE, CREATABLE, FIELDS, Hook, names_for
from streamhooks.records.hook_events import OF_MESSAGES, SENTRY, Format, never_fire
from streamhooks.records.hook_values import WHOLE
from streamhooks.records.rotation import MOST, rotated, without_expired
from streamhooks.records.secret import SECRET_PREFIX, generate_secret
from streamhooks.times import iso, moment
from streamhooks.web.http.problems import bad_fields, conflict, unknown_fields

CheckUrl = Callable[[str], None]

RESUME: Final = "resume"
FIXED: Final = names_for("create", "see")
REQUIRED: Final = tuple(name for name, said in FIELDS.items() if said.is_needed)

#: a valid hook in which each field is tried separately
_RIGHT: Final[Mapping[str, Any]] = {
    "id": "0" * 32, "organization_id": "any", "url": "http://any", "events": [], "secret": "0" * 16,
}  # fmt: skip
_MASKS = (MASK, SECRET_PREFIX + MASK)


def new_hook(fields: Mapping[str, Any], hook_id: str, now: float, check_url: CheckUrl) -> Hook:
    """Return the hook for a POST; null and absent are the same.

    `now` is epoch seconds; `check_url` raises BadUrl. Raise ProblemError with 400 and a map of the invalid fields.
    """
    given = {name: _whole(value) for name, value in fields.items() if value is not None}
    wrong = unknown_fields(fields, CREATABLE)
    wrong |= {name: "is required" for name in REQUIRED if name not in given}
    base: dict[str, Any] = {
        "id": hook_id,
        "organization_id": "any",
        "url": "http://any",
        "events": [],
        "secret": generate_secret(),
        "date_created": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        "enabled_at": now,
    }
    given = {name: given[name] for name in CREATABLE if name in given}
    _check(given, given.get("format"), "app_id" in given, wrong, check_url)
    return Hook.from_fields({**base, **given})


def changed_hook(
    hook: Hook, fields: Mapping[str, Any], now: float, overlap: float, check_url: CheckUrl, status: Status
) -> Hook:
    """Return the hook with the fields of a PUT; null means the default, where there is one.

    A header whose value is the mask keeps its value, unless the URL moves to another origin: whoever may change hooks
    may not read their headers. A hook over a bound must be brought within it. When a secret is replaced, the previous
    one keeps signing for `overlap` seconds. Any change drops previous secrets that no longer sign.

    `status: active` undoes what the system found until `now` (epoch seconds). If the hook is disabled according to
    `status`, `resume` decides about the missed records; without it, the decision is open.

    Raise ProblemError with 400 and a map of the invalid fields, or with 409 as `rotated_hook` does.
    """
    wrong = unknown_fields(fields, (*CHANGEABLE, *FIXED, RESUME))
    wrong |= {name: "can't be changed" for name in FIXED if name in fields}
    # The record reads a null as its default, which here would enable a hook by accident.
    wrong |= {name: "must not be null" for name in CHANGEABLE if fields.get(name, 0) is None and not _has_default(name)}
    given = {name: _whole(fields[name]) for name in CHANGEABLE if name in fields}
    if "format" in given and given["format"] is None:
        given["format"] = SENTRY
    if given.get("secret") == hook.secret:
        del given["secret"]  # not a new one; it may be older than the bounds of new ones
    wrong |= {name: bound for name, bound in hook.over_bounds.items() if name not in given}
    if kept := _kept_at_another_origin(hook, given):
        names = ", ".join(name[:MAX_NAME] for name in kept[:MAX_HEADERS])
        wrong["headers"] = f"the URL moves to another origin: give the values of {names} again, or remove them"
        given.pop("headers", None)
    elif isinstance(given.get("headers"), dict):
        given["headers"] = _unmasked(given["headers"], hook.headers or {})
    resume = _resume(fields, wrong)
    _check_format(hook, given)
    _check(given, given.get("format", hook.format), hook.app_id is not None, wrong, check_url)
    changed = Hook.from_fields({**hook.to_fields(), **given})
    if changed.secret != hook.secret:
        changed = rotated_hook(hook, changed, now, overlap)
    elif changed != hook or given.get("status") == "active":
        changed = without_expired(changed, now)
    if given.get("status") != "active":
        return changed
    # Later than the disabling that it undoes, even if another worker's clock was ahead.
    changed = replace(changed, enabled_at=max(now, (status.disabled_since or 0.0) + 0.001, hook.enabled_at + 0.001))
    if RESUME in fields or status.status == "disabled":
        changed = replace(changed, resume=resume, resumed_at=max(now, hook.resumed_at + 0.001))
    return changed


def _resume(fields: Mapping[str, Any], wrong: dict[str, str]) -> str | None:
    """Return the decision about missed records in a hook's form; add its problem to `wrong` if it is invalid."""
    if RESUME not in fields:
        return None
    resume = fields[RESUME]
    if fields.get("status") != "active":
        wrong[RESUME] = "goes with status: active"
    if resume in ("skip", "all"):
        return str(resume)
    since = moment(resume)
    if since is None:
        wrong[RESUME] = "must be skip, all, epoch seconds or ISO 8601"
    return f"{since or 0.0:.3f}"


def rotated_hook(previous: Hook, hook: Hook, now: float, overlap: float) -> Hook:
    """Return `hook` in which the secret of `previous` keeps signing until `now` + `overlap` (seconds).

    Raise ProblemError with 409 if the maximum number of replaced secrets still sign.
    """
    try:
        return rotated(previous, hook, now, overlap)
    except TooManySecrets as error:
        raise conflict(
            f"{MOST} replaced secrets still sign, and no more can: the secret can be replaced again from"
            f" {iso(error.until)} on"
        ) from None


def _whole(value: Any) -> Any:
    """Return a number as in JSON Schema, where 1.0 is an integer; also the numbers in a list."""
    if isinstance(value, list):
        return [_whole(one) for one in value]
    # A larger number was rounded when it was read.
    is_whole = isinstance(value, float) and value.is_integer() and WHOLE[0] < value <= WHOLE[1]
    return int(value) if is_whole else value


def _check(given: Mapping[str, Any], format_: Any, app: bool, wrong: dict[str, str], check_url: CheckUrl) -> None:
    """Raise ProblemError with `wrong` and the problems of all given fields.

    `format_` is the format of the hook, and `app` is whether it is an app hook.
    """
    right = {**_RIGHT, "app_id": "any" if app else None}
    if format_ in OF_MESSAGES and not app:
        right["format"] = format_
    for name, value in given.items():
        # Each field separately, in a hook that is valid otherwise, so that the caller learns of all problems.
        problem = _problem(name, value, right, check_url)
        if problem:
            wrong[name] = problem
    if wrong:
        raise bad_fields(wrong)


def _check_format(hook: Hook, given: Mapping[str, Any]) -> None:
    """Raise ProblemError with 409 if a valid new format does not fit to what stays of the hook."""
    if given.get("format") not in get_args(Format) or given["format"] == hook.format:
        return
    stays = {**hook.to_fields(), "format": given["format"]} | ({"events": []} if "events" in given else {})
    try:
        Hook.from_fields(stays)
    except BrokenRecord as broken:
        raise conflict(str(broken)) from None
    if given["format"] == SENTRY and given.get("filter", hook.filter) is not None:
        raise conflict("filter: hooks of the format sentry have none: remove it as well (filter: null)")


def _problem(name: str, value: Any, right: Mapping[str, Any], check_url: CheckUrl) -> str | None:
    """Return what is wrong with a field in a hook whose other fields are `right`."""
    if name == "secret" and value in _MASKS:
        return "is the mask of a secret, not a secret"
    try:
        hook = Hook.from_fields({**right, name: value})
    except BrokenRecord as broken:
        return str(broken).removeprefix(f"{name}: ")
    if value is None:
        return None
    if name == "url":
        try:
            check_url(value)
        except BadUrl as bad:
            return str(bad)
    if name == "events" and hook.app_id is not None and (idle := never_fire(hook.events)):
        return f"{idle[0]!r} is not an event of an app hook"
    if name == "filter":
        if hook.format == SENTRY:
            return "is for hooks of messages: give the hook another format as well, such as data"
        try:
            compiled_filter(value)
        except BadExpression as bad:
            return str(bad)
    return FIELDS[name].value.wrong(value) or hook.over_bounds.get(name)


def _kept_at_another_origin(hook: Hook, given: Mapping[str, Any]) -> list[str]:
    """Return the custom headers whose values would move to another origin without being given again."""
    url = given.get("url")
    if not isinstance(url, str) or _origin(url) == _origin(hook.url):
        return []
    headers = given.get("headers", dict.fromkeys(hook.headers or {}, MASK))
    return [name for name, value in headers.items() if value == MASK] if isinstance(headers, dict) else []


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parsed = URL(url)
        return parsed.scheme, parsed.raw_host, parsed.port
    except ValueError:
        return None


def _has_default(name: str) -> bool:
    return FIELDS[name].value.has_default


def _unmasked(given: Mapping[Any, Any], present: Mapping[str, str]) -> dict[Any, Any]:
    return {name: present.get(name, value) if value == MASK else value for name, value in given.items()}
