"""`letters`: 10,000 open dead letters, listed and sent again by filter, with two workers."""

from __future__ import annotations

import statistics
import time
from typing import Any
from urllib.parse import urlencode

from benchmarks import sample
from benchmarks.options import Options, Say
from benchmarks.report import Bars, Result
from benchmarks.stage import Stage, stage
from streamhooks.errors import Refusal
from streamhooks.web.http.json_client import call

_PROJECT = "apart"
_TIMEOUT = 300.0
_LISTS: dict[str, dict[str, Any]] = {
    "list, first 100": {"limit": 100},
    "list by reason and hook, first 100": {"limit": 100, "reason": "404"},
    "list by a reason that none has": {"limit": 100, "reason": "no such"},
}


def run(options: Options, say: Say) -> Result:
    """Let an endpoint refuse everything; list the dead letters; repair the endpoint, and resend all."""
    letters, rounds = options.choose(10_000, 300), options.choose(3, 1)
    taken: dict[str, list[float]] = {}
    twice = 0
    for number in range(1, rounds + 1):
        with stage(breaker=0) as scene:
            say(f"round {number}: {letters:,} events that are refused")
            times, again = _round(scene, letters)
        twice += again
        for name, seconds in times.items():
            taken.setdefault(name, []).append(seconds)
    rows = [
        {"what": name, "s, median": statistics.median(times), "s, most": max(times)} for name, times in taken.items()
    ]
    notes = [f"{letters:,} open letters of one hook, two workers, {rounds} rounds; requests sent twice: {twice}"]
    bars = [Bars("s", [row["what"] for row in rows], [row["s, median"] for row in rows])]
    return Result("letters", f"letters: {letters:,} open dead letters", rows, notes, bars)


def _round(scene: Stage, letters: int) -> tuple[dict[str, float], int]:
    """Return how many seconds each call took, and how many requests were sent twice."""
    hook = sample.hook_apart(scene.receiver, _PROJECT)
    scene.refuse(True)
    workers = scene.workers("two.", 2, [hook])
    workers.queue(sample.events([_PROJECT], letters))
    workers.wait_settled(_TIMEOUT)
    refused, api = scene.received(), f"{workers.bases[0]}/api/dead-letters"
    times = {}
    for name, query in _LISTS.items():
        given = {**query, **({"hook_id": hook.id} if "hook" in name else {})}
        times[name], found = _timed("GET", f"{api}?{urlencode(given)}")
        expected = 0 if query.get("reason") == "no such" else min(100, letters)
        if len(found["dead_letters"]) != expected:
            raise Refusal(f"{name}: {len(found['dead_letters'])} letters, not {expected}")
    scene.refuse(False)
    times["redrive by reason and hook"], sent = _timed("POST", f"{api}/redrive", {"hook_id": hook.id, "reason": "404"})
    if sent != {"redriven": letters, "skipped": 0}:
        raise Refusal(f"redrive: {sent}")
    began = time.monotonic()
    while call("GET", f"{api}?state=sent&limit=1", timeout=60).json["dead_letters"]:
        scene.check()
        if time.monotonic() - began > _TIMEOUT:
            raise Refusal(f"not all were delivered within {_TIMEOUT:.0f} s")
        time.sleep(0.1)
    times["until all are delivered"] = time.monotonic() - began
    counted = scene.received()
    if counted["ids_apart"] != letters or call("GET", f"{api}?limit=1", timeout=60).json["dead_letters"]:
        raise Refusal(f"{counted['ids_apart']} ids came, or letters are open")
    return times, counted["apart"] - refused["apart"] - letters


def _timed(method: str, url: str, body: Any = None) -> tuple[float, Any]:
    began = time.monotonic()
    found = call(method, url, body, timeout=60)
    took = time.monotonic() - began
    if found.status >= 300:
        raise Refusal(f"{method} {url}: {found.status} {found.json}")
    return took, found.json
