"""`retries`: 100,000 and 1,000,000 pending calls: the cost of one, how late due calls run, how long a restart takes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

import orjson

from benchmarks import sample
from benchmarks.draining import wait_received
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter, memory_bytes
from benchmarks.report import Bars, Result
from benchmarks.sample import Hook
from benchmarks.stage import PARTITIONS, Sender, Stage, stage
from streamhooks.dev.processes import wait_ready
from streamhooks.errors import Refusal
from streamhooks.kafka.partitions import partition_of

#: calls that come due while they are watched, per second
DUE_RATE = 150
_HOUR = 3600.0
_TIMEOUT = 600.0
_PENDING = "streamhooks_pending_calls"
#: seconds
_IDLE = 10


def run(options: Options, say: Say) -> Result:
    """For each number: write pending calls of 1 KB to `delayed`, let some come due, and restart the worker."""
    sizes = [2_000] if options.quick else [100_000, 1_000_000]
    rows = [_pending(size, options.choose(20, 3), say) for size in sizes]
    labels = [f"{row['pending calls']:,}" for row in rows]
    shown = ("memory per call, bytes", "restart, all pending, s", "lateness p99, ms")
    bars = [Bars(name, labels, [row[name] for row in rows]) for name in shown]
    notes = [f"lateness: of {DUE_RATE} calls per second that come due beside those that are due in an hour"]
    return Result("retries", "retries: pending calls", rows, notes, bars)


def _pending(pending: int, seconds: int, say: Say) -> dict[str, Any]:
    """Measure a worker with this many pending calls."""
    layout = {str(number): 1 for number in range(50)}
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, layout)
        worker = scene.workers("one.", 1, hooks)
        row: dict[str, Any] = {"pending calls": pending, "restart, nothing pending, s": _restart(scene, worker, 0)}
        row["idle, nothing pending, cores"] = _idle(worker)
        memory = memory_bytes(worker.pids)
        say(f"{pending:,} calls that are due in an hour")
        meter = CpuMeter({"worker": worker.pids})
        began = time.monotonic()
        row["bytes of a value"] = _write(scene, hooks, pending, time.time() + _HOUR, 0.0)
        _wait_pending(scene, worker, pending)
        row |= {
            "known after, s": time.monotonic() - began,
            "CPU µs per call, worker": meter.taken()["worker"] * 1e6 / pending,
            "memory per call, bytes": (memory_bytes(worker.pids) - memory) / pending,
            "idle, all pending, cores": _idle(worker),
        }
        say(f"{DUE_RATE} calls per second come due for {seconds} s")
        scene.forget()
        _write(scene, hooks, DUE_RATE * seconds, time.time() + 2.0, 1 / DUE_RATE)
        lateness = wait_received(scene, DUE_RATE * seconds, "due calls")["latency"]
        row |= {f"lateness {name}, ms": lateness[name] for name in ("p50", "p99", "max")}
        _wait_pending(scene, worker, pending)
        say("restarting")
        row["restart, all pending, s"] = _restart(scene, worker, pending)
    return row


def _write(scene: Stage, hooks: Sequence[Hook], count: int, due: float, gap: float) -> int:
    """Write calls, the first due at that time and each next one `gap` seconds later; return the bytes of a value."""
    size = 0
    for number in range(count):
        hook, at = hooks[number % len(hooks)], due + number * gap
        call_id = f"msg_{secrets.token_hex(16)}"
        value = orjson.dumps(
            {
                "id": call_id,
                "task": "streamhooks.process_service_hook",
                "attempt": 2,
                "due": int(at * 1000),
                "created": int(time.time() * 1000),
                "reason": "retry",
                # The receiver measures lateness from the event's time.
                "args": [hook.id, sample.event(hook.project_id, int(at * 1000) / 1000)],
                "hook_id": hook.id,
                "source": f"one.events:0:{number}",
                "webhook_id": call_id,
                "event": "event.created",
            }
        )
        size = len(value)
        scene.writer.send("one.delayed", call_id, value, partition_of(hook.id, PARTITIONS))
    scene.writer.flush()
    return size


def _wait_pending(scene: Stage, worker: Sender, count: int) -> None:
    """Wait until the worker knows exactly this many pending calls."""
    deadline = time.monotonic() + _TIMEOUT
    while (known := scene.metric(worker.bases[0], _PENDING)) != count:
        if time.monotonic() > deadline:
            raise Refusal(f"the worker knows {known or 0:,.0f} pending calls after {_TIMEOUT:.0f} s, not {count:,}")
        time.sleep(0.1)


def _idle(worker: Sender) -> float:
    """Return how many cores a worker takes that has nothing to do."""
    meter = CpuMeter({"worker": worker.pids})
    began = time.monotonic()
    time.sleep(_IDLE)
    return meter.taken()["worker"] / (time.monotonic() - began)


def _restart(scene: Stage, worker: Sender, pending: int) -> float:
    """Stop the worker in order and start it again.

    Return the seconds from its start until it is ready and knows this many pending calls.
    """
    scene.end(*worker.children)
    began = time.monotonic()
    base, child = scene.worker(worker.prefix, len(worker.bases))
    wait_ready({f"{base}/health/ready": child}, _TIMEOUT)
    worker.bases[0], worker.children[0] = base, child
    _wait_pending(scene, worker, pending)
    return time.monotonic() - began
