"""aiokafka, aiohttp and a semaphore, as a user would write it, without any guarantee. Same body and headers."""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import time
from pathlib import Path

import aiohttp
import orjson
import uvloop
from aiokafka import AIOKafkaConsumer


def request(event: dict, hook: dict, base_url: str, identifier: str) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a service hook's delivery, as specified in docs/reference/payloads.md."""
    group_url = f"{base_url}/organizations/{event['organization']['slug']}/issues/{event['group']['id']}/"
    project = event["project"]
    body = orjson.dumps(
        {
            "project": {"slug": project["slug"], "name": project["name"]},
            "group": {**event["group"], "url": group_url},
            "event": {**event, "url": f"{group_url}events/{event['event_id']}/"},
        }
    )
    timestamp, secret = str(int(time.time())), hook["secret"]
    signed = f"{identifier}.{timestamp}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "naive",
        "X-ServiceHook-Timestamp": timestamp,
        "X-ServiceHook-GUID": hook["id"],
        "X-ServiceHook-Signature": hmac.digest(secret.encode(), body, hashlib.sha256).hex(),
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode(),
    }


async def run(brokers: str, topic: str, hooks: list[dict], base_url: str, in_flight: int) -> None:
    by_project: dict[str, list[dict]] = {}
    for hook in hooks:
        by_project.setdefault(hook["project_ids"][0], []).append(hook)
    room = asyncio.Semaphore(in_flight)
    tasks: set[asyncio.Task] = set()

    async def post(event: dict, hook: dict, identifier: str) -> None:
        try:
            body, headers = request(event, hook, base_url, identifier)
            async with session.post(hook["url"], data=body, headers=headers) as answer:
                await answer.read()
        finally:
            room.release()

    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=brokers, group_id=topic, auto_offset_reset="earliest", auto_commit_interval_ms=1000
    )
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session, consumer:
        async for record in consumer:
            event = orjson.loads(record.value)
            for hook in by_project[event["project"]["id"]]:
                await room.acquire()
                identifier = f"msg_{record.partition}-{record.offset}-{hook['id']}"
                task = asyncio.create_task(post(event, hook, identifier))
                tasks.add(task)
                task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("brokers")
    parser.add_argument("topic")
    parser.add_argument("hooks", type=Path)
    parser.add_argument("base_url")
    parser.add_argument("--in-flight", type=int, default=100)
    options = parser.parse_args()
    hooks = orjson.loads(options.hooks.read_bytes())
    uvloop.run(run(options.brokers, options.topic, hooks, options.base_url, options.in_flight))
