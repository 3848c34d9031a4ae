"""A call of the storms is sent once: else nobody knows whether a change that was refused was made by the first."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support import Worker

from chaos.changing import call, client


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
async def test_a_call_whose_connection_breaks_is_not_sent_again(method: str, tmp_path: Path):
    came = 0

    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        came += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    worker = Worker("", "", tmp_path)
    worker._process = type("Process", (), {"pid": 1})()  # type: ignore[assignment]
    async with await asyncio.start_server(end, "127.0.0.1", worker.port), client() as session:
        answer = await call(session, worker, method, "/", {"some": "change"})
    assert answer is not None
    assert (came, answer.status) == (1, None)


async def test_a_call_that_no_worker_takes_is_known_not_to_be_sent(tmp_path: Path):
    worker = Worker("", "", tmp_path)
    worker._process = type("Process", (), {"pid": 1})()  # type: ignore[assignment]
    async with client() as session:
        assert await call(session, worker, "PUT", "/") is None
