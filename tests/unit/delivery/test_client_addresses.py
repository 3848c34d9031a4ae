"""What is denied is never connected to, on whatever way it came in."""

from __future__ import annotations

import asyncio
import socket
import threading

import aiohttp
import pytest
from bad_hosts import BAD_HOSTS
from behaviours import answer_with
from endpoints import LOOPBACK, a_client, resolves_to, serving
from yarl import URL

from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.delivery.client import HookClient
from streamhooks.delivery.connections import DeniedAddressError, PolicyResolver
from streamhooks.delivery.outcomes import judge
from streamhooks.delivery.targets import target_of, written

STRICT = AddressPolicy()
LONG = 10.0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]", "user@127.0.0.1"])
async def test_urls_are_checked_when_they_are_used(host: str) -> None:
    async with serving(answer_with()) as endpoint, a_client(STRICT) as client:
        answer = await client.post(f"http://{host}:{endpoint.port}/", {}, b"{}", LONG)
    assert (answer.status, answer.kind) == (None, "denied")
    assert judge(answer, 0).kind == "rejected"
    assert endpoint.connections == 0


async def post_unchecked(client: HookClient, url: str) -> None:
    target = target_of(URL(url), url, "1", loop=asyncio.get_running_loop(), ssl_context=None, headers={})
    await client._answer(target, written(target, {}, b"{}"))


REACHING_LOOPBACK = [host for host in BAD_HOSTS if host.isascii() and not set(host) & set("@\\ \t\n\x00")]


@pytest.mark.parametrize("host", REACHING_LOOPBACK)
async def test_connections_are_checked_even_if_the_url_was_not(host: str) -> None:
    async with serving(answer_with()) as endpoint, a_client(STRICT) as client:
        with pytest.raises((aiohttp.ClientError, OSError, ValueError)):
            await asyncio.wait_for(post_unchecked(client, f"http://{host}:{endpoint.port}/"), LONG)
    assert endpoint.connections == 0


async def test_the_reason_of_a_literal_comes_from_its_connection() -> None:
    async with serving(answer_with()) as endpoint, a_client(STRICT) as client:
        with pytest.raises(aiohttp.ClientConnectorError) as raised:
            await post_unchecked(client, f"http://127.0.0.1:{endpoint.port}/")
    assert isinstance(raised.value.os_error, DeniedAddressError)


@pytest.mark.parametrize(
    ("addresses", "text"),
    [
        (["127.0.0.1"], "127.0.0.1 is loopback"),
        (["10.0.0.1", "127.0.0.1"], "10.0.0.1 is private"),
        (["::ffff:127.0.0.1"], "::ffff:127.0.0.1 is IPv4-mapped"),
        (["169.254.169.254"], "169.254.169.254 is a cloud's metadata service"),
        (["64:ff9b::7f00:1"], "64:ff9b::7f00:1 is NAT64"),
    ],
)
async def test_names_of_denied_addresses(monkeypatch: pytest.MonkeyPatch, addresses: list[str], text: str) -> None:
    resolves_to(monkeypatch, *addresses)
    async with serving(answer_with()) as endpoint, a_client(STRICT) as client:
        answer = await client.post(f"http://hook.example:{endpoint.port}/", {}, b"{}", LONG)
    assert (answer.kind, answer.error) == ("denied", f"denied: {text}")
    assert judge(answer, 0).kind == "rejected"
    assert endpoint.connections == 0


@pytest.mark.parametrize("addresses", [["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "10.0.0.1"]])
async def test_of_several_addresses_the_allowed_one_is_used(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    resolves_to(monkeypatch, *addresses)
    asked: list[str] = []
    real_denied = AddressPolicy.denied
    monkeypatch.setattr(AddressPolicy, "denied", lambda self, a: (asked.append(a), real_denied(self, a))[1])
    async with serving(answer_with()) as endpoint, a_client(LOOPBACK) as client:
        answer = await client.post(f"http://hook.example:{endpoint.port}/", {}, b"{}", LONG)
    assert answer.status == 200
    assert asked.count("10.0.0.1") == 1  # by the resolver, never for a socket
    assert asked.count("127.0.0.1") == 2


async def test_an_allowed_address_out_of_reach_is_no_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for addresses in (["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "10.0.0.1"]):
        resolves_to(monkeypatch, *addresses)
        async with a_client(LOOPBACK) as client:
            answer = await client.post(f"http://hook.example:{port}/", {}, b"{}", LONG)
        assert answer.error == "connection: Connection refused"


async def test_a_name_that_turns_to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: what counts is the address at the connection, not at the check of the URL."""
    STRICT.check_url("http://hook.example/")
    resolves_to(monkeypatch, "8.8.8.8")
    STRICT.check_url("http://hook.example/")
    resolves_to(monkeypatch, "127.0.0.1")
    async with serving(answer_with()) as endpoint, a_client(STRICT) as client:
        answer = await client.post(f"http://hook.example:{endpoint.port}/", {}, b"{}", LONG)
    assert answer.kind == "denied"
    assert endpoint.connections == 0


async def test_names_whose_servers_hang_hold_up_no_name_that_answered_before(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()

    def fake(host: str, port: int, *_: object, **__: object) -> list[object]:
        if host.endswith("slow.example"):
            hangs.wait(LONG)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", fake)
    resolver = PolicyResolver(LOOPBACK)
    await resolver.resolve("hook.example", 80)
    hanging = [asyncio.create_task(resolver.resolve(f"{number}.slow.example", 80)) for number in range(100)]
    try:
        for _ in range(3):
            await asyncio.wait_for(resolver.resolve("hook.example", 80), 5)
    finally:
        hangs.set()
        await asyncio.gather(*hanging)
        await resolver.close()


async def test_a_name_that_became_slow_takes_no_room_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def fake(host: str, port: int, *_: object, **__: object) -> list[object]:
        nonlocal now
        now += 5.0 if host == "slow.example" else 0.0
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", fake)
    resolver = PolicyResolver(LOOPBACK, clock=lambda: now)
    for host in ("slow.example", "hook.example"):
        await resolver.resolve(host, 80)
    assert resolver.is_quick("hook.example")
    assert not resolver.is_quick("slow.example")
    await resolver.close()
