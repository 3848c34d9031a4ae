"""The views with TLS: the command line and other workers check who they talk to."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
import uvloop
from click.testing import CliRunner
from support import Certificates, make_certificates
from support.web_parts import TOKEN, FakeParts, FakeSettings, listening, new_hook

from streamhooks.cli import main
from streamhooks.errors import BadSettings
from streamhooks.faust_patches import accepting, server
from streamhooks.settings import Settings, load_settings
from streamhooks.web.http.tls import client_context, server_context


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def served(files: Certificates) -> ssl.SSLContext:
    context = server_context(Settings(web_tls_cert=files.cert, web_tls_key=files.key))
    assert context is not None
    return context


async def command(*arguments: str):
    """Run a command in a thread: the worker runs in this one."""
    return await asyncio.to_thread(CliRunner().invoke, main, arguments)


async def test_the_command_line(files: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(FakeParts(), served(files)) as port:
        listed = ("hooks", "list", "--json", "--url", f"https://127.0.0.1:{port}")
        for name in ("127.0.0.1", "localhost"):
            answer = await command("hooks", "list", "--url", f"https://{name}:{port}", "--tls-ca", str(files.ca))
            assert answer.exit_code == 0, answer.output
        answer = await command(*listed)
        assert (answer.exit_code, "certificate verify failed" in answer.stderr) == (1, True)
        monkeypatch.setenv("STREAMHOOKS_WEB_TLS_CA", str(files.ca))
        assert (await command(*listed)).exit_code == 0
        assert (await command("hooks", "list", "--url", f"http://127.0.0.1:{port}")).exit_code == 1
        answer = await command(*listed, "--tls-ca", str(files.key))
        assert answer.exit_code == 1
        assert answer.stderr.startswith("Error: STREAMHOOKS_WEB_TLS_CA: ")
        assert answer.stderr.count("\n") == 1


async def test_a_call_is_handed_on_to_whom_the_authority_knows(files: Certificates, tmp_path: Path) -> None:
    stranger = make_certificates(tmp_path)
    first = FakeParts(settings=FakeSettings(TOKEN, web_tls_ca=files.ca), mine=set())
    second = FakeParts(settings=FakeSettings(TOKEN, web_tls_ca=files.ca))
    second.hooks, second.attempts = first.hooks, [{"id": "msg_1"}]
    trusted = aiohttp.TCPConnector(ssl=client_context(files.ca))
    async with (
        listening(first, served(files)) as near,
        listening(second, served(files)) as far,
        listening(second, served(stranger)) as strange,
        aiohttp.ClientSession(connector=trusted, headers={"Authorization": f"Bearer {TOKEN}"}) as session,
    ):
        first.settings.advertised_url = f"https://127.0.0.1:{near}"
        async with session.post(f"https://127.0.0.1:{near}/api/hooks", json=new_hook()) as answer:
            url = f"https://127.0.0.1:{near}/api/hooks/{(await answer.json())['id']}/requests"
        for port, status in ((far, 200), (strange, 503)):
            first.owner = second.settings.advertised_url = f"https://127.0.0.1:{port}"
            async with session.get(url) as answer:
                assert answer.status == status
                assert port == strange or await answer.json() == [{"webhook_id": "msg_1", "id": "msg_1"}]


LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def silent(port: int, first: bytes = b"") -> Streams:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)
    return reader, writer  # both: a writer that nobody holds closes its connection


async def closed(streams: Streams) -> None:
    reader, writer = streams
    async with asyncio.timeout(20):
        with suppress(ConnectionError):
            assert b"HTTP" not in await reader.read()
    writer.close()


async def live(files: Certificates, port: int) -> None:
    connector = aiohttp.TCPConnector(ssl=client_context(files.ca))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"https://127.0.0.1:{port}/health/live") as answer,
    ):
        assert answer.status == 200


@LOOPS
def test_who_does_not_agree_on_tls_gives_way(run, files: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 5)
    monkeypatch.setattr(accepting, "HANDSHAKE_WITHIN", 3600.0)

    async def many() -> None:
        async with listening(FakeParts(), served(files)) as port:
            strangers = [await silent(port, first) for first in (b"", b"\x16\x03\x01") for _ in range(15)]
            await live(files, port)
            for streams in strangers[:25]:
                await closed(streams)
            for _, writer in strangers:
                writer.close()

    run(many())


@LOOPS
def test_handshakes_end_in_time(run, files: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "HANDSHAKE_WITHIN", 0.2)

    async def few() -> None:
        async with listening(FakeParts(), served(files)) as port:
            for first in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
                await closed(await silent(port, first))
            await live(files, port)

    run(few())


def test_files_that_are_none(files: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    empty = tmp_path / "empty"
    empty.write_text("")
    for cert, key, name in (
        (tmp_path / "none", files.key, "CERT"),
        (files.cert, tmp_path / "none", "KEY"),
        (empty, files.key, "CERT"),
        (files.cert, empty, "CERT"),
        (files.ca, files.key, "CERT"),  # not the key of this certificate
        (files.key, files.cert, "CERT"),
    ):
        with pytest.raises(BadSettings, match=rf"^STREAMHOOKS_WEB_TLS_{name}\b[^\n]*$"):
            server_context(Settings(web_tls_cert=cert, web_tls_key=key))
    for ca in (tmp_path, empty, tmp_path / "none"):
        with pytest.raises(BadSettings, match=r"^STREAMHOOKS_WEB_TLS_CA: [^\n]*$"):
            client_context(ca)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"web_tls_cert": "a"}, "STREAMHOOKS_WEB_TLS_KEY is required, because STREAMHOOKS_WEB_TLS_CERT is set"),
        ({"web_tls_key": "a"}, "STREAMHOOKS_WEB_TLS_CERT is required, because STREAMHOOKS_WEB_TLS_KEY is set"),
        ({"cluster_keys": "hunter2"}, "STREAMHOOKS_CLUSTER_KEYS: key 1 has fewer than 16 characters"),
        ({"cluster_keys": f"{'k' * 16},hunter2"}, "STREAMHOOKS_CLUSTER_KEYS: key 2 has fewer than 16 characters"),
        ({"cluster_skew": "0"}, "STREAMHOOKS_CLUSTER_SKEW: Input should be greater than 0"),
    ],
)
def test_settings(given: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in given.items():
        monkeypatch.setenv(f"STREAMHOOKS_{name.upper()}", text)
    with pytest.raises(BadSettings) as raised:
        load_settings()
    assert str(raised.value) == said


def test_with_tls_other_workers_are_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    keys = "a long key of mine,another long key"
    settings = Settings(web_tls_cert="a", web_tls_key="b", advertise="worker-1", cluster_keys=keys)
    assert settings.advertised_url == "https://worker-1:6066"
    assert "long key" not in repr(settings)
