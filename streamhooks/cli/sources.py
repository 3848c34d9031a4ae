"""`streamhooks sources`: check the file of topics of one's own, and see what a record becomes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal

import click
import orjson

from streamhooks.cli.params import json_option
from streamhooks.errors import BrokenRecord, Refusal, RegistryAway
from streamhooks.records.exact_json import dumps

if TYPE_CHECKING:
    from streamhooks.kafka.reader import Record
    from streamhooks.records.formats import Registry
    from streamhooks.records.message import Message
    from streamhooks.settings import Settings
    from streamhooks.sources.own import OwnTopic

_COORDINATES: Final = re.compile(r"[A-Za-z0-9._-]+:[0-9]+:[0-9]+")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a record becomes by an entry of the file; `why` if it becomes nothing."""

    topic: str
    kind: Literal["message", "skipped", "failed"]
    message: Message | None = None
    why: str = ""


@click.group()
def sources() -> None:
    """Check the file of topics of your own (STREAMHOOKS_SOURCES)."""


@sources.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--sample",
    metavar="RECORD",
    help="Show what this record becomes: a file with its value, `-` for stdin, or TOPIC:PARTITION:OFFSET in Kafka.",
)
@click.option("--key", metavar="TEXT", help="The key of the sample.")
@click.option("--header", "headers", metavar="NAME=VALUE", multiple=True, help="A header of the sample; repeatable.")
@click.option("--topic", metavar="NAME", help="Only the entry of this topic.")
@json_option
def check(
    file: Path, sample: str | None, key: str | None, headers: Sequence[str], topic: str | None, as_json: bool
) -> None:
    """Check the file; with --sample, show what a record becomes by each of its entries.

    A value is JSON or, with STREAMHOOKS_SCHEMA_REGISTRY, Avro. Kafka is only asked for a sample at coordinates. Exit
    code 1 if the file has a mistake, or an expression fails on the sample.
    """
    from streamhooks.settings import load_settings
    from streamhooks.sources.own_file import own_topics

    in_kafka = sample is not None and _is_in_kafka(sample)
    if (key is not None or headers) and (sample is None or in_kafka):
        raise click.UsageError("--key and --header go with a --sample that is a file or -")
    settings = load_settings()
    entries: Sequence[OwnTopic] = own_topics(file, settings.topic_prefix)
    if sample is None:
        _show_entries(_chosen(entries, topic), as_json)
        return
    if in_kafka:
        record = _in_kafka(settings, sample)
        entries = _chosen(_chosen(entries, record.topic), topic)
    else:
        record = _given(sample, key, [_header(one) for one in headers])
        entries = _chosen(entries, topic)
    _show_outcomes(_outcomes(settings, entries, record), as_json)


def _chosen(entries: Sequence[OwnTopic], topic: str | None) -> Sequence[OwnTopic]:
    if topic is None:
        return entries
    found = [one for one in entries if one.topic == topic]
    if not found:
        raise Refusal(
            f"the file has no entry for the topic {topic}, only for {', '.join(one.topic for one in entries)}"
        )
    return found


def _is_in_kafka(sample: str) -> bool:
    return _COORDINATES.fullmatch(sample) is not None and not Path(sample).exists()


def _in_kafka(settings: Settings, sample: str) -> Record:
    from streamhooks.kafka.reader import coordinates, read_one
    from streamhooks.kafka.topics import present_topics

    topic, partition, offset = coordinates(sample)
    if topic not in present_topics(settings, 10.0):
        raise Refusal(f"there is no topic {topic}, or this user may not see it")
    try:
        record = read_one(settings, (topic, partition), offset)
    except TimeoutError as error:
        raise Refusal(f"{sample} can't be read: {error}") from None
    if record is None:
        raise Refusal(f"Kafka does not hold {sample}")
    return record


def _given(sample: str, key: str | None, headers: Iterable[tuple[str, bytes]]) -> Record:
    from streamhooks.kafka.reader import Record

    source: IO[bytes]
    try:
        with click.open_file(sample, "rb") as source:
            value = source.read()
    except OSError as error:
        raise Refusal(f"{sample} can't be read: {error.strerror}") from None
    return Record("", 0, 0, int(time.time() * 1000), None if key is None else os.fsencode(key), value, tuple(headers))


def _header(text: str) -> tuple[str, bytes]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--header")
    return name, os.fsencode(value)


def _outcomes(settings: Settings, entries: Iterable[OwnTopic], record: Record) -> list[_Outcome]:
    from streamhooks.records.registry import registry_of

    registry = registry_of(settings)
    try:
        return [_outcome(entry, record._replace(topic=entry.topic), registry) for entry in entries]
    except RegistryAway as away:
        raise Refusal(str(away)) from None


def _outcome(entry: OwnTopic, record: Record, registry: Registry | None) -> _Outcome:
    if record.value is None:
        return _Outcome(entry.topic, "skipped", why="it is a tombstone")
    try:
        message = entry.read(record, registry)
    except BrokenRecord as broken:
        return _Outcome(entry.topic, "failed", why=str(broken))
    return (
        _Outcome(entry.topic, "skipped", why="when is false")
        if message is None
        else _Outcome(entry.topic, "message", message)
    )


def _show_entries(entries: Sequence[OwnTopic], as_json: bool) -> None:
    from streamhooks.cli import show

    if as_json:
        show.as_json({"topics": [{"topic": one.topic, "types": one.types} for one in entries]})
        return
    for one in entries:
        click.echo(f"{one.topic}: ok")


def _show_outcomes(outcomes: Sequence[_Outcome], as_json: bool) -> None:
    from streamhooks.cli import show

    if as_json:
        show.as_json({"outcomes": [_fields(one) for one in outcomes]})
    else:
        for one in outcomes:
            click.echo(show.clean(_line(one)))
            if one.message is not None:
                click.echo(show.clean(dumps(one.message.to_fields(), orjson.OPT_INDENT_2).decode()))
    if failed := sum(one.kind == "failed" for one in outcomes):
        raise Refusal(f"the sample fails by {failed} of {len(outcomes)} entries")


def _line(one: _Outcome) -> str:
    words = {"message": "the message", "skipped": f"skipped: {one.why}", "failed": f"a dead letter: {one.why}"}
    return f"{one.topic}: {words[one.kind]}"


def _fields(one: _Outcome) -> dict[str, Any]:
    fields: dict[str, Any] = {"topic": one.topic, "outcome": one.kind}
    if one.message is not None:
        fields["message"] = one.message.to_fields()
    return fields | ({"why": one.why} if one.why else {})
