"""The desired hooks of a file, and the steps that make a worker's hooks match them.

    organizations: [1, 2]      # optional, for --prune: more organizations whose hooks are all in this file
    hooks:
      - organization_id: 1     # with app_id and url, identifies the hook if it has no id
        name: Orders           # for people
        url: https://example.com/hook
        events: [event.created]
        timeout: 3             # and any other field of a hook
        status: active
        resume: all            # what to do with missed records if this enables it: skip, all or a time

A field that is not in the file gets its default, except `secret` and `status`, which stay as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from streamhooks.errors import BrokenRecord, Refusal
from streamhooks.masking import MASK
from streamhooks.records.hook import CHANGEABLE, FIELDS, Hook
from streamhooks.times import iso, moment

JSON = dict[str, Any]
Key = tuple[str, str | None, str]

_FIXED = ("id", "organization_id", "app_id")
_KEPT = ("secret", "status")
#: the fields that are compared; a field of the file that is in none of these lists is unknown
_COMPARED = tuple(name for name in CHANGEABLE if name not in _KEPT)
#: fields that reading a record ignores if they are invalid, so they are checked separately
_FORGIVEN = tuple(name for name, said in FIELDS.items() if said.value.is_forgiven)
_RESUME = "resume"  # only used when the hook is enabled
_SEEN = ("url", "organization_id")  # shown in the first line of a step
_ID, _SECRET = "0" * 32, "x" * 16  # stand-ins where a file has none


@dataclass(frozen=True)
class Entry:
    """A hook of the file. `fields` are in the API's form, without those that stay as they are."""

    place: str
    id: str | None
    fields: JSON = field(repr=False)
    resume: str | None = None
    """What to do with missed records if it is enabled."""

    @property
    def key(self) -> Key:
        """Return what identifies the hook without an id."""
        return _key(self.fields)


@dataclass(frozen=True)
class File:
    """The content of a file; `organizations` are those whose other hooks may be deleted."""

    hooks: Sequence[Entry]
    organizations: frozenset[str]


@dataclass(frozen=True)
class Step:
    """One thing to do. `changes` are (name, before, after), masked; `unseen` are fields that can't be compared."""

    what: Literal["create", "change", "delete", "keep"]
    id: str | None
    url: str
    organization_id: str
    body: JSON = field(default_factory=dict, repr=False)
    changes: Sequence[tuple[str, Any, Any]] = ()
    unseen: Sequence[str] = ()
    revision: int | None = None
    """The revision of the hook that was compared."""


def read_file(text: str | bytes) -> File:
    """Return the content of a YAML or JSON file; raise Refusal that lists every mistake in it."""
    import yaml

    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Refusal(f"this is not YAML: {error}") from None
    data = {"hooks": data} if isinstance(data, list) else data
    if not isinstance(data, dict) or not isinstance(data.get("hooks"), list):
        raise Refusal("the file must be a list of hooks, or have one under `hooks:`")
    wrong = [f"{name}: unknown" for name in data if name not in ("hooks", "organizations")]
    entries = []
    for number, raw in enumerate(data["hooks"], 1):
        try:
            entries.append(_entry(f"hook {number}", raw))
        except BrokenRecord as broken:
            wrong.append(f"hook {number}: {broken}")
    named = data.get("organizations") or []
    if not isinstance(named, list) or not all(isinstance(one, str | int) for one in named):
        wrong.append("organizations: must be a list of ids")
        named = []
    wrong += _duplicates(entries)
    if wrong:
        raise Refusal("; ".join(wrong))
    organizations = {str(one) for one in named} | {entry.fields["organization_id"] for entry in entries}
    return File(entries, frozenset(organizations))


def plan(entries: Iterable[Entry], present: Sequence[JSON]) -> list[Step]:
    """Return one step per entry, so that the hooks in `present` (in the API's form) match the entries.

    Raise Refusal that lists every ambiguous or impossible entry.
    """
    by_id = {hook["id"]: hook for hook in present}
    entries = list(entries)
    taken = {entry.id for entry in entries if entry.id is not None}
    by_key: dict[Key, list[JSON]] = {}
    for hook in present:
        if hook["id"] not in taken:
            by_key.setdefault(_key(hook), []).append(hook)
    steps, wrong = [], []
    for entry in entries:
        found = by_key.get(entry.key, []) if entry.id is None else [by_id[entry.id]] if entry.id in by_id else []
        if entry.id is not None and not found:
            wrong.append(f"{entry.place}: there is no hook {entry.id} (a new hook gets its id from the worker)")
        elif len(found) > 1:
            ids = " and ".join(hook["id"] for hook in found)
            wrong.append(f"{entry.place}: could be {ids}; give it one of these ids")
        elif found and (fixed := [name for name in _FIXED[1:] if found[0][name] != entry.fields[name]]):
            wrong.append(f"{entry.place}: {' and '.join(fixed)} of {entry.id} can't be changed")
        else:
            steps.append(_change(entry, found[0]) if found else _creation(entry))
    if wrong:
        raise Refusal("; ".join(wrong))
    return steps


