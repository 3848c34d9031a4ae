"""`streamhooks topics`: create the topics of an installation, or check them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import click
import orjson

from streamhooks.cli.params import json_option
from streamhooks.errors import Refusal

_WAIT = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Seconds to wait until Kafka answers.",
)


@click.group()
def topics() -> None:
    """Create or check the topics according to the STREAMHOOKS_* settings, or print commands that create them."""


@topics.command()
@_WAIT
@json_option
def create(wait: float, as_json: bool) -> None:
    """Create the topics that are missing, and check the others."""
    from streamhooks.kafka.topics import ensure_topics
    from streamhooks.settings import load_settings

    settings = load_settings()
    _show(settings.topic_prefix, ensure_topics(settings, wait=wait), as_json)


@topics.command()
@_WAIT
@json_option
def check(wait: float, as_json: bool) -> None:
    """Check the topics and create none. Exit code 1 if one is missing or has a wrong configuration."""
    from streamhooks.kafka.topics import NAMES, ensure_topics, present_topics
    from streamhooks.settings import load_settings

    settings = load_settings()
    present = present_topics(settings, wait)
    wanted = (settings.topic_prefix + name for name in NAMES.values())
    missing = sorted(name for name in wanted if name not in present)
    if missing:
        raise Refusal(f"missing: {', '.join(missing)} (`streamhooks topics create` creates them)")
    # No topic is missing, so this creates none. It only checks their configuration.
    _show(settings.topic_prefix, ensure_topics(settings, wait=wait), as_json)


@topics.command()
@json_option
def commands(as_json: bool) -> None:
    """Print commands that create the topics, for an administrator.

    They use Kafka's kafka-topics.sh. This command does not connect to Kafka.
    """
    from streamhooks.kafka.topics import topics_to_make
    from streamhooks.settings import load_settings

    settings = load_settings()
    wanted = sorted(topics_to_make(settings), key=lambda one: str(one.topic))
    if as_json:
        shown = [
            {
                "topic": one.topic,
                "partitions": one.num_partitions,
                "replication": one.replication_factor,
                "config": one.config,
            }
            for one in wanted
        ]
        click.echo(orjson.dumps(shown))
        return
    for one in wanted:
        words = ["kafka-topics.sh", "--bootstrap-server", settings.bootstrap_servers, "--create", "--if-not-exists"]
        words += ["--topic", one.topic, "--partitions", str(one.num_partitions)]
        words += ["--replication-factor", str(one.replication_factor)]
        words += [word for name, value in one.config.items() for word in ("--config", f"{name}={value}")]
        click.echo(shlex.join(words))


def _show(prefix: str, partitions: Mapping[str, int], as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps({prefix + name: number for name, number in sorted(partitions.items())}))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("topic", box=None, pad_edge=False)
    table.add_column("partitions", justify="right")
    for name, number in sorted(partitions.items()):
        table.add_row(prefix + name, str(number))
    Console().print(table)
