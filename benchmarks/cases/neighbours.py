"""`neighbours`: one of 50 endpoints misbehaves: how fast the other hooks are served, with it and without it."""

from __future__ import annotations

import secrets
import sys
import time
from statistics import median
from typing import Any

from benchmarks import sample
from benchmarks.cases.deliver import HOOKS
from benchmarks.draining import wait_received
from benchmarks.hostile import BEHAVIOURS
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter, held_back
from benchmarks.report import Bars, Result
from benchmarks.stage import Sender, Stage, stage
from streamhooks.dev.ports import free_port
from streamhooks.dev.processes import wait_ready
from streamhooks.errors import Refusal
from streamhooks.web.http.json_client import call

#: the requirement: the others keep this part of their rate
AIM = 0.8
_APART = "apart"
_GOOD, *_BAD = BEHAVIOURS
_PENDING = "streamhooks_pending_calls"
_TIMEOUT = 120.0


def run(options: Options, say: Say) -> Result:
    """Drain repeatedly, in turns with an endpoint that behaves well and with one that misbehaves."""
    events, rounds = options.choose(10_000, 500), options.choose(5, 1)
    # No retries, and no breaker opens: the endpoint is called as often as possible.
    with stage(breaker=False, max_retries=0, request_timeout=options.choose(5, 1)) as scene:
        endpoint = _Endpoint(scene)
        others = sample.hooks(scene.receiver, {str(number): 1 for number in range(HOOKS - 1)})
        hooks = [*others, sample.Hook(secrets.token_hex(16), _APART, f"{endpoint.base}/hook")]
        worker = scene.workers("one.", 1, hooks)
        projects = [hook.project_id for hook in hooks]
        say("warming up")
        _drain(scene, worker, endpoint, projects, options.choose(2_000, 200))
        drains: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = {name: [] for name in _BAD}
        for number in range(1, rounds + 1):
            for name in _BAD:
                say(f"round {number} of {rounds}: the endpoint {name}")
                endpoint.behave(_GOOD)
                without = _drain(scene, worker, endpoint, projects, events)
                endpoint.behave(name)
                drains[name].append((without, _drain(scene, worker, endpoint, projects, events)))
    rows = [_row(name, pairs) for name, pairs in drains.items()]
    notes = [
        f"{events:,} events a drain, a {HOOKS}th of them for each hook; medians of {rounds} rounds in turns",
        "rate: of the 49 others; breakers are off and nothing is retried",
        "the endpoint is a process of its own, of the lowest priority, and writes no faster than the client reads",
        f"asked for: at least {AIM} of the rate",
    ]
    bars = [
        Bars("rate of the others, of without", [str(row["endpoint"]) for row in rows], [row[_RATIO] for row in rows])
    ]
    return Result("neighbours", "neighbours: one of 50 endpoints misbehaves", rows, notes, bars)


_RATIO = "of without"


class _Endpoint:
    """A client of the misbehaving endpoint."""

    def __init__(self, scene: Stage) -> None:
        self.base = f"http://127.0.0.1:{(port := free_port())}"
        child = scene.start("hostile", [sys.executable, "-m", "benchmarks.hostile", "--port", str(port)])
        self.pid = child.pid
        wait_ready({f"{self.base}/_stats": child}, 30)

    def behave(self, name: str) -> None:
        """Set how it answers from now on."""
        call("PUT", f"{self.base}/_behaviour/{name}")

    def requests(self) -> int:
        """Return the number of requests since the behaviour was set."""
        count: int = call("GET", f"{self.base}/_stats", timeout=30).json["requests"]
        return count


def _drain(scene: Stage, worker: Sender, endpoint: _Endpoint, projects: list[str], events: int) -> dict[str, float]:
    """Queue events while the worker is paused, deliver them, and wait until the endpoint has had all of its own."""
    pairs = list(sample.events(projects, events))
    expected = sum(project != _APART for project, _ in pairs)
    scene.forget()
    with held_back(worker.pids):
        worker.queue(pairs)
        meter = CpuMeter({"worker": worker.pids, "endpoint": [endpoint.pid]})
    began = time.monotonic()
    stats = wait_received(scene, expected, worker.name)
    took, taken = time.monotonic() - began, meter.taken()
    worker.wait_settled(_TIMEOUT)
    _wait_nothing_pending(scene, worker)
    return {
        "rate": expected / max(stats["last"] - stats["first"], 1e-9),
        "requests": endpoint.requests(),
        **{name: seconds / took for name, seconds in taken.items()},
    }


def _wait_nothing_pending(scene: Stage, worker: Sender) -> None:
    """Wait for the endpoint's remaining requests, which would otherwise fall into the next drain."""
    deadline = time.monotonic() + _TIMEOUT
    while scene.metric(worker.bases[0], _PENDING):
        scene.check()
        if time.monotonic() > deadline:
            raise Refusal(f"calls of the endpoint are pending after {_TIMEOUT:.0f} s")
        time.sleep(0.2)


def _row(name: str, pairs: list[tuple[dict[str, float], dict[str, float]]]) -> dict[str, Any]:
    """Return the medians of a behaviour's rounds."""
    ratios = [bad["rate"] / without["rate"] for without, bad in pairs]
    return {
        "endpoint": name,
        "deliveries/s without": median(without["rate"] for without, _ in pairs),
        "deliveries/s": median(bad["rate"] for _, bad in pairs),
        _RATIO: median(ratios),
        "least of the rounds": min(ratios),
        "requests to it": median(bad["requests"] for _, bad in pairs),
        "CPU, cores of the worker": median(bad["worker"] for _, bad in pairs),
        "CPU, cores of the endpoint": median(bad["endpoint"] for _, bad in pairs),
    }
