"""How commands end: 0 if all is well, 1 with one line on stderr, 2 for wrong usage. Never with a traceback."""

from __future__ import annotations

from typing import Any

import click

from streamhooks.errors import Refusal


class Group(click.Group):
    """A group of commands that turns a Refusal into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; raise ClickException, which click shows, for a Refusal."""
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise click.ClickException(" ".join(str(refusal).split())) from refusal
