"""`streamhooks hooks reencrypt`: all secrets of an installation under its first key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import orjson

from streamhooks.cli.params import json_option
from streamhooks.errors import Refusal

if TYPE_CHECKING:
    from streamhooks.kafka.publisher import Publisher
    from streamhooks.kafka.reader import Record
    from streamhooks.settings import Settings

# Seconds for the whole topic, or for all confirmations.
_TIMEOUT = 120.0
_AT_ONCE = 10_000  # fit into the publisher's buffer
_SHOWN = 10


@click.command()
@json_option
def reencrypt(as_json: bool) -> None:
    """Encrypt the secrets of all hooks by the first of STREAMHOOKS_SECRET_KEYS.

    For a rotation: when all workers know the new key and have it in front, run this, then take the old key away.
    Workers may run meanwhile. Exit code 1 if a hook can't be opened by any key.
    """
    from streamhooks.cli.reencryption import reencrypt as write_anew
    from streamhooks.errors import UnpublishableRecord
    from streamhooks.kafka.publisher import Publisher
    from streamhooks.kafka.topics import ensure_topics
    from streamhooks.records.sealing import Keys
    from streamhooks.settings import load_settings

    settings = load_settings()
    if not settings.secret_keys:
        raise Refusal("STREAMHOOKS_SECRET_KEYS is not set")
    ensure_topics(settings, wait=5.0)
    publisher = Publisher(settings)
    try:
        outcome = write_anew(
            lambda start: _read(settings, start),
            lambda wanted: _write(settings, publisher, wanted),
            Keys(settings.secret_keys),
        )
    except TimeoutError:
        raise Refusal(f"Kafka at {settings.bootstrap_servers} did not answer in time; run it again") from None
    except UnpublishableRecord as error:
        raise Refusal(f"Kafka does not take a hook, run it again: {error}") from None
    finally:
        publisher.close(0.0)
    if as_json:
        click.echo(orjson.dumps(outcome))
    else:
        click.echo(f"rewritten {outcome.rewritten}, already under the first key {outcome.current}")
    for reason, keys in (("no key opens", outcome.unopened), ("can't be read:", outcome.broken)):
        if keys:
            click.echo(f"{len(keys)} hooks: {reason} {', '.join(keys[:_SHOWN])}", err=True)
    if outcome.unopened:
        raise Refusal("not all hooks are encrypted by the first key: keep the old keys")


def _read(settings: Settings, start: int) -> list[Record]:
    from streamhooks.kafka.reader import read_range
    from streamhooks.kafka.topics import Topics

    return read_range(settings, Topics(settings.topic_prefix).hooks, 0, start, 2**62, timeout=_TIMEOUT)


def _write(settings: Settings, publisher: Publisher, wanted: list[tuple[Record, bytes | None]]) -> list[int]:
    from streamhooks.kafka.topics import Topics

    topic, offsets = Topics(settings.topic_prefix).hooks, list[int]()
    for start in range(0, len(wanted), _AT_ONCE):
        confirmed = [
            publisher.publish(topic, value, key=(record.key or b"").decode(), partition=0, headers=list(record.headers))
            for record, value in wanted[start : start + _AT_ONCE]
        ]
        offsets += [future.result(_TIMEOUT).offset for future in confirmed]
    return offsets
