"""Endpoints that speak TLS, or should."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from behaviours import EMPTY, OK, Run, close_at_once, hang, reset_at_once, says
from endpoints import Behaviour, Peer, a_client, certificate, serving, serving_context

from streamhooks.delivery.client import Answer
from streamhooks.delivery.outcomes import judge

LONG = 10.0
SHORT = 0.25


def tls_attempt(run: Run, served: Path, trusted: Path | None) -> tuple[Answer, int]:
    async def attempt() -> tuple[Answer, int]:
        context = None if trusted is None else ssl.create_default_context(cafile=str(trusted))
        async with (
            serving(says(OK + EMPTY), serving_context(served)) as endpoint,
            a_client(context=context) as client,
        ):
            return await client.post(endpoint.url, {}, b"{}", LONG), len(endpoint.requests)

    return run(attempt())  # type: ignore[no-any-return]


def test_tls_with_a_trusted_certificate(run: Run, tmp_path: Path) -> None:
    path = certificate(tmp_path)
    answer, requests = tls_attempt(run, path, trusted=path)
    assert (answer.status, requests) == (200, 1)


@pytest.mark.parametrize("flaw", ["self-signed", "other host", "expired"])
def test_tls_with_a_bad_certificate(run: Run, tmp_path: Path, flaw: str) -> None:
    path = certificate(
        tmp_path,
        "other.example" if flaw == "other host" else "127.0.0.1",
        days=-1 if flaw == "expired" else 1,
    )
    answer, requests = tls_attempt(run, path, trusted=None if flaw == "self-signed" else path)
    assert (answer.kind, requests) == ("tls", 0)
    assert answer.error is not None
    assert "certificate" in answer.error
    assert judge(answer, 0).kind == "retry"


@pytest.mark.parametrize(
    ("behaviour", "kinds"),
    [
        (hang, {"timeout"}),
        (close_at_once, {"connection", "tls"}),
        (reset_at_once, {"connection", "tls"}),
    ],
    ids=["hangs", "closes", "resets"],
)
def test_a_tls_handshake_that_never_ends_well(run: Run, behaviour: Behaviour, kinds: set[str]) -> None:
    async def attempt() -> Answer:
        async with serving(behaviour) as endpoint, a_client() as client:
            endpoint.scheme = "https"
            return await client.post(endpoint.url, {}, b"{}", SHORT if kinds == {"timeout"} else LONG)

    answer = run(attempt())
    assert answer.kind in kinds
    assert judge(answer, 0).kind == "retry"


def test_https_to_a_server_without_tls(run: Run) -> None:
    async def rude(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n" + EMPTY)
        await peer.hang()

    async def attempt() -> Answer:
        async with serving(rude) as endpoint, a_client() as client:
            endpoint.scheme = "https"
            return await client.post(endpoint.url, {}, b"{}", LONG)

    assert run(attempt()).kind == "tls"


def test_http_to_a_server_with_tls(run: Run, tmp_path: Path) -> None:
    async def attempt() -> Answer:
        async with serving(hang, serving_context(certificate(tmp_path))) as endpoint, a_client() as client:
            endpoint.scheme = "http"
            return await client.post(endpoint.url, {}, b"{}", LONG)

    answer = run(attempt())
    assert answer.kind in {"connection", "garbage"}
    assert judge(answer, 0).kind == "retry"
