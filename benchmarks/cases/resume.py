"""`resume`: a disabled hook missed 100,000 events, and is enabled with `resume=all` beside steady live traffic."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import sample
from benchmarks.cases.deliver import HOOKS
from benchmarks.load import WARM_UP
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter
from benchmarks.report import Bars, Result
from benchmarks.stage import Stage, stage
from benchmarks.topics import Group
from streamhooks.errors import Refusal
from streamhooks.web.http.json_client import call

_APART = "apart"
#: live events per second, over all other hooks
RATE = 300
_TIMEOUT = 600.0


def run(options: Options, say: Say) -> Result:
    """Let the hook miss events; then hold a live rate, and enable the hook meanwhile."""
    missed, before = options.choose(100_000, 500), options.seconds or options.choose(15, 3)
    layout = {str(number): 1 for number in range(HOOKS - 1)}
    with stage() as scene:
        apart = sample.hook_apart(scene.receiver, _APART)
        workers = scene.workers("two.", 2, [*sample.hooks(scene.receiver, layout), apart])
        hook = f"{workers.bases[0]}/api/hooks/{apart.id}"
        call("PUT", hook, {"status": "disabled"}, timeout=30)
        for base in workers.bases:
            _wait_until(scene, lambda base=base: call("GET", f"{base}/api/hooks/{apart.id}").json["status"] != "active")
        say(f"{missed:,} events for a disabled hook")
        workers.queue(sample.events([_APART], missed))
        Group(scene.brokers, f"{workers.prefix}worker", workers.topic).wait_settled(_TIMEOUT)
        seconds = before * 2 + missed / 400
        scene.load(workers, RATE, seconds, list(layout))
        _wait_until(scene, lambda: scene.received()["requests"] > RATE * WARM_UP)
        say("live traffic alone")
        rows = [_phase(scene, workers.pids, "live alone", lambda since: time.monotonic() - since >= before)]
        say("resume=all beside it")
        call("PUT", hook, {"status": "active", "resume": "all"}, timeout=30)
        began = time.monotonic()
        rows.append(
            _phase(scene, workers.pids, "live, and what was missed", lambda _: scene.received()["ids_apart"] >= missed)
        )
        took = time.monotonic() - began
        _wait_until(scene, lambda: not call("GET", f"{hook}/missed", timeout=30).json["stretches"])
        counted = scene.received()
    twice = counted["apart"] - counted["ids_apart"]
    came = f"{counted['ids_apart']:,} ids, {twice:,} requests twice, in {took:,.0f} s ({missed / took:,.0f} per second)"
    notes = [
        f"{RATE} live events/s for the other {HOOKS - 1} hooks, two workers, STREAMHOOKS_RESUME_RATE as shipped",
        f"{missed:,} missed: {came}",
    ]
    rows[1]["p99, of before"] = rows[1]["p99, ms"] / rows[0]["p99, ms"]
    rows[0]["p99, of before"] = 1.0
    bars = [Bars("p99 of live deliveries, ms", [row["phase"] for row in rows], [row["p99, ms"] for row in rows])]
    return Result("resume", "resume: what a disabled hook missed, beside live traffic", rows, notes, bars)


def _phase(scene: Stage, pids: list[int], name: str, is_over: Any) -> dict[str, Any]:
    scene.forget()
    meter = CpuMeter({"workers": pids})
    since = time.monotonic()
    _wait_until(scene, lambda: is_over(since))
    took, stats = time.monotonic() - since, scene.received()
    return {
        "phase": name,
        **{f"{part}, ms": stats["latency"][part] for part in ("p50", "p99", "max")},
        "live deliveries/s": stats["ids"] / took,
        "deliveries/s to the one": stats["apart"] / took,
        "CPU, cores of the workers": meter.taken()["workers"] / took,
    }


def _wait_until(scene: Stage, condition: Any) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not condition():
        scene.check()
        if time.monotonic() > deadline:
            raise Refusal(f"not within {_TIMEOUT:.0f} s")
        time.sleep(0.1)
