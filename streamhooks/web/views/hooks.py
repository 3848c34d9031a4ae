"""The views of hooks: list, create, read, change, delete, rotate the secret."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiohttp import web

from streamhooks.errors import NotOwner, Overtaken
from streamhooks.hooks.table import Status
from streamhooks.hooks.trouble import trouble_of
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import warnings_about
from streamhooks.records.notice import Notice
from streamhooks.records.secret import generate_secret
from streamhooks.times import iso
from streamhooks.web.http.found import found_hook, known_hook
from streamhooks.web.http.messages import answer, hook_id_of, query, read_fields, read_nothing
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.problems import (
    ProblemError,
    bad_fields,
    confirmed,
    conflict,
    kafka_answers,
    try_again,
)
from streamhooks.web.http.representation import shown_hook, shown_missed
from streamhooks.web.rules.hook_input import changed_hook, new_hook, rotated_hook
from streamhooks.web.rules.hook_list import PARAMETERS, find, wanted_of


async def list_hooks(parts: Parts, request: web.Request) -> web.Response:
    """Answer with a page of the matching hooks; `X-Total-Count` has their total number."""
    page = await find(parts.hooks, wanted_of(query(request, PARAMETERS)))
    body = {"hooks": [_shown(parts, hook) for hook in page.hooks], "next_cursor": page.next_cursor}
    return answer(body, headers={"X-Total-Count": str(page.total)})


async def create_hook(parts: Parts, request: web.Request) -> web.Response:
    """Create a hook."""
    query(request)
    fields = await read_fields(request)
    hook = new_hook(fields, secrets.token_hex(16), parts.clock(), parts.addresses.check_url)
    async with confirmed():
        hook = await parts.hook_writer.create(hook)
    shown = _with_warnings(_shown(parts, hook, plaintext=True), hook)
    return _answer(shown, 201, {"Location": f"/api/hooks/{hook.id}"})


async def get_hook(parts: Parts, request: web.Request) -> web.Response:
    """Answer with a hook, from this worker's own copy."""
    query(request)
    return _answer(_shown(parts, await found_hook(parts, hook_id_of(request))))


async def change_hook(parts: Parts, request: web.Request) -> web.Response:
    """Change the given fields of a hook."""
    query(request)
    hook_id = hook_id_of(request)
    fields = await read_fields(request)
    async with _changing(parts, request, hook_id) as present:
        overlap = parts.settings.secret_overlap
        status = parts.hooks.status(hook_id)
        hook = changed_hook(present, fields, parts.clock(), overlap, parts.addresses.check_url, status)
        missed = await _missed(parts, hook) if hook.resumed_at > present.resumed_at else None
        if hook != present:
            async with confirmed():
                hook = await parts.hook_writer.write(hook)
        if status.status == "disabled" and parts.hooks.is_active(hook_id):
            why = f"enabled by its owner; missed records: {hook.resume or 'all'}"
            notice = Notice(hook_id, "resumed", why, status.disabled_since, int(parts.clock() * 1000))
            async with confirmed(after_change=hook != present):
                await parts.outbox.publish(parts.topics.notices, notice.to_json(), key=hook_id)
        shown = _with_warnings(_shown(parts, hook), hook)
    if missed is not None:
        shown["missed"] = missed
    return _answer(shown)


async def _missed(parts: Parts, hook: Hook) -> dict[str, Any]:
    """Return the backlog of the hook in the API's form; raise ProblemError if a decision about it is missing."""
    async with kafka_answers():
        missed = await parts.replays.missed_of(hook.id)
    shown = shown_missed(missed)
    if missed.undecided and hook.resume is None:
        records = "1 record was" if missed.undecided == 1 else f"{missed.undecided} records were"
        detail = f"{records} missed since {iso(missed.since)}: set resume to decide what to do with them"
        raise conflict(f"{detail} (skip, all, or the time from which they are sent)", missed=shown)
    return shown


async def delete_hook(parts: Parts, request: web.Request) -> web.Response:
    """Delete a hook and its observed state."""
    query(request)
    hook_id = hook_id_of(request)
    await read_nothing(request)
    async with _changing(parts, request, hook_id), confirmed():
        await parts.hook_writer.delete(hook_id)
    return web.Response(status=204)


async def rotate_secret(parts: Parts, request: web.Request) -> web.Response:
    """Give a hook a new secret; the previous one keeps signing for a while."""
    query(request)
    hook_id = hook_id_of(request)
    await read_nothing(request)
    async with _changing(parts, request, hook_id) as present:
        if present.over_bounds:
            raise bad_fields(present.over_bounds)
        hook = replace(present, secret=generate_secret())
        hook = rotated_hook(present, hook, parts.clock(), parts.settings.secret_overlap)
        async with confirmed():
            hook = await parts.hook_writer.write(hook)
    return _answer(_shown(parts, hook, plaintext=True))


@asynccontextmanager
async def _changing(parts: Parts, request: web.Request, hook_id: str) -> AsyncIterator[Hook]:
    """Yield the present hook, and let nobody else change it in the block; only on its owner.

    Raise ProblemError: 404 if it does not exist, 412 if it does not match `If-Match`, 503 if it can't be changed now.
    """
    try:
        async with kafka_answers(), parts.hook_writer.alone(hook_id):
            hook = known_hook(parts, hook_id)
            _check_match(request, _revision(parts, hook))
            yield hook
    except (NotOwner, Overtaken) as error:
        raise try_again(str(error)) from None


def _check_match(request: web.Request, revision: int) -> None:
    """Raise ProblemError with 412 if the call is for another state of the hook (RFC 9110, 13.1.1)."""
    wanted = request.if_match
    # A weak ETag never matches.
    if wanted is not None and all(one.is_weak or one.value not in (str(revision), "*") for one in wanted):
        raise ProblemError(412, {"detail": "the hook has changed in the meantime"}, {"ETag": f'"{revision}"'})


def _revision(parts: Parts, hook: Hook) -> int:
    return hook.revision or parts.hooks.revisions.of(hook.id)


def _answer(shown: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return answer(shown, status, {"ETag": f'"{shown["revision"]}"', **(headers or {})})


def _shown(parts: Parts, hook: Hook, *, plaintext: bool = False) -> dict[str, Any]:
    try:
        status = parts.hooks.status(hook.id)
    except KeyError:  # the hook was deleted in the meantime
        status = Status(hook.status, None, None)
    trouble = trouble_of(parts.hooks, hook)
    state, revision = parts.hooks.state(hook.id), _revision(parts, hook)
    return shown_hook(hook, status, trouble, revision, parts.clock(), state=state, plaintext=plaintext)


def _with_warnings(shown: dict[str, Any], hook: Hook) -> dict[str, Any]:
    """Return the shown hook with warnings about its events, if there are any."""
    found = list(warnings_about(hook.events)) if hook.app_id is not None else []
    return {**shown, "warnings": found} if found else shown
