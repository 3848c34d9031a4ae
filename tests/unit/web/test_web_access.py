from __future__ import annotations

import gzip
import logging

import pytest
from support.web_parts import HOOK, TOKEN, FakeParts, FakeSettings, created, new_hook, path_of, serving

from streamhooks.web.http.messages import MAX_BODY
from streamhooks.web.spec.calls import CALLS

OPEN = ["/", "/openapi.json", "/health/live", "/health/ready", "/assets/{name}"]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
async def test_which_calls_need_the_token(call) -> None:
    async with serving(FakeParts(settings=FakeSettings(TOKEN))) as client:
        answer = await client.request(call.method, path_of(call))
        if call.path in OPEN:
            assert answer.status == 200
        else:
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert await answer.json() == {"detail": "a valid token is required"}
        answer = await client.request(call.method, path_of(call), headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status != 401


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer é",
        "Bearer \udcff",
    ],
)
async def test_wrong_tokens(header: str) -> None:
    async with serving(FakeParts(settings=FakeSettings(TOKEN))) as client:
        answer = await client.get(
            "/api/hooks", headers={"Authorization": header.encode(errors="surrogateescape").decode("latin-1")}
        )
        assert answer.status == 401


async def test_the_scheme_is_read_in_any_case() -> None:
    async with serving(FakeParts(settings=FakeSettings(TOKEN))) as client:
        assert (await client.get("/api/hooks", headers={"Authorization": f"bearer  {TOKEN}"})).status == 200


@pytest.mark.parametrize(
    "path",
    ["/graph", "/graph/", "/stats", "/stats/", "/monitor/", "/router", "/router/", "/table", "/table/",
     "/table/hooks/a", "/performance/", "/favicon.ico", "/api", "/api/hooks/", "/health", "/metrics/", "/.env"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_there_is_nothing_else_neither_of_faust(path: str, method: str) -> None:
    async with serving(FakeParts()) as client:
        answer = await client.request(method, path)
        assert (answer.status, await answer.json()) == (404, {"detail": "not found"})


async def test_faust_has_no_routes() -> None:
    async with serving(FakeParts()) as client:
        paths = {resource.canonical for resource in client.app.router.resources()}
    assert paths == {call.path for call in CALLS}


@pytest.mark.parametrize(
    "path", ["/api/hooks", "/assets/../api/hooks", "/health/../api/hooks", "/%61pi/hooks", "/nothing"]
)
async def test_no_spelling_of_a_path_gets_around_the_token(path: str) -> None:
    async with serving(FakeParts(settings=FakeSettings(TOKEN))) as client:
        url = client.make_url("/").with_path(path, encoded=True)
        async with client.session.get(url) as answer:
            assert answer.status in (401, 404)


async def test_wrong_methods() -> None:
    async with serving(FakeParts()) as client:
        answer = await client.delete("/api/hooks")
        assert (answer.status, await answer.json()) == (405, {"detail": "method not allowed"})
        assert answer.headers["Allow"] == "GET,HEAD,POST"
        answer = await client.head(f"/api/hooks/{HOOK}/rotate-secret")
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert (await client.head("/api/hooks")).status == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"a"', b"\xff", b'{"a":"\\ud800"}', b"[" * 60_000, b"{" * 2000]
)
async def test_bodies_that_are_no_object(body: bytes) -> None:
    async with serving(FakeParts()) as client:
        answer = await client.post("/api/hooks", data=body, headers={"Content-Type": "application/json"})
        assert answer.status == 400
        assert (await answer.json()).keys() == {"detail"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "x", "application/jsonx"])
async def test_other_content_types(content_type: str) -> None:
    async with serving(FakeParts()) as client:
        answer = await client.post("/api/hooks", data=b"{}", headers={"Content-Type": content_type})
        assert answer.status == 415
        assert "application/json" in (await answer.json())["detail"]
        made = await created(client)
        answer = await client.post(
            f"/api/hooks/{made['id']}/rotate-secret", data=b"{}", headers={"Content-Type": content_type}
        )
        assert answer.status == 415


async def test_a_charset_may_be_told() -> None:
    async with serving(FakeParts()) as client:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        assert (await client.post("/api/hooks", data=b"{}", headers=headers)).status == 400


async def test_large_bodies_also_when_they_are_small_on_the_wire() -> None:
    async with serving(FakeParts()) as client:
        large = b'{"a":"' + b"x" * MAX_BODY + b'"}'
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/api/hooks", data=large, headers=headers)
        assert (answer.status, (await answer.json()).keys()) == (413, {"detail"})
        answer = await client.post(
            "/api/hooks", data=gzip.compress(large), headers={**headers, "Content-Encoding": "gzip"}
        )
        assert answer.status == 413


async def test_a_body_that_is_not_compressed_as_it_says() -> None:
    async with serving(FakeParts()) as client:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = await client.post("/api/hooks", data=b"{}", headers=headers)
        assert answer.status == 400


async def test_what_is_not_foreseen_is_a_500_without_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        made = await created(client)
        parts.failure = ZeroDivisionError("hunter2")
        with caplog.at_level(logging.ERROR, logger="streamhooks"):
            answer = await client.post(f"/api/hooks/{made['id']}/test")
        assert (answer.status, await answer.json()) == (500, {"detail": "internal error"})
    assert "ZeroDivisionError" in caplog.text
    assert "hunter2" not in caplog.text


async def test_answers_are_not_kept_by_caches() -> None:
    async with serving(FakeParts()) as client:
        answer = await client.post("/api/hooks", json=new_hook())
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_health_and_metrics() -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        answer = await client.get("/health/live")
        assert (answer.status, await answer.json()) == (200, {"live": True})
        answer = await client.get("/health/ready")
        assert (answer.status, await answer.json()) == (200, {"ready": True, "reasons": []})
        parts.reasons = ["rebalance"]
        answer = await client.get("/health/ready")
        assert (answer.status, await answer.json()) == (503, {"ready": False, "reasons": ["rebalance"]})
        assert (await client.get("/health/live")).status == 200
        answer = await client.get("/metrics")
        assert answer.content_type == "text/plain"
        assert "# TYPE streamhooks_hooks gauge" in await answer.text()
        assert (await (await client.get("/")).json())["name"] == "streamhooks"
