"""`streamhooks send`: check messages, events, alerts and resource changes, and write them to Kafka."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click
import orjson

from streamhooks.cli import flags
from streamhooks.cli.params import api_options, given_api, json_option
from streamhooks.errors import Refusal

if TYPE_CHECKING:
    from streamhooks.cli.api import Api
    from streamhooks.cli.records import Item
    from streamhooks.kafka.publisher import Published
    from streamhooks.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
_BAD_SHOWN = 10
_MANY = 100
_IN_MEMORY = 16 * 1024 * 1024

_OPTIONS = (
    click.argument("file", type=click.File("rb"), required=False),
    click.option("--dry-run", is_flag=True, help="Check the records, and write nothing."),
    click.option("--skip-bad", is_flag=True, help="Write valid records as they arrive, and skip the others."),
    click.option(
        "--wait",
        type=click.FloatRange(min=0, min_open=True),
        default=10.0,
        show_default=True,
        help="Seconds to wait until Kafka confirms.",
    ),
    click.option("--quiet", "-q", is_flag=True, help="Don't print the place of each record."),
    json_option,
)


def _sending(command: F) -> F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def send() -> None:
    """Write messages, events, alerts and resource changes to Kafka.

    STREAMHOOKS_BROKERS and the other settings say where. A worker's API takes messages as well: see `message`.

    FILE has JSON lines, or one JSON document (an object, or a list of objects); `-` is stdin. Without FILE, the options
    make one record. All records are checked before the first is written. For each record, its place is printed:
    topic:partition:offset.
    """


@send.command()
@flags.of_message
@_sending
@api_options
@click.pass_context
def message(ctx: click.Context, /, file: IO[bytes] | None, **options: Any) -> None:
    """Write messages (or CloudEvents), with their project as the key, else their organization.

    With --url or --token, a worker writes them, and no Kafka is needed. A token with the scope `send` is enough.
    """
    _send("MESSAGES", file, options, flags.message, given_api(ctx))


@send.command()
@flags.of_event
@_sending
def event(file: IO[bytes] | None, **options: Any) -> None:
    """Write events, with their project as the key."""
    _send("EVENTS", file, options, flags.event)


@send.command()
@flags.of_event
@flags.of_alert
@_sending
def alert(file: IO[bytes] | None, **options: Any) -> None:
    """Write alerts (rules that fired for an event), with the event's project as the key."""
    _send("ALERTS", file, options, flags.alert)


@send.command("resource-change")
@flags.of_change
@_sending
def resource_change(file: IO[bytes] | None, **options: Any) -> None:
    """Write resource changes, with `SENDER:INSTANCE-ID` as the key."""
    _send("RESOURCE_CHANGES", file, options, flags.change)


def _send(
    name: str,
    file: IO[bytes] | None,
    options: dict[str, Any],
    made: Callable[[dict[str, Any]], Any],
    api: Api | None = None,
) -> None:
    from streamhooks.cli.records import read_items
    from streamhooks.settings import load_settings
    from streamhooks.sources.kinds import SourceKind

    settings, kind = load_settings(), SourceKind[name]
    of_record = {name: value for name, value in options.items() if name in flags.NAMES and value is not None}
    if file is not None and of_record:
        raise click.UsageError("give FILE or options for a record, not both")
    source = flags.document(made(of_record)) if file is None else file
    valid = None
    if not options["skip_bad"]:
        # The file is read twice, so that nothing is written if a part of it is invalid.
        source = _rewindable(source)
        valid = _count_of_good(read_items(kind, source))
        source.seek(0)
    topic = settings.topic_prefix + kind
    bad: list[int] = []
    good = _without_bad(read_items(kind, source), bad)
    if options["dry_run"]:
        _show_dry(good, topic, options["quiet"], options["as_json"])
    else:
        items = _with_progress(good, valid, options)
        written = _by_kafka(settings, topic, items, options["wait"]) if api is None else _by_api(api, items, options)
        _show(written, topic if api is None else api.base, options, bad)
    if bad:
        # Without --skip-bad, only those are bad that were not written.
        raise Refusal(f"{_records(len(bad))} {'skipped' if options['skip_bad'] else 'not known to be written'}")


