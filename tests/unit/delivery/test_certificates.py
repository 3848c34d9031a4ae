"""The names of certificates, whichever way the context of the client was made."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from behaviours import answer_with
from endpoints import a_client, certificate, resolves_to, serving, serving_context
from test_client import LONG

from streamhooks.delivery.certificates import _of_the_system, verifying
from streamhooks.delivery.client import Answer

HOST = "hook.example"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch):
    resolves_to(monkeypatch, "127.0.0.1")
    _of_the_system.cache_clear()
    yield
    _of_the_system.cache_clear()


async def post(served: Path, context: ssl.SSLContext | None) -> Answer:
    async with serving(answer_with(), serving_context(served)) as endpoint, a_client(context=context) as client:
        return await client.post(f"https://{HOST}:{endpoint.port}/", {}, b"{}", LONG)


@pytest.mark.parametrize("own", [True, False], ids=["own authorities", "the system's"])
@pytest.mark.parametrize("san", [True, False], ids=["SAN", "CN only"])
async def test_a_certificate_needs_a_san(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, san: bool, own: bool) -> None:
    path = certificate(tmp_path, HOST, san=san)
    if own:
        context = ssl.create_default_context(cafile=str(path))
    else:
        context = None
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    answer = await post(path, context)
    if san:
        assert (answer.status, answer.error) == (200, None)
    else:
        assert (answer.status, answer.kind) == (None, "tls")
        assert "Hostname mismatch" in (answer.error or "")


def test_the_rest_is_verified_as_ever() -> None:
    for context in (verifying(), verifying(ssl.create_default_context())):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
