"""TLS sessions are resumed, for the name that the certificate was verified for, and not for long."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from behaviours import EMPTY, Run
from endpoints import Peer, a_client, certificate, resolves_to, serving, serving_context

from streamhooks.delivery import sessions
from streamhooks.delivery.certificates import verifying
from streamhooks.delivery.client import Answer, HookClient
from streamhooks.delivery.sessions import ResumingObject

LONG = 10.0
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Server:
    """An endpoint that closes each connection, and notes whether its session was resumed."""

    def __init__(self) -> None:
        self.resumed: list[bool] = []

    async def __call__(self, peer: Peer) -> None:
        self.resumed.append(peer.writer.get_extra_info("ssl_object").session_reused)
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + EMPTY)


def served(path: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = serving_context(path)
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", VERSIONS)
def test_the_next_connection_resumes_the_session(version: ssl.TLSVersion, run: Run, tmp_path: Path) -> None:
    path = certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(path))

    async def attempt() -> list[bool]:
        server = Server()
        async with serving(server, served(path, version)) as endpoint, a_client(context=context) as client:
            for _ in range(3):
                assert (await client.post(endpoint.url, {}, b"{}", LONG)).status == 200
        return server.resumed

    assert run(attempt()) == [False, True, True]


class Hasty(asyncio.Protocol):
    """Answers, and closes in the same moment."""

    def __init__(self, resumed: list[bool]) -> None:
        self._resumed = resumed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._resumed.append(transport.get_extra_info("ssl_object").session_reused)

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"{}"):
            self._transport.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + EMPTY)  # type: ignore[attr-defined]
            self._transport.close()


def test_a_session_is_remembered_even_if_the_connection_has_ended_with_its_answer(run: Run, tmp_path: Path) -> None:
    path = certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(path))

    async def attempt() -> list[bool]:
        resumed: list[bool] = []
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Hasty(resumed), "127.0.0.1", 0, ssl=serving_context(path))
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with server, a_client(context=context) as client:
            for _ in range(4):
                assert (await client.post(url, {}, b"{}", LONG)).status == 200
        return resumed

    assert run(attempt()) == [False, True, True, True]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_certificate_is_verified_again_however_often_its_session_was_resumed(
    version: ssl.TLSVersion, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(path))
    now = 0.0
    monkeypatch.setattr(sessions, "steady", lambda: now)

    async def attempt() -> list[bool]:
        nonlocal now
        server = Server()
        async with serving(server, served(path, version)) as endpoint, a_client(context=context) as client:
            for moment in (0, 400, 599, 600, 601):
                now = float(moment)
                assert (await client.post(endpoint.url, {}, b"{}", LONG)).status == 200
        return server.resumed

    assert run(attempt()) == [False, True, True, False, True]


def test_another_name_gets_no_session_and_its_certificate_is_verified(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = certificate(tmp_path, "127.0.0.1")
    resolves_to(monkeypatch, "127.0.0.1")
    context = ssl.create_default_context(cafile=str(path))

    async def attempt() -> Answer:
        server = Server()
        async with serving(server, serving_context(path)) as endpoint, a_client(context=context) as client:
            assert (await client.post(endpoint.url, {}, b"{}", LONG)).status == 200
            return await client.post(f"https://hook.example:{endpoint.port}/", {}, b"{}", LONG)

    assert run(attempt()).kind == "tls"


def test_clients_with_the_same_context_share_its_sessions_and_others_do_not(run: Run, tmp_path: Path) -> None:
    path = certificate(tmp_path)
    shared, other = (ssl.create_default_context(cafile=str(path)) for _ in range(2))

    async def attempt() -> list[bool]:
        server = Server()
        async with serving(server, serving_context(path)) as endpoint:
            for context in (shared, shared, other):
                async with a_client(context=context) as client:
                    assert (await client.post(endpoint.url, {}, b"{}", LONG)).status == 200
        return server.resumed

    assert run(attempt()) == [False, True, False]


def test_a_session_that_the_server_does_not_know_is_none(run: Run, tmp_path: Path) -> None:
    """After a restart, for example: the handshake is a full one."""
    path = certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(path))

    async def one(client: HookClient) -> list[bool]:
        server = Server()
        async with serving(server, serving_context(path)) as endpoint:
            assert (await client.post(endpoint.url, {}, b"{}", LONG)).status == 200
        return server.resumed

    async def attempt() -> list[bool]:
        async with a_client(context=context) as client:
            return await one(client) + await one(client)

    assert run(attempt()) == [False, False]


def test_few_names_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    made = verifying(ssl.create_default_context()).sslobject_class
    assert issubclass(made, ResumingObject)
    for number in range(2000):
        made.sessions.keep(f"{number}.example", None)  # type: ignore[arg-type]
    assert len(made.sessions) == 1024