def _by_kafka(
    settings: Settings, topic: str, items: Iterable[Item], wait: float
) -> Iterator[tuple[Item, Published | str]]:
    from streamhooks.cli.producing import produce
    from streamhooks.kafka.topics import present_topics

    if topic not in present_topics(settings, wait):
        raise Refusal(f"there is no topic {topic}: `streamhooks topics create` or the start of a worker creates it")
    for item, outcome in produce(settings, topic, items, wait):
        yield item, f"Kafka rejected it: {outcome}" if isinstance(outcome, str) else outcome


def _by_api(api: Api, items: Iterable[Item], options: dict[str, Any]) -> Iterator[tuple[Item, Published | str]]:
    from streamhooks.cli.posting import post

    # With --skip-bad they are written as they arrive, and nobody knows when the next one does.
    return post(api, items, 1) if options["skip_bad"] else post(api, items)


def _show(written: Iterable[tuple[Item, Published | str]], where: str, options: dict[str, Any], bad: list[int]) -> None:
    """Print the place of each record, and add the numbers of those that are not written to `bad`."""
    count = 0
    for item, outcome in written:
        if isinstance(outcome, str):
            click.echo(f"{item.number}: {outcome}", err=True)
            bad.append(item.number)
            continue
        count += 1
        if options["as_json"]:
            place = {"topic": outcome.topic, "partition": outcome.partition, "offset": outcome.offset}
            click.echo(orjson.dumps({"number": item.number, "key": item.key, **place}))
        elif not options["quiet"]:
            click.echo(outcome.source)
    if options["quiet"] and not options["as_json"]:
        click.echo(f"{_records(count)} written to {where}")


def _records(number: int) -> str:
    return "1 record" if number == 1 else f"{number} records"


def _rewindable(source: IO[bytes]) -> IO[bytes]:
    if source.seekable():
        return source
    kept = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - it is removed once it is no longer used
    shutil.copyfileobj(source, kept)
    kept.seek(0)
    return kept


def _count_of_good(items: Iterable[Item]) -> int:
    """Return the number of valid items. If some are not, print a line for each of the first ones and raise Refusal."""
    good, bad = 0, list[int]()
    for _ in _without_bad(items, bad):
        good += 1
    if bad:
        raise Refusal(f"{len(bad)} of {_records(good + len(bad))} invalid: nothing was written (see --skip-bad)")
    return good


def _without_bad(items: Iterable[Item], bad: list[int]) -> Iterator[Item]:
    """Yield the valid items; print the problems of the others, and add their numbers to `bad`."""
    for item in items:
        if item.problem is None:
            yield item
            continue
        bad.append(item.number)
        if len(bad) <= _BAD_SHOWN:
            click.echo(f"{item.number}: {item.problem}", err=True)
        elif len(bad) == _BAD_SHOWN + 1:
            click.echo("…", err=True)


def _show_dry(items: Iterable[Item], topic: str, quiet: bool, as_json: bool) -> None:
    count = 0
    for count, item in enumerate(items, 1):  # noqa: B007 - the last number is the count
        if as_json:
            value = orjson.Fragment(item.value)
            click.echo(orjson.dumps({"number": item.number, "topic": topic, "key": item.key, "value": value}))
        elif not quiet:
            click.echo(f"{topic}  key {item.key}  {len(item.value)} bytes")
    if not as_json:
        click.echo(f"{_records(count)} valid: nothing was written")


def _with_progress(items: Iterable[Item], number: int | None, options: dict[str, Any]) -> Iterable[Item]:
    """Show a progress bar on a terminal for many records, unless their places are printed there as well."""
    if number is None or number < _MANY or not sys.stderr.isatty():
        return items
    if sys.stdout.isatty() and not options["quiet"]:
        return items
    from rich.progress import track

    from streamhooks.cli.show import console

    return track(items, "records", total=number, console=console(stderr=True), transient=True)
