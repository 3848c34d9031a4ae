"""A hook for as long as somebody listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from streamhooks.errors import Refusal

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api


@contextmanager
def temporary_hook(api: Api, fields: JSON) -> Iterator[JSON]:
    """Make a hook with these fields of the API, give it as the API shows it, and delete it at the end.

    Raises:
        Refusal: no worker makes it.

    """
    from streamhooks.cli.api import hook_path

    made = api.post("/api/hooks", fields)
    click.echo(f"made the hook {made['id']}; it is deleted at the end", err=True)
    try:
        yield made
    finally:
        try:
            api.delete(hook_path(made["id"]), again=True)
        except Refusal as refusal:
            click.echo(f"the hook {made['id']} is still there: {refusal}", err=True)
