"""`streamhooks completion`: scripts with which a shell completes commands, options and ids of hooks."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a completion script for a shell.

    bash: put eval "$(streamhooks completion bash)" into ~/.bashrc; zsh: the same with zsh in ~/.zshrc;
    fish: run streamhooks completion fish > ~/.config/fish/completions/streamhooks.fish
    """
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(ctx.find_root().command, {}, "streamhooks", "_STREAMHOOKS_COMPLETE").source())
