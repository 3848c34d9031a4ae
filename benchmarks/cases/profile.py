"""`profile`: where a worker's CPU goes under `deliver`: py-spy's samples, grouped by whose code runs."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks import sample
from benchmarks.cases.deliver import HOOKS
from benchmarks.draining import drain
from benchmarks.options import Options, Say
from benchmarks.processes import thread_seconds, waited_seconds
from benchmarks.report import Bars, Result
from benchmarks.stage import stage
from streamhooks.errors import Refusal

#: the first entry contained in a frame names it; a stack belongs to its innermost named frame
PARTS = (
    ("prometheus_client/", "metrics"),
    ("streamhooks/metrics.py", "metrics"),
    ("streamhooks/counting/agent.py", "counting app"),
    ("streamhooks/counting/recalls.py", "counting app"),
    ("streamhooks/counting/counters.py", "counting app"),
    ("streamhooks/counting/latest.py", "counting app"),
    ("streamhooks/faust_patches/table.py", "counting app"),
    ("asyncio/timeouts.py", "asyncio.timeout"),
    ("aiohttp/", "aiohttp"),
    ("multidict/", "aiohttp"),
    ("yarl/", "aiohttp"),
    ("streamhooks/delivery/payloads.py", "render, sign"),
    ("streamhooks/delivery/signing.py", "render, sign"),
    ("streamhooks/delivery/", "our HTTP client"),
    ("streamhooks/records/ids.py", "ids"),
    ("streamhooks/records/firing.py", "firings"),
    ("streamhooks/counting/firings.py", "firings"),
    ("plain (streamhooks/records/fields.py", "firings"),
    ("streamhooks/records/", "decode"),
    ("streamhooks/hooks/index.py", "match"),
    ("streamhooks/hooks/matching.py", "match"),
    ("streamhooks/hooks/table.py", "match"),
    ("streamhooks/limits/bulkheads.py", "bulkheads, gate"),
    ("streamhooks/in_flight/gate.py", "bulkheads, gate"),
    ("streamhooks/in_flight/again.py", "runner, tasks"),
    ("streamhooks/in_flight/", "tracker"),
    ("streamhooks/kafka/publisher.py", "producer"),
    ("spawn (streamhooks/tasks/runs.py", "task creation"),
    ("_ended (streamhooks/tasks/runs.py", "task creation"),
    ("streamhooks/tasks/", "runner, tasks"),
    ("streamhooks/webhooks/", "runner, tasks"),
    ("streamhooks/limits/", "runner, tasks"),
    ("streamhooks/delayed/", "runner, tasks"),
    ("streamhooks/backlog/", "runner, tasks"),
    ("follow (streamhooks/sources/intake.py", "Faust"),
    ("streamhooks/sources/rules.py", "match"),
    ("streamhooks/sources/", "intake"),
    ("streamhooks/faust_patches/", "Faust"),
    ("faust/", "Faust"),
    ("mode/", "Faust"),
    ("venusian/", "Faust"),
    ("aiokafka/", "aiokafka"),
)
_REST = "event loop"
_LINES = 25


def part_of(stack: list[str]) -> str:
    """Return whose code a stack (outermost frame first) runs."""
    for frame in reversed(stack):
        for text, part in PARTS:
            if text in frame:
                return part
    return _REST


def run(options: Options, say: Say) -> Result:
    """Sample one worker while it drains, and give each part its share of the CPU of a delivery."""
    spy = shutil.which("py-spy") or shutil.which(str(Path(sys.executable).parent / "py-spy"))
    if spy is None:
        raise Refusal("py-spy is not installed")
    events = options.choose(25_000, 2_000)
    layout = {str(number): 1 for number in range(HOOKS)}
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, layout)
        worker = scene.workers("one.", 1, hooks)
        drain(scene, worker, list(layout), 2_000)
        say("a drain that is not watched")
        before, waited = thread_seconds(worker.pids[0]), -waited_seconds(worker.pids[0])
        alone = drain(scene, worker, list(layout), events)
        after, waited = thread_seconds(worker.pids[0]), waited + waited_seconds(worker.pids[0])
        threads = {name: after[name] - before.get(name, 0.0) for name in ("main", "librdkafka", "others")}
        say("a drain that is watched")
        raw = scene.folder / "stacks"
        command = [spy, "record", "-p", str(worker.pids[0]), "-f", "raw", "-r", "200", "-g", "-t", "-F", "-o", str(raw)]
        watcher = scene.start("py-spy", [*command, "-d", "600"])
        while "Sampling" not in watcher.log.read_text() and watcher.running:
            time.sleep(0.05)
        # A paused process would be sampled as well, wherever it stands.
        watched = drain(scene, worker, list(layout), events, held=False)
        os.kill(watcher.pid, signal.SIGINT)  # it writes what it has
        watcher.wait_stopped(60)
        counts, lines = _counted(raw.read_text())
    rows = _rows(counts, {name: cpu * 1e6 / events for name, cpu in threads.items()})
    waited *= 1e6 / events
    notes = [
        f"unwatched: {alone.rate:,.0f} deliveries/s, {1e6 / alone.rate:.0f} µs each",
        f"main thread: {waited:.0f} µs of each it could have run and had no core",
        f"CPU µs per delivery: {alone.cpu['sender']:.0f} unwatched, {watched.cpu['sender']:.0f} watched",
        "innermost lines:",
    ]
    total = counts.total()
    notes += [f"{count / total:6.1%}  {line}" for line, count in lines.most_common(_LINES)]
    labels = [f"{row['part']} ({row['thread']})" for row in rows]
    bars = Bars("CPU µs per delivery", labels, [float(str(row["CPU µs per delivery"])) for row in rows])
    return Result("profile", "profile: a worker under deliver", rows, notes, [bars])


def _rows(counts: Counter[tuple[str, str]], cpu: dict[str, float]) -> list[dict[str, object]]:
    """Divide the CPU of a thread among its parts, by the samples in which it held the GIL."""
    rows: list[dict[str, object]] = [
        {"part": "librdkafka", "thread": "its own", "CPU µs per delivery": cpu["librdkafka"]},
    ]
    for thread in ("main", "others"):
        those = {part: count for (name, part), count in counts.items() if name == thread}
        rows += [
            {"part": part, "thread": thread, "CPU µs per delivery": count / sum(those.values()) * cpu[thread]}
            for part, count in those.items()
        ]
    return sorted(rows, key=lambda row: -float(str(row["CPU µs per delivery"])))


def _counted(raw: str) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    counts: Counter[tuple[str, str]] = Counter()
    lines: Counter[str] = Counter()
    for text in raw.splitlines():
        stack, _, count = text.rpartition(" ")
        frames = stack.split(";")
        thread = "main" if "MainThread" in stack else "others"
        counts[thread, part_of(frames)] += int(count)
        lines[frames[-1]] += int(count)
    return counts, lines
