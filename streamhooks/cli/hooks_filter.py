"""Shows what a filter would let pass before `hooks add` and `hooks edit` save it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api

#: reasons that are shown
_REASONS = 3


def show_trial(api: Api, text: str, hook: JSON) -> None:
    """Try a filter on the latest messages that a hook would get, and print what came of it to stderr.

    `hook` has the fields of the hook. An invalid filter ends the command.
    """
    from streamhooks.cli.api import ProblemAnswer

    wanted = {name: hook[name] for name in ("organization_id", "project_ids", "events") if hook.get(name)}
    try:
        found = api.post("/api/filters/try", {"filter": text, **wanted}, again=True, timeout=60.0)
    except ProblemAnswer as problem:
        if problem.status == 400:
            raise
        click.echo(f"the filter could not be tried on the latest messages: {problem}", err=True)
        return
    for line in _lines(found, hook["organization_id"]):
        click.echo(line, err=True)


def _lines(found: JSON, organization: str) -> list[str]:
    from streamhooks.cli.show import clean

    tried = found["tried"]
    if not tried:
        return [clean(f"organization {organization} has no such messages so far: the filter was not tried")]
    lines = [f"the filter lets {found['match']} of the latest {len(tried)} messages pass"]
    if found["failed"]:
        lines[0] += f"; {found['failed']} would be dead letters, since it can't be evaluated"
    reasons = Counter((one["verdict"], one["why"]) for one in tried if one["why"])
    failed_first = sorted(reasons.items(), key=lambda one: (one[0][0] != "failed", -one[1]))
    return lines + [clean(f"  {count} x {why}") for (_, why), count in failed_first[:_REASONS]]
