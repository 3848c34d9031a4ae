"""A hook that exists only while `streamhooks listen` runs."""

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
    """Create a hook with these API fields, yield it in the API's form, and delete it at the end.

    Raise Refusal if no worker creates it.
    """
    from streamhooks.cli.api import hook_path

    made = api.post("/api/hooks", fields)
    click.echo(f"created the hook {made['id']}; it is deleted at the end", err=True)
    try:
        yield made
    finally:
        try:
            api.delete(hook_path(made["id"]), again=True)
        except Refusal as refusal:
            click.echo(f"the hook {made['id']} could not be deleted: {refusal}", err=True)
