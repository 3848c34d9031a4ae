"""`streamhooks dev`, `kafka` and `receiver`: tools for development that need nothing else installed."""

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

# Seconds between two updates.
_LIVE, _PLAIN = 1.0, 2.0
_PORT = click.IntRange(1, 65535)
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option(
    "--duration", type=click.FloatRange(min=0, min_open=True), help="Seconds of traffic; by default until Ctrl-C."
)
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True, help="Number of workers.")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), default=20.0, show_default=True, help="Records per second."
)
@click.option(
    "--keep-data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep Kafka's data and the logs in DIR; the next run continues with them.",
)
@click.option(
    "--plain", is_flag=True, help="Print a line every 2 s instead of a live table; the default without a terminal."
)
def dev(duration: float | None, workers: int, rate: float, keep_data: Path | None, plain: bool) -> None:
    """Run a demo with sample traffic.

    It starts a Kafka, workers and a receiver that misbehaves, and creates hooks. Everything runs on free ports of this
    machine, and stops with this command.
    """
    from rich.console import Console

    from streamhooks.cli.demo_view import introduction, summary
    from streamhooks.dev import demo

    console = Console()
    show = _print_lines if plain or not console.is_terminal else _show_table
    measures: Measures | None = None
    with _interruptible(), demo.run(workers, rate, keep_data, say=lambda line: click.echo(f"{line} …")) as running:
        click.echo(introduction(running))
        # Most runs end with Ctrl-C, and they get the summary too.
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

    reported: set[str] = set()
    for elapsed in _ticks(_PLAIN, duration):
        for trouble in set(running.ended_workers) - reported:
            click.echo(trouble, err=True)
            reported.add(trouble)
        click.echo(line(running.measure(), elapsed))


def _show_table(running: Demo, duration: float | None, console: Console) -> None:
    from rich.live import Live

    from streamhooks.cli.demo_view import table

    with Live(console=console, auto_refresh=False) as live:
        for elapsed in _ticks(_LIVE, duration):
            live.update(table(running.targets, running.measure(), elapsed, running.ended_workers), refresh=True)


def _ticks(interval: float, duration: float | None) -> Iterator[float]:
    """Yield the seconds since the start at each tick, until `duration` is over; skip late ticks."""
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
    previous = {number: signal.signal(number, _interrupt) for number in _ENDING}
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: object) -> None:
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    """Keep a second Ctrl-C from disturbing the shutdown."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


@click.command()
@click.option("--port", type=_PORT, help="Port on 127.0.0.1; by default a free one.")
@click.option(
    "--brokers",
    type=click.IntRange(1, 5),
    default=1,
    show_default=True,
    help="Number of brokers, on this port and the next ones. With three, each topic has three replicas.",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the data in DIR; by default it is removed at the end.",
)
def kafka(port: int | None, brokers: int, data_dir: Path | None) -> None:
    """Run an embedded Kafka until Ctrl-C.

    The first line is `brokers HOST:PORT`; several brokers are separated by commas.
    """
    from streamhooks.dev.kafka import main

    options = {"--port": port, "--brokers": brokers, "--data-dir": data_dir}
    try:
        main([word for name, value in options.items() if value for word in (name, str(value))])
    except SystemExit as end:
        raise Refusal(str(end)) from end


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=_PORT, default=8801, show_default=True, help="Port to listen on.")
@click.option("--secret", multiple=True, metavar="[HOOK=]SECRET", help="Secret of one hook, or of all; repeatable.")
@click.option(
    "--keep", type=click.IntRange(min=0), default=10_000, show_default=True, help="Number of requests to remember."
)
@click.option("--no-bodies", is_flag=True, help="Don't remember the bodies.")
def receiver(host: str, port: int, secret: tuple[str, ...], keep: int, no_bodies: bool) -> None:
    """Run a receiver that verifies webhooks and misbehaves on request.

    A hook's URL says how: `/any?status=500&fail=1`. GET /_requests lists the received requests, GET /_count counts
    them. This receiver is for programs; for people, `listen` shows each webhook as it arrives.
    """
    from streamhooks.dev.receiver import main

    secrets = [f"--secret={one}" for one in secret]
    options = [f"--host={host}", f"--port={port}", f"--keep={keep}", *secrets, *(["--no-bodies"] if no_bodies else [])]
    try:
        main(options)
    except OSError as error:
        raise Refusal(f"can't listen on {host}:{port}: {error.strerror or error}") from error