def superfluous(file: File, steps: Iterable[Step], present: Iterable[JSON]) -> list[Step]:
    """Return a deletion for each hook of the file's organizations that is not in the file."""
    kept = {step.id for step in steps}
    return [
        Step("delete", hook["id"], hook["url"], hook["organization_id"], revision=hook.get("revision"))
        for hook in present
        if hook["id"] not in kept and hook["organization_id"] in file.organizations
    ]


def _entry(place: str, raw: Any) -> Entry:
    if not isinstance(raw, dict):
        raise BrokenRecord("must have fields")
    if unknown := [str(name) for name in raw if name not in (*_FIXED, *_COMPARED, *_KEPT, _RESUME)]:
        raise BrokenRecord(f"{', '.join(unknown)}: unknown")
    if isinstance(raw.get("headers"), dict) and not all(isinstance(name, str) for name in raw["headers"]):
        raise BrokenRecord("headers: each name must be text")
    resume = _resume(raw)
    raw = {name: value for name, value in raw.items() if name != _RESUME}
    hook = Hook.from_fields({"id": _ID, "secret": _SECRET} | {n: v for n, v in raw.items() if v is not None})
    for name, problem in (hook.over_bounds | _forgiven(raw)).items():
        raise BrokenRecord(f"{name}: {problem}")
    shown = {**hook.to_fields(), "headers": hook.headers or None}
    fields = {name: shown[name] for name in (*_FIXED[1:], *_COMPARED)}
    fields |= {name: raw[name] for name in _KEPT if raw.get(name) is not None}
    return Entry(place, hook.id if raw.get("id") is not None else None, fields, resume)


def _forgiven(raw: JSON) -> dict[str, str]:
    wrong = {name: FIELDS[name].value.wrong(raw[name]) for name in _FORGIVEN if raw.get(name) is not None}
    return {name: problem for name, problem in wrong.items() if problem}


def _resume(raw: JSON) -> str | None:
    resume = raw.get(_RESUME)
    if resume is None:
        return None
    if raw.get("status") != "active":
        raise BrokenRecord("resume: goes with status: active")
    if resume in ("skip", "all"):
        return str(resume)
    # YAML turns a text that looks like a datetime into one.
    since = moment(resume.isoformat() if isinstance(resume, datetime) else resume)
    if since is None:
        raise BrokenRecord("resume: must be skip, all, epoch seconds or ISO 8601")
    return iso(since)


def _duplicates(entries: Iterable[Entry]) -> list[str]:
    ids = Counter(entry.id for entry in entries if entry.id is not None)
    keys = Counter(entry.key for entry in entries if entry.id is None)
    wrong = [f"{hook_id} appears {number} times" for hook_id, number in ids.items() if number > 1]
    wrong += [
        f"{url} of organization {organization} appears {number} times: give each its id"
        for (organization, _app, url), number in keys.items()
        if number > 1
    ]
    return wrong


def _creation(entry: Entry) -> Step:
    body = {name: value for name, value in entry.fields.items() if value is not None}
    changes = [
        (name, None, _shown(name, value)) for name, value in body.items() if name not in _SEEN and value not in ([], 0)
    ]
    return Step("create", None, entry.fields["url"], entry.fields["organization_id"], body, changes)


def _change(entry: Entry, hook: JSON) -> Step:
    wanted = entry.fields
    names = [name for name in (*_COMPARED, "status") if name in wanted]
    # A worker of 0.1.0 shows no names.
    different = [name for name in names if _comparable(name, wanted[name]) != _comparable(name, hook.get(name))]
    # A masked value can't be compared. It is sent; if it is the same, the change has no effect.
    unseen = [name for name in ("headers", "secret") if name not in different and _has_values(wanted.get(name))]
    order = {_RESUME: entry.resume} if entry.resume and "status" in different else {}
    return Step(
        "change" if different else "keep",
        hook["id"],
        wanted["url"],
        hook["organization_id"],
        {name: wanted[name] for name in (*different, *unseen)} | order,
        [(name, _shown(name, hook.get(name)), _shown(name, wanted[name])) for name in different],
        unseen,
        hook.get("revision"),
    )


def _key(hook: JSON) -> Key:
    return hook["organization_id"], hook["app_id"], hook["url"]


def _comparable(name: str, value: Any) -> Any:
    if name == "headers":
        return sorted(map(str.lower, value or ()))
    return FIELDS[name].value.emptied if value is None else value


def _has_values(value: Any) -> bool:
    return any(one != MASK for one in value.values()) if isinstance(value, dict) else value is not None


def _shown(name: str, value: Any) -> Any:
    if name == "headers" and value is not None:
        return dict.fromkeys(value, MASK)
    return MASK if name == "secret" else value
