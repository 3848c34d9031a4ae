"""Straight deliveries over a real connection: the first one waits for it, others reuse it, and letting go ends it."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network

from support.runs import HOOK, Owner, World

from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.delivery.client import HookClient
from streamhooks.tasks.call import Call
from streamhooks.webhooks.deliver import Preparing, Soon, deliverer
from streamhooks.webhooks.rendering import Payload
from streamhooks.webhooks.tasks import DeliveryTask

TASK = "streamhooks.t"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Endpoint:
    """Answers each request with the next of `answers`, by default 200 at once; None never answers."""

    answers: list[bytes | None] = field(default_factory=list)
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
                self.requests.append(head + await reader.readexactly(int(length[1]) if length else 0))
                self.came.set()
                answer = self.answers.pop(0) if self.answers else OK
                if answer is None:
                    assert await reader.read() == b""
                    writer.write(OK)
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            self.closed.set()
            writer.close()


@asynccontextmanager
async def world_of(endpoint: Endpoint):
    """Give a world whose deliveries go to the endpoint."""
    server = await asyncio.start_server(endpoint.talk, "127.0.0.1", 0)
    policy = AddressPolicy((ip_network("127.0.0.0/8"),), None, ())
    client = HookClient(policy, limit=10, user_agent="test")
    bounds = {"timeout": 9.0, "max_body": 100}
    world = World(soon=Soon(Preparing(lambda: 1000.0, **bounds), client.post_soon))
    world.hooks.hook = replace(HOOK, url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    general: list[str] = []
    send = deliverer(client.post, clock=lambda: 1000.0, **bounds)

    async def deliver(call, hook, payload, traceparent=None):
        general.append(call.id)
        return await send(call, hook, payload, traceparent)

    world.deliveries._attempting._deliver = deliver
    world.general = general
    payload = Payload(b"body", lambda *_: {"Content-Type": "text/plain"})
    world.tasks[TASK] = DeliveryTask(TASK, None, 300.0, 5, render=lambda *_: payload)
    try:
        yield world
    finally:
        world.runs.cancel()
        await client.close()
        server.close()


async def start(world: World, name: str) -> Owner:
    owner = Owner()
    await world.deliveries.start(Call(name, TASK, 0, 0, ["x"], hook_id=HOOK.id, source="e:0:0"), owner)
    return owner


async def delivered(world: World, name: str) -> None:
    owner = await start(world, name)
    await asyncio.wait_for(owner.ended.wait(), 10)
    assert await world.runs.idle(10)


async def test_after_the_first_one_deliveries_go_straight_over_the_same_connection():
    endpoint = Endpoint()
    async with world_of(endpoint) as world:
        for name in ("c1", "c2", "c3"):
            await delivered(world, name)
        assert world.general == ["c1"]
        assert [attempt.outcome for attempt in world.firings.attempts] == ["delivered"] * 3
        names = [re.search(rb"webhook-id: *(\S+)", one)[1].decode() for one in endpoint.requests]
        assert names == ["c1", "c2", "c3"]
        assert endpoint.connections == 1
        assert {one.partition(b"\r\n\r\n")[2] for one in endpoint.requests} == {b"body"}


async def test_what_an_endpoint_refuses_is_written_for_its_retry():
    endpoint = Endpoint([OK, b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"])
    async with world_of(endpoint) as world:
        await delivered(world, "c1")
        await delivered(world, "c2")
        assert world.general == ["c1"]
        assert [(stored[0].id, stored[1], stored[3]) for stored in world.outputs.stored] == [("c2", 2, "retry")]


async def test_letting_go_closes_the_connection_and_the_next_delivery_has_another():
    endpoint = Endpoint([OK, None])
    async with world_of(endpoint) as world:
        await delivered(world, "c1")
        endpoint.came.clear()
        owner = await start(world, "c2")
        await asyncio.wait_for(endpoint.came.wait(), 10)
        world.runs.cancel()
        await asyncio.wait_for(endpoint.closed.wait(), 10)  # it has answered by now, too late
        assert await world.runs.idle(10)
        assert (owner.holds, len(world.firings.attempts), world.bulkheads.in_flight(HOOK.id)) == (1, 1, 0)
        await delivered(world, "c3")
        assert (world.general, endpoint.connections) == (["c1", "c3"], 2)
        assert len(world.firings.attempts) == 2
