from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from benchmarks import certificates, sample
from benchmarks.receiver import Received, addresses, serve
from streamhooks.dev.ports import free_port


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[tuple[Received, int, Path]]:
    authority = certificates.write(tmp_path / "certificates", addresses(2))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.parent / certificates.SERVER)
    received = Received(sample.SECRET)
    servers = await serve(received, port := free_port(), 2, context)
    yield received, port, authority
    for server in servers:
        server.close()


async def post(url: str, authority: Path | None) -> int:
    context = ssl.create_default_context(cafile=None if authority is None else str(authority))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        headers = {"webhook-id": url}
        async with session.post(url, data=b"{}", headers=headers) as answer:
            return answer.status


async def test_each_https_host_is_verified_and_answers(receiver: tuple[Received, int, Path]) -> None:
    received, port, authority = receiver
    found = await asyncio.gather(*(post(f"https://{host}:{port}/hook/1", authority) for host in addresses(2)))
    assert found == [200, 200]
    assert len(received.ids) == 2


async def test_who_does_not_know_the_authority_refuses_the_certificate(receiver: tuple[Received, int, Path]) -> None:
    received, port, _ = receiver
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await post(f"https://{addresses(1)[0]}:{port}/hook/1", None)
    assert not received.ids


async def test_counts_are_asked_for_in_plain_text(receiver: tuple[Received, int, Path]) -> None:
    _, port, _ = receiver
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/_stats") as answer:
        assert (await answer.json())["requests"] == 0


def test_a_certificate_is_of_its_hosts_only(tmp_path: Path) -> None:
    from cryptography import x509

    authority = certificates.write(tmp_path / "certificates", ["127.1.0.1"])
    _, _, text = (authority.parent / certificates.SERVER).read_bytes().partition(b"-----END PRIVATE KEY-----\n")
    names = x509.load_pem_x509_certificate(text).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(name) for name in names.value.get_values_for_type(x509.IPAddress)] == ["127.1.0.1"]
