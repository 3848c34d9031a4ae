"""Tokens with scopes; and without any token, what keeps a browser's strange pages out."""

from __future__ import annotations

import pytest
from support.web_parts import FakeParts, FakeSettings, created, new_hook, path_of, serving

from streamhooks.web.spec.calls import CALLS

READ, OTHER_READ, WRITE, ALL = "reader-of-one", "reader-of-two", "writer-token", "all-may-do-token"
SETTINGS = FakeSettings(ALL, (("read", READ), ("read", OTHER_READ), ("write", WRITE)))
CLOSED = [call for call in CALLS if not call.is_open]
CHANGES = [call for call in CLOSED if call.method != "get"]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("call", CLOSED, ids=lambda call: call.name)
async def test_who_may_do_what(call) -> None:
    async with serving(FakeParts(settings=SETTINGS)) as client:
        for token in (READ, OTHER_READ):
            answer = await client.request(call.method, path_of(call), headers=bearer(token))
            if call.method == "get":
                assert answer.status not in (401, 403)
            else:
                assert (answer.status, await answer.json()) == (403, {"detail": "this token may only read"})
                assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
        for token in (WRITE, ALL):
            answer = await client.request(call.method, path_of(call), headers=bearer(token))
            assert answer.status not in (401, 403)
        for token in (f"read:{READ}", f"{READ}x", READ[:-1], ""):
            answer = await client.request(call.method, path_of(call), headers=bearer(token))
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_a_reader_changes_nothing() -> None:
    parts = FakeParts(settings=SETTINGS)
    async with serving(parts) as client:
        client.session.headers.update(bearer(WRITE))
        made = await created(client)
        written = len(parts.published)
        client.session.headers.update(bearer(READ))
        assert (await client.delete(f"/api/hooks/{made['id']}")).status == 403
        assert (await client.head("/api/hooks")).status == 200
        assert made["secret"] not in await (await client.get("/api/hooks")).text()
    assert len(parts.published) == written


async def test_a_token_with_both_scopes_may_write() -> None:
    async with serving(FakeParts(settings=FakeSettings(None, (("read", READ), ("write", READ))))) as client:
        assert (await client.post("/api/hooks", json=new_hook(), headers=bearer(READ))).status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://{host}"},
    ],
)
@pytest.mark.parametrize("call", CHANGES, ids=lambda call: call.name)
async def test_a_strange_page_changes_nothing(call, headers: dict[str, str]) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        given = {name: value.format(host=f"{client.host}:{client.port}") for name, value in headers.items()}
        answer = await client.request(call.method, path_of(call), headers=given)
        assert (answer.status, (await answer.json()).keys()) == (403, {"detail"})
        # To read is harmless: the browser does not show the answer to the page.
        assert (await client.get("/api/hooks", headers=given)).status == 200
    assert parts.published == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://{host}"},
        {"Origin": "HTTP://{host}"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        # Behind a proxy the Host is another, but the browser knows.
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://hooks.example"},
    ],
)
async def test_programs_and_own_pages_may_change(headers: dict[str, str]) -> None:
    async with serving(FakeParts()) as client:
        given = {name: value.format(host=f"{client.host}:{client.port}") for name, value in headers.items()}
        assert (await client.post("/api/hooks", json=new_hook(), headers=given)).status == 201


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:6066", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "0.0.0.0",
     "[::2]:6066", "a:b:c", "127.0.0.1:6066:1", "@127.0.0.1", "[", "worker.internal.evil"],
)  # fmt: skip
async def test_a_strange_host_gets_no_answer(host: str) -> None:
    parts = FakeParts(settings=FakeSettings(advertised_host="worker.internal"))
    async with serving(parts) as client:
        for method, path in (("GET", "/api/hooks"), ("POST", "/api/hooks"), ("GET", "/metrics"), ("GET", "/nothing")):
            assert (await client.request(method, path, headers={"Host": host})).status == 403
        assert (await client.get("/health/live", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:1", "127.9.9.9", "localhost", "LOCALHOST:6066", "[::1]", "[::1]:6066",
             "Worker.internal", "worker.internal:6066"]
)  # fmt: skip
async def test_hosts_of_ours(host: str) -> None:
    parts = FakeParts(settings=FakeSettings(advertised_host="worker.internal"))
    async with serving(parts) as client:
        assert (await client.get("/api/hooks", headers={"Host": host})).status == 200


async def test_with_a_token_neither_host_nor_origin_matters() -> None:
    headers = {**bearer(ALL), "Host": "hooks.example", "Origin": "https://console.example"}
    async with serving(FakeParts(settings=SETTINGS)) as client:
        assert (await client.post("/api/hooks", json=new_hook(), headers=headers)).status == 201
