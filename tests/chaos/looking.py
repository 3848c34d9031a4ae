"""What has come of the changes in the end: as each worker shows the hooks, and as samples are signed."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp
from support import Worker

from chaos.changes import SECRET, Journal, Sight, Signed
from chaos.changing import Came, call, client, shown
from chaos.ledger import Receiver
from streamhooks.delivery.signing import legacy_signature, standard_signature

#: seconds in which a worker that is well must answer
_ANSWERED = 60.0
#: fewer than the samples that a worker sends at once
_AT_ONCE = 8


async def look(journal: Journal, workers: list[Worker], receiver: Receiver) -> None:
    """Note how each worker shows each hook that was changed, and which secrets sign a sample to it."""
    secrets: defaultdict[str, set[str]] = defaultdict(set)
    for one in journal.changes:
        secrets[one.hook] |= {one.value} if one.field == SECRET and one.value else set()
    paths: dict[str, str] = {}
    room = asyncio.Semaphore(_AT_ONCE)
    async with client() as session:

        async def look_at(number: int, hook: str) -> None:
            async with room:
                for worker in workers:
                    came = await _answered(session, worker, "GET", f"/api/hooks/{hook}")
                    fields = shown(came.body) if came.status == 200 else None
                    journal.last.append(Sight(hook, came.worker, came.begun, fields))
                if fields is not None:
                    worker = workers[number % len(workers)]
                    came = await _answered(session, worker, "POST", f"/api/hooks/{hook}/test")
                    paths[hook] = urlsplit(fields["url"]).path

        async with asyncio.TaskGroup() as group:
            for number, hook in enumerate(sorted(secrets)):
                group.create_task(look_at(number, hook))
    samples = await asyncio.to_thread(receiver.samples)
    journal.signed |= {hook: signed(secrets[hook], samples.get(path, {})) for hook, path in paths.items()}


async def _answered(session: aiohttp.ClientSession, worker: Worker, method: str, path: str) -> Came:
    deadline = time.monotonic() + _ANSWERED
    while (came := await call(session, worker, method, path)) is None or came.status not in (200, 404):
        if time.monotonic() > deadline:
            raise AssertionError(f"{method} {path} at {worker.data_dir.name}: {came}")
        await asyncio.sleep(0.5)
    return came


def signed(secrets: set[str], sample: Mapping[str, str]) -> Signed:
    """Return which of the secrets signed a request, of which its headers are given, and its body under `""`."""
    body, found = sample.get("", "").encode(), sample.get("webhook-signature", "").split()

    def signs(secret: str) -> bool:
        timestamp = int(sample.get("webhook-timestamp", 0))
        return standard_signature([secret], sample.get("webhook-id", ""), timestamp, body) in found

    current = sample.get("x-servicehook-signature")
    return Signed(
        frozenset(one for one in secrets if legacy_signature(one, body) == current),
        frozenset(one for one in secrets if signs(one)),
    )
