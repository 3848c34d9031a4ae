"""aiohttp alone: deliveries of one event in a loop, each rendered and signed, without Kafka and without any records.

It prints the CPU seconds of its loop.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import aiohttp
import orjson
import uvloop

from benchmarks.senders.naive import request


async def run(hooks: list[dict], event: dict, base_url: str, count: int, in_flight: int) -> None:
    left = iter(range(count))

    async def post() -> None:
        for number in left:
            hook = hooks[number % len(hooks)]
            body, headers = request(event, hook, base_url, f"msg_{number}")
            async with session.post(hook["url"], data=body, headers=headers) as answer:
                await answer.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.process_time()
        await asyncio.gather(*(post() for _ in range(in_flight)))
        print(time.process_time() - began)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("work", help="JSON: hooks, event, base_url, count, in_flight")
    work = orjson.loads(parser.parse_args().work)
    uvloop.run(run(**work))
