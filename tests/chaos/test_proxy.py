"""The wire does what it is asked to."""

from __future__ import annotations

import asyncio
import time

import pytest

from chaos.proxy import Wire
from streamhooks.dev.ports import free_port


@pytest.fixture
async def wire():
    """Return a wire to an echo server, and how to connect through it."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            heard.append(line)
            writer.write(line)

    heard: list[bytes] = []
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port, one = free_port(), Wire()
    await one.lay(port, server.sockets[0].getsockname()[1])
    yield one, lambda: asyncio.open_connection("127.0.0.1", port), heard
    await one.close()
    server.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"a\n")
    return await reader.readline()


async def test_it_can_pass_on_data_slowly(wire):
    one, connect, _heard = wire
    ends = await connect()
    assert await ask(*ends) == b"a\n"
    one.delay = 0.2
    began = time.monotonic()
    assert await ask(*ends) == b"a\n"
    assert time.monotonic() - began >= 0.4


async def test_what_is_held_up_one_way_comes_later(wire):
    one, connect, heard = wire
    reader, writer = await connect()
    one.to_worker.clear()
    asked = asyncio.ensure_future(ask(reader, writer))
    while not heard:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert not asked.done()
    one.repair()
    assert await asked == b"a\n"


async def test_silence_holds_up_both_ways(wire):
    one, connect, heard = wire
    ends = await connect()
    one.to_broker.clear()
    asked = asyncio.ensure_future(ask(*ends))
    await asyncio.sleep(0.05)
    assert not heard
    one.repair()
    assert await asked == b"a\n"


async def test_a_reset_is_one(wire):
    one, connect, _heard = wire
    ends = await connect()
    await ask(*ends)
    one.reset()
    with pytest.raises(ConnectionResetError):
        await ask(*ends)
    assert await ask(*await connect()) == b"a\n"


async def test_a_broker_that_is_down_closes_the_connection(wire):
    one, _connect, _heard = wire
    port = free_port()
    await one.lay(port, free_port())
    reader, _writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
