"""`hooks`: 1,000 to 1,000,000 hooks: start time, memory, match time, and the time until a change is in force."""

from __future__ import annotations

import time
from dataclasses import replace

import orjson

from benchmarks import sample
from benchmarks.options import Options, Say
from benchmarks.processes import memory_bytes
from benchmarks.report import Bars, Result
from benchmarks.sample import Hook
from benchmarks.stage import Stage, stage
from benchmarks.statistics import percentiles
from streamhooks.dev.processes import wait_ready
from streamhooks.hooks.matching import Ask
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.web.http.json_client import call

_CHANGES = 20
#: seconds that a start may take
_START = 600


def run(options: Options, say: Say) -> Result:
    """Start a worker with this many hooks, and change some of them."""
    sizes = [100, 1_000] if options.quick else [1_000, 10_000, 100_000, 1_000_000]
    rows: list[dict[str, object]] = []
    with stage() as scene:
        for size in sizes:
            say(f"{size:,} hooks")
            prefix = f"hooks{size}."
            first = scene.workers(prefix, 1, sample.hooks(scene.receiver, {"0": 1}))  # makes the topics
            hooks = sample.hooks(scene.receiver, {str(number): 1 for number in range(size - 1)})
            empty = memory_bytes(first.pids)
            scene.end(*first.children)
            scene.write_hooks(prefix, hooks)
            began = time.monotonic()
            base, child = scene.worker(prefix, 2)
            wait_ready({f"{base}/api/hooks/{hooks[-1].id}": child, f"{base}/health/ready": child}, _START)
            started = time.monotonic() - began
            memory = memory_bytes([child.pid])
            changes = percentiles([_changed(scene, prefix, base, hook) for hook in hooks[:_CHANGES]])
            rows.append(
                {
                    "hooks": size,
                    "start, s": started,
                    "memory, MB": memory / 1e6,
                    "bytes per hook": (memory - empty) / size,
                    "match, µs": _match_time(hooks),
                    "change in force p50, ms": changes["p50"],
                    "max, ms": changes["max"],
                }
            )
            scene.end(child)
    labels = [f"{size:,}" for size in sizes]
    bars = [Bars(name, labels, [float(str(row[name])) for row in rows]) for name in ("start, s", "memory, MB")]
    notes = ["bytes per hook: beyond a worker with one hook; match: a look-up in the table, in this process"]
    return Result("hooks", "hooks: how many a worker knows", rows, notes, bars)


def _changed(scene: Stage, prefix: str, base: str, hook: Hook) -> float:
    """Write a hook with another URL; return the ms until the worker shows it."""
    changed = replace(hook, url=f"{hook.url}/changed")
    scene.writer.send(f"{prefix}hooks", hook.id, orjson.dumps(changed.record()))
    began = time.perf_counter()
    scene.writer.flush()
    while call("GET", f"{base}/api/hooks/{hook.id}").json["url"] != changed.url:
        pass
    return (time.perf_counter() - began) * 1000


def _match_time(hooks: list[Hook]) -> float:
    """Return the µs of finding the hooks of an event."""
    table = HooksTable("hooks", "hook-states")
    table.apply(
        [
            Record("hooks", 0, offset, 0, hook.id.encode(), orjson.dumps(hook.record()), ())
            for offset, hook in enumerate(hooks)
        ]
    )
    projects = [hook.project_id for hook in hooks]
    looks = 50_000
    began = time.perf_counter()
    for number in range(looks):
        table.matching(Ask("service", sample.ORGANIZATION["id"], (projects[number % len(projects)],), "event.created"))
    return (time.perf_counter() - began) * 1e6 / looks
