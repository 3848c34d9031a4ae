"""Calls of a task, from a process of its own, as a program of a user makes them.

It prints, as JSON, `rate`: how many were made per second until all were confirmed, and `cpu`: µs of this process per
call. Call 0 is made before that, so that connecting is not measured.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import orjson

_TICK = 0.002


async def run(system: ModuleType, options: argparse.Namespace) -> dict[str, float]:
    await system.started()
    await system.call(options.kind, [(0, time.time())], options.countdown)
    await system.confirmed()
    await asyncio.sleep(options.after)
    began, used = time.perf_counter(), time.process_time()
    if options.rate:
        await _held(system, options)
    else:
        await system.call(options.kind, _now(options.count), options.countdown)
    await system.confirmed()
    took, used = time.perf_counter() - began, time.process_time() - used
    return {"rate": options.count / took, "cpu": used * 1e6 / options.count}


async def _held(system: ModuleType, options: argparse.Namespace) -> None:
    """Make calls at a rate; one that is late keeps the time at which it was due."""
    start, first, sent = time.monotonic(), time.time(), 0
    while sent < options.count:
        due = min(options.count, int((time.monotonic() - start) * options.rate) + 1)
        calls = [(number + 1, first + number / options.rate) for number in range(sent, due)]
        await system.call(options.kind, calls, options.countdown)
        sent = due
        await asyncio.sleep(_TICK)


def _now(count: int) -> Iterator[tuple[int, float]]:
    return ((number, time.time()) for number in range(1, count + 1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calling", description=__doc__)
    parser.add_argument("system", help="a module of benchmarks.senders")
    parser.add_argument("kind", help="of the function")
    parser.add_argument("count", type=int)
    parser.add_argument("--rate", type=float, help="calls per second; without it, as fast as possible")
    parser.add_argument("--after", type=float, default=0.0, help="seconds from the first call to the others")
    parser.add_argument("--countdown", type=float, help="seconds")
    options = parser.parse_args()
    system = import_module(f"benchmarks.senders.{options.system}")
    print(orjson.dumps(asyncio.run(run(system, options))).decode())
