"""Read requests and write answers, the same way in every view."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestPayloadError

from streamhooks.errors import BrokenRecord
from streamhooks.records.exact_json import dumps
from streamhooks.records.packing import parse_json
from streamhooks.times import moment
from streamhooks.web.http.problems import ProblemError, bad_fields, bad_request, not_found, unknown_fields

#: bytes; more than any sensible body: custom headers at their bound are 25 KB
MAX_BODY = 65_536
#: time in which a body must arrive, in seconds
BODY_WITHIN = 10.0
#: the problem with an invalid time
NO_TIME = "must be epoch seconds or ISO 8601"

_ID = re.compile(r"[0-9a-fA-F]{32}")
_NUMBER = re.compile(r"[0-9]{1,9}")


def answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return `data` as a JSON answer."""
    return web.Response(
        body=dumps(data),
        status=status,
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )


async def read_fields(request: web.Request, *, optional: bool = False, exact: bool = False) -> dict[str, Any]:
    """Return the JSON object in the body. `optional` allows an empty body, `exact` keeps the digits of numbers.

    Raise ProblemError: 400 if it is not a JSON object, 415 for another content type. A body longer than
    the application's `client_max_size` raises aiohttp's 413.
    """
    if optional and not request.body_exists:
        return {}
    # Browsers send JSON to another site only after asking that site, so a web page can't change hooks on localhost.
    if request.content_type != "application/json":
        raise ProblemError(415, {"detail": "Content-Type must be application/json"})
    body = await read_body(request)
    if optional and not body:
        return {}
    try:
        fields = parse_json(body, exact=exact)
    except BrokenRecord as broken:
        raise bad_request(str(broken)) from None
    if not isinstance(fields, dict):
        raise bad_request("the body must be a JSON object")
    return fields


async def read_body(request: web.Request, most: int | None = None) -> bytes:
    """Return the body; raise ProblemError: 400 if its encoding contradicts its headers, 408 if it is too slow.

    `most` is how many bytes it may have, by default the application's `client_max_size`; more raise aiohttp's 413.
    """
    try:
        async with asyncio.timeout(BODY_WITHIN):
            return await (request if most is None else request.clone(client_max_size=most)).read()
    except TimeoutError:
        raise ProblemError(408, {"detail": f"the body did not arrive within {BODY_WITHIN:g} s"}) from None
    except RequestPayloadError:
        raise bad_request("the body does not match its headers") from None


async def read_nothing(request: web.Request) -> None:
    """Check that the call has no fields; raise ProblemError with 400 if it has any."""
    if fields := await read_fields(request, optional=True):
        raise bad_fields(unknown_fields(fields))


def query(request: web.Request, allowed: Collection[str] = ()) -> dict[str, str]:
    """Return the query without empty values; raise ProblemError with 400 for unknown or repeated parameters."""
    given = request.query
    wrong = {name[:100]: "unknown parameter" for name in given if name not in allowed}
    wrong |= {name: "given more than once" for name in allowed if len(given.getall(name, [])) > 1}
    if wrong:
        raise bad_fields(wrong)
    return {name: value for name, value in given.items() if value}


def limit_of(given: Mapping[str, str]) -> int:
    """Return the `limit` of a query, by default 100; raise ProblemError with 400 if it is not from 1 to 500."""
    text = given.get("limit", "100")
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= 500:
        raise bad_fields({"limit": "must be a whole number from 1 to 500"})
    return int(text)


def time_of(given: Mapping[str, str], name: str) -> float | None:
    """Return a time of a query in epoch seconds, None if absent; raise ProblemError with 400 if it is invalid."""
    if name not in given:
        return None
    found = moment(given[name])
    if found is None:
        raise bad_fields({name: NO_TIME})
    return found


def is_hook_id(text: str) -> bool:
    """Tell whether the text has the form of a hook's id."""
    return _ID.fullmatch(text) is not None


def hook_id_of(request: web.Request) -> str:
    """Return the hook's id from the path in lower case; raise ProblemError with 404 if it has another form."""
    hook_id = request.match_info["hook_id"]
    if not is_hook_id(hook_id):
        raise not_found("hook")
    return hook_id.lower()
