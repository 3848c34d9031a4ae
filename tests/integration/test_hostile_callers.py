"""Callers of the API who mean no good: what they do is theirs, and costs other organizations nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from pathlib import Path

import aiohttp
from installation import Hook, Installation, event
from support import api, eventually, make_certificates

TOKEN = "a token of the tests"
PARTITIONS = 4


def test_samples_do_not_hold_up_deliveries(install, tmp_path: Path) -> None:
    """Also, all of it with TLS, two workers, and what one hands on to the other."""
    files = make_certificates(tmp_path)
    tls = {"web_tls_cert": files.cert, "web_tls_key": files.key, "web_tls_ca": files.ca}
    one: Installation = install(partitions=PARTITIONS, max_in_flight=100, **tls, token=TOKEN)
    workers = [one.add_worker(start=False).launch() for _ in range(2)]
    for worker in workers:
        worker.wait_ready()
    hanging = [one.create_hook("hostile", timeout=30) for _ in range(12)]
    for hook in hanging:
        one.receiver.behave(hook.path, hang=True)
    victim = one.create_hook("victim")
    statuses = asyncio.run(_many_samples(one, [hanging[0].id] * 260 + [hook.id for hook in hanging[1:]], victim))
    assert statuses == {429: 261, 0: 10}
    # Each of the two answers for what it owns itself, and hands on the rest.
    for worker in workers:
        assert one.totals(victim, worker) == (10, 10, 0)
        assert len(one.latest(victim, worker)) == 10
        for hook in hanging:
            assert one.totals(hook, worker) == (0, 0, 0)
    _malformed_with_tls(one)
    assert 'streamhooks_refused_calls_total{why="tests"} 261.0' in api(workers[0]).get("/metrics").body.decode()
    for worker in workers:
        assert worker.stop() == 0


async def _many_samples(one: Installation, hooks: list[str], victim: Hook) -> Counter[int]:
    """Have all samples sent at once; deliver to the victim meanwhile; count the answers, 0 for none until then."""
    connector = aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cafile=one.worker.ca))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(one.worker.base, connector=connector, headers=headers) as session:

        async def sample(hook_id: str) -> int:
            async with session.post(f"/api/hooks/{hook_id}/test") as answer:
                return answer.status

        tasks = [asyncio.create_task(sample(hook_id)) for hook_id in hooks]
        try:
            await asyncio.to_thread(eventually, lambda: sum(task.done() for task in tasks) >= len(hooks) - 10)
            await asyncio.to_thread(_deliver, one, victim)
            return Counter(task.result() if task.done() else 0 for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _deliver(one: Installation, victim: Hook) -> None:
    for number in range(10):
        one.produce("events", "11", event("victim"), partition=number % PARTITIONS)
    victim.received(10)
    eventually(lambda: one.totals(victim) == (10, 10, 0))
    assert victim.receiver.count(victim.path)["requests"] == 10


def _malformed_with_tls(one: Installation) -> None:
    context = ssl.create_default_context(cafile=one.worker.ca)
    with (
        socket.create_connection(("127.0.0.1", one.worker.port), 10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(b"GET / HTTP/9\r\n\r\n")
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    assert answer.startswith(b"HTTP/1.0 400 ")
    assert answer.endswith(b'{"detail":"malformed request"}')
    assert b"aiohttp" not in answer
