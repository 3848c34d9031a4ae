"""`streamhooks dev`, `kafka` and `receiver`: what development needs, with nothing else installed."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamhooks.errors import Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from streamhooks.dev.demo import Demo
    from streamhooks.dev.measures import Measures

# Seconds between two looks.
_LIVE, _PLAIN = 1.0, 2.0
_PORT = click.IntRange(1, 65535)
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option("--duration", type=click.FloatRange(min=0, min_open=True), help="Seconds of traffic; else until Ctrl-C.")
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True)
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), default=20.0, show_default=True, help="Records a second."
)
@click.option(
    "--keep-data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep Kafka's data and the logs here; the next run goes on with them.",
)
@click.option("--plain", is_flag=True, help="A line every 2 s instead of a live table, as without a terminal.")
def dev(duration: float | None, workers: int, rate: float, keep_data: Path | None, plain: bool) -> None:
    """Show it all, with sample traffic: the demo.

    A Kafka, workers, a receiver that misbehaves, and hooks. Everything runs on this machine on free ports, and ends
    with this command.
    """
    from rich.console import Console

    from streamhooks.cli.demo_view import introduction, summary
    from streamhooks.dev import demo

    console = Console()
    show = _print_lines if plain or not console.is_terminal else _show_table
    measures: Measures | None = None
    with _interruptible(), demo.run(workers, rate, keep_data, say=lambda line: click.echo(f"{line} …")) as running:
        click.echo(introduction(running))
        # Ctrl-C is how most runs end, and the summary is for them, too.
        with suppress(KeyboardInterrupt):
            show(running, duration, console)
        _ignore_signals()
        click.echo("stopping …")
        running.stop_traffic()
        measures = running.measure()
    if measures:
        click.echo(summary(measures))
        if measures.received.unverified:
            raise Refusal(f"{measures.received.unverified} requests had wrong signatures")


def _print_lines(running: Demo, duration: float | None, _console: Console) -> None:
    from streamhooks.cli.demo_view import line

    told: set[str] = set()
    for elapsed in _ticks(_PLAIN, duration):
        for trouble in set(running.ended_workers) - told:
            click.echo(trouble, err=True)
            told.add(trouble)
        click.echo(line(running.measure(), elapsed))


def _show_table(running: Demo, duration: float | None, console: Console) -> None:
    from rich.live import Live

    from streamhooks.cli.demo_view import table

    with Live(console=console, auto_refresh=False) as live:
        for elapsed in _ticks(_LIVE, duration):
            live.update(table(running.targets, running.measure(), elapsed, running.ended_workers), refresh=True)


def _ticks(interval: float, duration: float | None) -> Iterator[float]:
    """Give the seconds since the start at each tick, until `duration` is over; late ticks are left out."""
    started = time.monotonic()
    due = interval
    while duration is None or due < duration:
        time.sleep(max(0.0, started + due - time.monotonic()))
        elapsed = time.monotonic() - started
        yield elapsed
        due = max(due + interval, elapsed)
    time.sleep(max(0.0, started + duration - time.monotonic()))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Leave the block when the process is asked to end (Ctrl-C, SIGTERM, a closed terminal)."""
    former = {number: signal.signal(number, _interrupt) for number in _ENDING}
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: object) -> None:
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    """Let a second Ctrl-C not disturb how things end."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


@click.command()
@click.option("--port", type=_PORT, help="Where to listen on 127.0.0.1; else a free port.")
@click.option(
    "--brokers",
    type=click.IntRange(1, 5),
    default=1,
    show_default=True,
    help="How many brokers, on this port and the next ones; three hold three replicas of each topic.",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the data here; else it is removed at the end.",
)
def kafka(port: int | None, brokers: int, data_dir: Path | None) -> None:
    """Run an embedded Kafka until Ctrl-C.

    The first line is `brokers HOST:PORT`, of several brokers comma-separated.
    """
    from streamhooks.dev.kafka import main

    options = {"--port": port, "--brokers": brokers, "--data-dir": data_dir}
    try:
        main([word for name, value in options.items() if value for word in (name, str(value))])
    except SystemExit as end:
        raise Refusal(str(end)) from end


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=_PORT, default=8801, show_default=True)
@click.option("--secret", multiple=True, metavar="[HOOK=]SECRET", help="Of one hook, or of all; may be repeated.")
@click.option("--keep", type=click.IntRange(min=0), default=10_000, show_default=True, help="Requests to remember.")
@click.option("--no-bodies", is_flag=True, help="Don't remember their bodies.")
def receiver(host: str, port: int, secret: tuple[str, ...], keep: int, no_bodies: bool) -> None:
    """Run a receiver that verifies, and misbehaves on request.

    A hook's URL says how: `/any?status=500&fail=1`. GET /_requests shows what came, /_count counts it.
    This one is for programs: `listen` shows people what comes.
    """
    from streamhooks.dev.receiver import main

    secrets = [f"--secret={one}" for one in secret]
    options = [f"--host={host}", f"--port={port}", f"--keep={keep}", *secrets, *(["--no-bodies"] if no_bodies else [])]
    try:
        main(options)
    except OSError as error:
        raise Refusal(f"can't listen on {host}:{port}: {error.strerror or error}") from error
