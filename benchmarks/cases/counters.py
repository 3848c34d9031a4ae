"""`counters`: attempts counted per second, memory of a window and of a remembered attempt, time of a stats query."""

from __future__ import annotations

import time
from collections.abc import Sequence
from http.client import HTTPConnection
from itertools import count
from urllib.parse import urlsplit

import orjson

from benchmarks import sample
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter, memory_bytes
from benchmarks.report import Bars, Result
from benchmarks.sample import Hook
from benchmarks.stage import PARTITIONS, Sender, Stage, stage
from benchmarks.statistics import percentiles
from benchmarks.topics import Group
from streamhooks.kafka.partitions import partition_of
from streamhooks.settings import Settings
from streamhooks.web.http.access import FORWARDED
from streamhooks.web.http.signing import ForwardedCall, Signer

#: the finest rollup and the coarser two, in seconds
ROLLUPS = (10, 3600, 86400)
BATCHES = (1, 25, 200)
_TIMEOUT = 120.0
_ids = count()


def run(options: Options, say: Say) -> Result:
    """Write to `firings` as workers do, and query the views of two workers."""
    attempts, windows = options.choose(100_000, 2_000), options.choose(40, 4)
    layout = {str(number): 1 for number in range(options.choose(1_000, 50))}
    rows: list[dict[str, object]] = []
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, layout)
        workers = scene.workers("two.", 2, hooks)
        group = Group(scene.brokers, "two.counting", "two.firings")
        for batch in BATCHES:
            total = attempts if batch > 1 else attempts // 5
            say(f"{total:,} attempts, {batch} in a record")
            memory = memory_bytes(workers.pids)
            rate, cpu = _counted(scene, workers, group, hooks[:50], total, batch)
            kept = (memory_bytes(workers.pids) - memory) / total
            rows += [
                {"measure": f"counted per second, {batch} attempts per record", "value": rate},
                {"measure": f"CPU µs per attempt, {batch} attempts per record", "value": cpu},
            ]
        rows.append({"measure": "memory of an attempt's id, bytes", "value": kept})
        say(f"{windows} windows for each of {len(hooks):,} hooks")
        rows += _windows(scene, workers, group, hooks, windows, kept)
        say("asking for stats")
        own, through = _asked(workers, hooks, options.choose(500, 50))
        rows += _query_rows("at the owner", own) + _query_rows("through the other worker", through)
    bars = Bars("ms a stats query, p50", ["owner", "other"], [percentiles(one)["p50"] for one in (own, through)])
    return Result("counters", "counters: two workers", rows, bars=[bars])


def _counted(
    scene: Stage, workers: Sender, group: Group, hooks: Sequence[Hook], attempts: int, batch: int
) -> tuple[float, float]:
    """Write current attempts in batches; return how many are counted per second, and the CPU µs per attempt."""
    records = attempts // batch
    meter = CpuMeter({"workers": workers.pids})
    began = time.monotonic()
    now = int(time.time() * 1000)
    for number in range(records):
        _write(scene, hooks[number % len(hooks)], now, batch)
    scene.writer.flush()
    group.wait_settled(_TIMEOUT)
    return records * batch / (time.monotonic() - began), meter.taken()["workers"] * 1e6 / (records * batch)


def _windows(
    scene: Stage, workers: Sender, group: Group, hooks: Sequence[Hook], windows: int, kept: float
) -> list[dict[str, object]]:
    """Write one attempt into each of the last windows of every hook; return the bytes per window."""
    now = int(time.time())
    memory, cells = memory_bytes(workers.pids), 0
    for hook in hooks:
        times = [now - 10 * number for number in range(windows)]
        cells += sum(len({at // rollup for at in times}) for rollup in ROLLUPS)
        for at in times:
            _write(scene, hook, at * 1000, 1)
    scene.writer.flush()
    group.wait_settled(_TIMEOUT)
    grown = memory_bytes(workers.pids) - memory - kept * windows * len(hooks)
    return [
        {"measure": "windows", "value": cells},
        {"measure": "memory of a window, bytes", "value": grown / cells},
    ]


def _write(scene: Stage, hook: Hook, at: int, attempts: int) -> None:
    value = {
        "hook_id": hook.id,
        "attempts": [
            {
                "id": f"msg_{next(_ids):032x}",
                "attempt": 1,
                "at": at,
                "outcome": "delivered",
                "status": 200,
                "error": None,
                "duration_ms": 3,
                "source": "two.events:0:1",
                "event": "event.created",
                "url": hook.url,
            }
            for _ in range(attempts)
        ],
    }
    partition = partition_of(hook.id, PARTITIONS)
    scene.writer.send("two.firings", hook.id, orjson.dumps(value), partition, timestamp_ms=at)


def _asked(workers: Sender, hooks: Sequence[Hook], queries: int) -> tuple[list[float], list[float]]:
    """Return the times of queries in ms, at the hook's owner and at the other worker."""
    clients = {base: HTTPConnection(urlsplit(base).netloc) for base in workers.bases}
    signer = Signer(Settings(), time.time)
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(queries):
        hook = hooks[number % len(hooks)]
        for base, client in clients.items():
            # A request that was forwarded is answered only by the owner.
            call = ForwardedCall(base, "GET", f"/api/hooks/{hook.id}/stats", "", "")
            owner = _get(client, hook, {FORWARDED: signer.signed(call, "read", b"")})[0] == 200
            began = time.perf_counter()
            status, points = _get(client, hook, {})
            taken[not owner].append((time.perf_counter() - began) * 1000)
            if status != 200 or len(points) != 24 or not sum(point["total"] for point in points):
                raise ValueError(f"a stats query answered {status}: {points}")
    return taken


def _get(client: HTTPConnection, hook: Hook, headers: dict[str, str]) -> tuple[int, list[dict]]:
    client.request("GET", f"/api/hooks/{hook.id}/stats", headers=headers)
    answer = client.getresponse()
    return answer.status, orjson.loads(answer.read())


def _query_rows(where: str, taken: Sequence[float]) -> list[dict[str, object]]:
    found = percentiles(taken)
    return [{"measure": f"stats query {where}, {name}, ms", "value": found[name]} for name in ("p50", "p99")]
