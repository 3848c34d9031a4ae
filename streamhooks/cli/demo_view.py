"""The demo as text: what to try, a live table, a line, a summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

    from streamhooks.dev.demo import Demo
    from streamhooks.dev.measures import Measures, Target


def introduction(demo: Demo) -> str:
    """Return where everything is, what the hooks are, and commands to try; addresses and ids are real."""
    base = next(iter(demo.workers))
    flaky = next(target.id for target in demo.targets if target.path == "/warehouse")
    places = [
        ("Kafka", f"{demo.brokers}  (export STREAMHOOKS_BROKERS={demo.brokers})"),
        *((worker.name, f"{url}  (log: {worker.log})") for url, worker in demo.workers.items()),
        ("receiver", f"{demo.receiver}/_requests"),
    ]
    return "\n".join(
        [
            "",
            *(f"{name:<10}{place}" for name, place in places),
            "",
            "hooks:",
            *(f"  {target.path[1:]:<14}{target.gets:<43}{target.behaviour}" for target in demo.targets),
            "",
            "try:",
            f"  curl -s '{base}/api/hooks'",
            f"  curl -s '{base}/api/hooks/{flaky}/stats'",
            f"  curl -s '{base}/api/hooks/{flaky}/requests?limit=5'",
            f"  curl -s '{base}/api/hooks/{flaky}/pending?limit=5'",
            f"  curl -s -X POST '{base}/api/hooks/{flaky}/test'",
            f"  curl -s '{base}/metrics'",
            "",
        ]
    )


def line(measures: Measures, elapsed: float) -> str:
    """Return all counts in one line; `elapsed` in seconds."""
    received = measures.received
    return "  ".join(
        [
            f"{elapsed:4.0f} s",
            _produced(measures),
            f"delivered {measures.total('delivered')}",
            f"retried {measures.retried}",
            f"dead {measures.dead}",
            f"counted {measures.total('fired')}",
            f"pending {measures.total('pending')}",
            f"| receiver: requests {received.requests}",
            f"verified {measures.verified}",
            f"unverified {received.unverified}",
            f"ids {received.ids}",
            f"| p50 {_latency(measures)}",
        ]
    )


def table(targets: Sequence[Target], measures: Measures, elapsed: float, troubles: Sequence[str]) -> RenderableType:
    """Return a table of each hook's counts and the sums; `troubles` are lines about workers that ended."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    hooks = Table(title=f"streamhooks, {elapsed:.0f} s", title_justify="left", show_footer=True, box=None)
    hooks.add_column("hook", footer="all")
    hooks.add_column("endpoint", footer="")
    for name, title in (
        ("delivered", "delivered"),
        ("failed", "failed"),
        ("pending", "pending"),
        ("fired", "counted"),
    ):
        hooks.add_column(title, footer=str(measures.total(name)), justify="right")
    hooks.add_column("latest", footer="")
    for target in targets:
        counts = measures.hooks[target.path]
        numbers = (counts.delivered, counts.failed, counts.pending, counts.fired)
        hooks.add_row(target.path[1:], target.behaviour, *map(str, numbers), counts.latest)
    return Group(hooks, Text(), *map(Text, _sums(measures)), *(Text(trouble, style="red") for trouble in troubles))


def summary(measures: Measures) -> str:
    """Return the result of the demo, in a few lines."""
    return "\n".join(_sums(measures))


def _sums(measures: Measures) -> list[str]:
    received = measures.received
    attempts = (
        f"delivered {measures.total('delivered')}, retried {measures.retried}, dead {measures.dead}, "
        f"counted {measures.total('fired')}, pending {measures.total('pending')}"
    )
    requests = (
        f"received {received.requests} requests, verified {measures.verified}, unverified {received.unverified}, "
        f"distinct ids {received.ids}"
    )
    return [_produced(measures), attempts, requests, f"from produced to received: {_latency(measures)} (median)"]


def _produced(measures: Measures) -> str:
    kinds = ", ".join(f"{topic} {number}" for topic, number in measures.produced.items())
    return f"produced {sum(measures.produced.values())} ({kinds})"


def _latency(measures: Measures) -> str:
    return "-" if measures.latency is None else f"{measures.latency:.0f} ms"
