"""Redis, and the Celery that delivers webhooks with it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec

import orjson

from benchmarks.sample import Hook
from benchmarks.stage import Sender, Stage
from benchmarks.topics import Pair
from streamhooks.dev.ports import free_port
from streamhooks.dev.processes import Child

REDIS = "redis-server"


def missing(name: str, *packages: str) -> str | None:
    """Return why a peer can't run here, in one line; None if it can."""
    if shutil.which(REDIS) is None:
        return f"{name}: skipped, there is no redis-server here (Debian's package redis-server)"
    if absent := [package for package in packages if find_spec(package) is None]:
        return f"{name}: skipped, not installed: {', '.join(absent)} (the extra `bench`)"
    return None


def start_redis(scene: Stage, name: str) -> tuple[str, Child]:
    """Start a Redis that keeps everything in memory; return its URL and its process."""
    server, port = shutil.which(REDIS) or REDIS, free_port()
    child = scene.start(name, [server, "--port", str(port), "--bind", "127.0.0.1", "--save", ""])
    return f"redis://127.0.0.1:{port}/0", child


def celery(scene: Stage, hooks: Sequence[Hook]) -> Sender | str:
    """Start Redis and a Celery worker with one process per core, or return the reason why not."""
    if reason := missing("celery", "celery", "redis", "requests"):
        return reason
    url, redis = start_redis(scene, "redis")
    variables = {"BENCH_REDIS": url, "BENCH_HOOKS": str(scene.hooks_file(hooks))}
    command = [sys.executable, "-m", "celery", "-A", "benchmarks.senders.celery_app", "worker", "-l", "warning"]
    child = scene.start("celery", command, **variables)
    ids = {hook.project_id: hook.id for hook in hooks}
    from celery import Celery

    app = Celery("queue", broker=url)

    def queue(pairs: Iterable[Pair]) -> None:
        with app.producer_pool.acquire(block=True) as producer:
            for project, value in pairs:
                args = (ids[project], orjson.loads(value))
                app.send_task("service_hook", args, producer=producer, ignore_result=True)

    return Sender("celery", [child], queue, helpers=[redis])
