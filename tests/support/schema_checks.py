"""Loaded by schemathesis: its checks of refused and accepted requests, except rules that no JSON Schema can express."""

from __future__ import annotations

import re

import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

#: how fields of a request belong together, or to what is stored: the document says it in words
_TOGETHER = (
    r"give either this or event_id",
    r"the URL moves to another origin: give the values of .* again, or remove them",
    r"start must be before or equal to end",
    r"more than [0-9]+ points",
    r"must not be after to",
    r"'.*' is (no|not an) event of (a service|an app) hook(; .*)?",
    r"'.*' can't fire this hook; these can: .*",
    r"(must be at most 100|names and values must have at most 8192 bytes of UTF-8 together|a name is given twice)",
    r"[0-9a-fA-F.:]+ is .*",
    r"is for hooks of messages: give the hook another format as well, such as data",
    r"filter: hooks of the format sentry have none: .*",
    r"(line [0-9]+, )?position [0-9]+: .*",
    r"(type|id|timestamp|organization_id|project_id): must .*",
)


@schemathesis.check
def nothing_valid_is_refused(ctx, response, case) -> bool | None:
    if _is_as_it_asked(response, case):
        return None
    if response.status_code == 400 and all(
        any(re.fullmatch(one, text) for one in _TOGETHER) for text in response.json().values()
    ):
        return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.check
def nothing_invalid_is_accepted(ctx, response, case) -> bool | None:
    return None if _is_as_it_asked(response, case) else negative_data_rejection(ctx, response, case)


def _is_as_it_asked(response, case) -> bool:
    """Tell whether the hook differs from the request's condition, so that the rest of the request does not matter."""
    return response.status_code == 412 and "If-Match" in case.headers
