"""`streamhooks hooks reencrypt`: encrypt all secrets of an installation with its first key."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click
import orjson

from streamhooks.cli.params import json_option
from streamhooks.errors import Refusal

if TYPE_CHECKING:
    from streamhooks.kafka.publisher import Publisher
    from streamhooks.kafka.reader import Record
    from streamhooks.settings import Settings

# Seconds for reading the whole topic, or for all confirmations.
_TIMEOUT = 120.0
_AT_ONCE = 10_000  # this many fit into the publisher's buffer
_SHOWN = 10


@click.command()
@json_option
def reencrypt(as_json: bool) -> None:
    """Encrypt the secrets of all hooks with the first of STREAMHOOKS_SECRET_KEYS, bound to their hook and field.

    To rotate keys: put the new key first on all workers, run this command, then remove the old key. After an upgrade
    from version 0.1.0, run it once; afterwards workers no longer decrypt what that version encrypted. Workers may keep
    running. Exit code 1 if no key can decrypt a hook.
    """
    from streamhooks.cli.reencryption import reencrypt as write_anew
    from streamhooks.errors import PublishError
    from streamhooks.kafka.partitions import partition_of
    from streamhooks.kafka.publisher import Publisher
    from streamhooks.kafka.topics import Topics, ensure_topics
    from streamhooks.records.sealing import OLD_TEXTS, Keys
    from streamhooks.settings import load_settings

    settings = load_settings()
    if not settings.secret_keys:
        raise Refusal("STREAMHOOKS_SECRET_KEYS is not set")
    partitions, topics = ensure_topics(settings, wait=5.0), Topics(settings.topic_prefix)
    of_mark = partition_of(OLD_TEXTS, partitions["hook-states"])
    publisher = Publisher(settings)
    try:
        marks = [r for r in _read(settings, topics.hook_states, of_mark, 0) if r.key == OLD_TEXTS.encode()]
        opens_old = not marks or marks[-1].value is None
        outcome = write_anew(
            lambda start: _read(settings, topics.hooks, 0, start),
            lambda wanted: _write(topics.hooks, publisher, wanted),
            Keys(settings.secret_keys),
            now=time.time(),
            old=opens_old,
        )
        # It is in another topic: a program that may only write to `hooks` can't write or withdraw it.
        if opens_old and not outcome.unopened:
            value = orjson.dumps({"since": time.time()})
            publisher.publish(topics.hook_states, value, key=OLD_TEXTS, partition=of_mark).result(_TIMEOUT)
    except TimeoutError:
        raise Refusal(f"Kafka at {settings.bootstrap_servers} did not answer in time; run it again") from None
    except PublishError as error:
        raise Refusal(f"Kafka rejected a hook, run it again: {error}") from None
    finally:
        publisher.close(0.0)
    if as_json:
        click.echo(orjson.dumps(outcome))
    else:
        click.echo(f"rewritten {outcome.rewritten}, already encrypted with the first key {outcome.current}")
    for reason, keys in (("no key can decrypt", outcome.unopened), ("can't be read:", outcome.broken)):
        if keys:
            click.echo(f"{len(keys)} hooks: {reason} {', '.join(keys[:_SHOWN])}", err=True)
    if outcome.unopened:
        raise Refusal("not all hooks are encrypted with the first key: keep the old keys")


def _read(settings: Settings, topic: str, partition: int, start: int) -> list[Record]:
    from streamhooks.kafka.reader import read_range

    return read_range(settings, topic, partition, start, 2**62, timeout=_TIMEOUT)


def _write(topic: str, publisher: Publisher, wanted: list[tuple[Record, bytes | None]]) -> list[int]:
    offsets = list[int]()
    for start in range(0, len(wanted), _AT_ONCE):
        confirmed = [
            publisher.publish(topic, value, key=(record.key or b"").decode(), partition=0, headers=list(record.headers))
            for record, value in wanted[start : start + _AT_ONCE]
        ]
        offsets += [future.result(_TIMEOUT).offset for future in confirmed]
    return offsets
