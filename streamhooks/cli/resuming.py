"""Enable a hook that missed records: ask what to do with them, and say what was done."""

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
    """Enable a hook; return the worker's answer and the choice.

    `resume` is what to do with missed records. If it is None and there are any, ask at a terminal; raise Refusal
    without one.
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
    resume = click.prompt("Skip them, send all, or send those from a time on (skip, all or TIME)", type=RESUME)
    return changing.put(api, hook, {"status": "active", "resume": resume}), resume


def consequences(hook: str, missed: JSON, resume: str | None) -> Iterator[str]:
    """Yield lines that say what happens to missed records, and how to send the skipped ones after all."""
    if available := missed.get("available_from"):
        yield f"retention has removed the missed records before {clean(str(available))}"
    if not missed.get("records") or resume is None:
        return
    count, since = counted(missed["records"], "record"), clean(str(missed["since"]))
    if resume == "all":
        yield f"sending the missed records: {count} since {since}"
    elif resume == "skip":
        yield f"skipped the missed records: {count}; `streamhooks replay {hook} --from {since}` sends them"
    else:
        yield f"sending the missed records from {resume} on, of {count} since {since}"
        yield f"skipped the earlier ones: `streamhooks replay {hook} --from {since} --to {resume}` sends them"
