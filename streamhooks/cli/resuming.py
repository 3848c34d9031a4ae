"""Enabling a hook that missed something: asking what becomes of it, and saying what became of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from streamhooks.cli import changing
from streamhooks.cli.api import ProblemAnswer
from streamhooks.cli.params import RESUME
from streamhooks.cli.show import clean, counted
from streamhooks.errors import Refusal

if TYPE_CHECKING:
    from streamhooks.cli.api import Api

JSON = dict[str, Any]


def enabled(api: Api, hook: str, resume: str | None, *, may_ask: bool) -> tuple[JSON, str | None]:
    """Enable a hook; return what the worker answers, and what was chosen.

    resume -- what becomes of what it missed. Without it, who sits at a terminal is asked if there is something;
    else a Refusal is raised.
    """
    try:
        return changing.put(api, hook, {"status": "active", **({"resume": resume} if resume else {})}), resume
    except ProblemAnswer as problem:
        if problem.status != 409 or "missed" not in problem.body:
            raise
        missed = problem.body["missed"]
        text = f"it missed {counted(missed['records'], 'record')} since {clean(str(missed['since']))}"
        if not (may_ask and sys.stdin.isatty()):
            raise Refusal(f"{text}: give --resume skip, --resume all or --resume TIME") from None
    click.echo(f"{text[0].upper()}{text[1:]}.")
    resume = click.prompt("What becomes of them: skip, all, or the time from which on they are sent", type=RESUME)
    return changing.put(api, hook, {"status": "active", "resume": resume}), resume


def told(hook: str, missed: JSON, resume: str | None) -> Iterator[str]:
    """Say what becomes of what a hook missed, and how what is skipped can still be sent."""
    if not missed.get("records") or resume is None:
        return
    count, since = counted(missed["records"], "record"), clean(str(missed["since"]))
    if resume == "all":
        yield f"sending what it missed: {count} since {since}"
    elif resume == "skip":
        yield f"skipped what it missed: {count}; `streamhooks replay {hook} --from {since}` sends them"
    else:
        yield f"sending what it missed from {resume} on, of {count} since {since}"
        yield f"skipped what it missed before: `streamhooks replay {hook} --from {since} --to {resume}` sends it"
