from __future__ import annotations

import asyncio

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from streamhooks.faust_patches.connections import expect_closed_transports


async def closed_below(connection: AIOKafkaConnection) -> asyncio.Server:
    """Connect, and close the transport unnoticed by the connection."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    connection._reader, connection._writer = reader, writer
    connection._read_task = asyncio.create_task(asyncio.sleep(60))
    connection._versions = {MetadataRequest.API_KEY: (0, 1)}
    writer.transport.abort()
    await asyncio.sleep(0.05)
    return server


@pytest.mark.parametrize("is_token", [False, True])
def test_a_request_on_a_transport_that_was_closed_is_an_error_of_the_connection(is_token: bool) -> None:
    expect_closed_transports()
    expect_closed_transports()
    closed: list[object] = []

    async def main() -> None:
        connection = AIOKafkaConnection("127.0.0.1", 1, on_close=lambda _connection, reason: closed.append(reason))
        server = await closed_below(connection)
        with pytest.raises(KafkaConnectionError, match="broken: "):
            await (connection._send_sasl_token(b"t") if is_token else connection.send(MetadataRequest([])))
        assert not connection.connected()
        server.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    assert len(closed) == 1
