"""What a worker hands on to another is signed: who gets it holds no token, and can do nothing else with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from support.web_parts import TOKEN, FakeParts, FakeSettings, created, serving

from streamhooks.web.http import signing
from streamhooks.web.http.access import FORWARDED

READ, OLD, NEW = "only-reading-token", "old-token-1", "new-token-1"
BOTH = FakeSettings(TOKEN, (("read", READ),))


@dataclass
class Captured:
    """A call that was handed on to a rogue member of the group."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@asynccontextmanager
async def captured(settings: FakeSettings, *, token: str | None = TOKEN, method: str = "GET", path: str = "requests"):
    """A call as a rogue member gets it that owns the partition, and an honest worker.

    The rogue one has told the group the honest one's address as its own, so that the call is signed for that one.
    """
    calls: list[Captured] = []

    async def take(request: web.Request) -> web.Response:
        headers = dict(request.headers)
        calls.append(Captured(request.method, request.raw_path, headers, await request.read()))
        return web.json_response([{"forged": True}])

    rogue = web.Application()
    rogue.router.add_route("*", "/{path:.*}", take)
    first, honest = FakeParts(settings=replace(settings), mine=set()), FakeParts(settings=replace(settings))
    honest.hooks = first.hooks
    async with TestServer(rogue) as member, serving(first) as near, serving(honest) as far:
        near.session.headers.update({"Authorization": f"Bearer {TOKEN}"} if settings.api_token else {})
        made = await created(near)
        if token is not None:
            near.session.headers["Authorization"] = f"Bearer {token}"
        first.owner = honest.settings.advertised_url = str(member.make_url("")).rstrip("/")
        body = {"json": {}} if method == "POST" else {}
        answer = await near.request(method, f"/api/hooks/{made['id']}/{path}", **body)
        assert answer.status == 200
        (call,) = calls
        yield call, far, honest


async def sent(client: TestClient, call: Captured) -> tuple[int, str]:
    url = client.make_url("/").join(client.make_url(call.target.partition("?")[0]))
    if "?" in call.target:
        url = url.with_query(call.target.partition("?")[2])
    headers = {name: text for name, text in call.headers.items() if name != "Host"}
    async with client.session.request(call.method, url, headers=headers, data=call.body or None) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("token", [TOKEN, READ])
async def test_no_token_arrives_and_a_captured_call_works_once(token: str) -> None:
    async with captured(BOTH, token=token) as (call, far, _):
        assert "Authorization" not in call.headers
        assert TOKEN not in repr(call)
        assert READ not in repr(call)
        assert (await sent(far, call))[0] == 200
        status, text = await sent(far, call)
        assert (status, "it came before" in text) == (401, True)


def altered(call: Captured) -> Iterator[Captured]:
    """The same signature with anything else."""
    signature = call.headers[FORWARDED].split(" ")
    yield replace(call, method="DELETE", target=call.target.replace("requests", "pending/c"))
    yield replace(call, method="HEAD")
    yield replace(call, target=call.target.replace("requests", "stats"))
    yield replace(call, target="/api/hooks")
    yield replace(call, target=call.target + "?limit=1")
    yield replace(call, body=b"{}")
    for place, text in (
        (1, "1" * 13),
        (2, "write" if signature[2] == "read" else "read"),
        (3, "0" * 32),
        (4, "0" * 64),
    ):
        changed = [*signature[:place], text, *signature[place + 1 :]]
        yield replace(call, headers={**call.headers, FORWARDED: " ".join(changed)})
    for text in ("", "1", "v1", signature[5], " ".join(signature[:5])):
        yield replace(call, headers={**call.headers, FORWARDED: text})


async def test_what_is_signed_can_not_be_changed() -> None:
    async with captured(BOTH, token=READ) as (call, far, _):
        for changed in altered(call):
            assert (await sent(far, changed))[0] == 401, changed
            # Nor does a right token make it good: who hands on calls has signed them.
            with_token = {**changed.headers, "Authorization": f"Bearer {TOKEN}"}
            assert (await sent(far, replace(changed, headers=with_token)))[0] == 401, changed
        assert (await sent(far, call))[0] == 200


async def test_a_body_is_signed_too() -> None:
    async with captured(FakeSettings(TOKEN), method="POST", path="pending/c/retry") as (call, far, honest):
        assert call.body == b"{}"
        status, text = await sent(far, replace(call, body=b'{"a":1}'))
        assert (status, "its body" in text) == (401, True)
        assert honest.retried == []


async def test_a_call_that_was_signed_for_another_worker() -> None:
    async with captured(BOTH) as (call, far, honest):
        honest.settings.advertised_url = "http://127.0.0.1:1"
        assert (await sent(far, call))[0] == 401


@pytest.mark.parametrize(("seconds", "status"), [(29, 200), (31, 401), (-29, 200), (-31, 401)])
async def test_a_call_is_good_for_a_short_time(seconds: float, status: int) -> None:
    async with captured(BOTH) as (call, far, honest):
        honest.now += seconds
        assert (await sent(far, call))[0] == status


async def test_one_address_may_be_written_in_two_ways() -> None:
    first, second = FakeParts(settings=replace(BOTH), mine=set()), FakeParts(settings=replace(BOTH))
    second.hooks = first.hooks
    async with serving(first) as near, serving(second) as far:
        near.session.headers["Authorization"] = f"Bearer {TOKEN}"
        hook_id = (await created(near))["id"]
        first.owner, second.settings.advertised_url = f"http://localhost:{far.port}/", f"http://LocalHost:{far.port}"
        assert (await near.get(f"/api/hooks/{hook_id}/requests")).status == 200


def test_a_worker_takes_nothing_from_before_its_start() -> None:
    # In its life before, it may have taken the call already.
    call = signing.ForwardedCall("http://a", "GET", "/", "", "")
    given = signing.Signer(FakeSettings(TOKEN), lambda: 1000.0).signed(call, "read", b"")
    with pytest.raises(signing.Refused):
        signing.Signer(FakeSettings(TOKEN), lambda: 1001.0).check(given, call)


async def test_clocks_may_be_apart_as_far_as_the_setting_says() -> None:
    async with captured(replace(BOTH, cluster_skew=300.0)) as (call, far, honest):
        honest.now += 299
        assert (await sent(far, call))[0] == 200


async def test_no_more_calls_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "REMEMBERED", 3)
    now = 1000.0
    signer = signing.Signer(FakeSettings(TOKEN), lambda: now)
    call = signing.ForwardedCall("http://a", "GET", "/", "", "")
    for _ in range(3):
        assert signer.check(signer.signed(call, "read", b""), call) == "read"
    with pytest.raises(signing.TooManyCalls):
        signer.check(signer.signed(call, "read", b""), call)
    now += 61
    assert signer.check(signer.signed(call, "read", b""), call) == "read"
    assert len(signer._taken) == len(signer._forgotten_at) == 1


@pytest.mark.parametrize(
    ("sender", "receiver", "scope", "taken"),
    [
        ({"api_token": NEW}, {"api_token": OLD}, "write", False),
        # One after the other gets the new token in front, then loses the old one.
        ({"api_token": NEW}, {"api_tokens": (("write", OLD), ("write", NEW))}, "write", True),
        # Cluster keys come in place of the tokens: who has a token can't sign.
        ({"api_token": TOKEN}, {"api_token": TOKEN, "cluster_keys": ("k" * 16,)}, "read", False),
        ({"cluster_keys": ("k" * 16,)}, {"api_token": TOKEN, "cluster_keys": ("l" * 16, "k" * 16)}, "write", True),
        ({"cluster_keys": ("l" * 16, "k" * 16)}, {"cluster_keys": ("k" * 16,)}, "read", False),
        # Who has a token that reads can make no call that writes.
        ({"api_tokens": (("read", READ),)}, {"api_tokens": (("read", READ),)}, "read", True),
        ({"api_tokens": (("read", READ),)}, {"api_tokens": (("read", READ),)}, "write", False),
        ({"api_tokens": (("read", READ),)}, {"api_token": TOKEN, "api_tokens": (("read", READ),)}, "read", False),
        # Nobody may sign by a token that can only send: not even the worker itself.
        ({"api_tokens": (("send", READ),)}, {"api_tokens": (("send", READ),)}, "read", False),
        # Without tokens the address decides.
        ({}, {}, "write", True),
        ({}, {"api_token": TOKEN}, "read", False),
    ],
)  # fmt: skip
def test_keys(sender: dict, receiver: dict, scope: signing.Scope, taken: bool) -> None:
    call = signing.ForwardedCall("http://a", "GET", "/", "", "")
    given = signing.Signer(FakeSettings(**sender), lambda: 1000.0).signed(call, scope, b"")
    checking = signing.Signer(FakeSettings(**receiver), lambda: 1000.0)
    if taken:
        assert checking.check(given, call) == scope
    else:
        with pytest.raises(signing.Refused):
            checking.check(given, call)


async def test_a_reader_stays_one_when_the_call_is_handed_on() -> None:
    first, second = FakeParts(settings=replace(BOTH), mine=set()), FakeParts(settings=replace(BOTH))
    second.hooks = first.hooks
    async with serving(first) as near, serving(second) as far:
        first.owner = second.settings.advertised_url = str(far.make_url("")).rstrip("/")
        writer, reader = ({"Authorization": f"Bearer {token}"} for token in (TOKEN, READ))
        near.session.headers.update(writer)
        hook_id = (await created(near))["id"]
        second.wait_call(hook_id, "c")
        near.session.headers.update(reader)
        assert (await near.get(f"/api/hooks/{hook_id}/pending")).status == 200
        assert (await near.delete(f"/api/hooks/{hook_id}/pending/c")).status == 403
        near.session.headers.update(writer)
        assert (await near.delete(f"/api/hooks/{hook_id}/pending/c")).status == 204


@pytest.mark.parametrize("peer", ["10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "fe80::1%eth0", ""])
@pytest.mark.parametrize("tokens", [None, TOKEN])
async def test_without_tokens_only_this_machine_is_answered(
    peer: str, tokens: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.BaseRequest, "remote", peer)
    async with serving(FakeParts(settings=FakeSettings(tokens))) as client:
        answer = await client.get("/api/hooks", headers={"Authorization": f"Bearer {tokens}"})
        assert answer.status == (200 if tokens else 403)
        assert (await client.get("/health/live")).status == 200


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
async def test_addresses_of_this_machine(peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.BaseRequest, "remote", peer)
    async with serving(FakeParts()) as client:
        assert (await client.get("/api/hooks")).status == 200


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, b"{}"), (200, b"x" * 20_000_000)],
    ids=["refuses the signature", "more than any answer"],
)
async def test_answers_that_are_none(status: int, body: bytes) -> None:
    async with asked_of(lambda: web.Response(status=status, body=body)) as answer:
        assert answer.status == 503


async def test_an_answer_is_json_whatever_the_owner_calls_it() -> None:
    async with asked_of(lambda: web.Response(text="<script>", content_type="text/html")) as answer:
        assert answer.content_type == "application/json"


@asynccontextmanager
async def asked_of(owner: Callable[[], web.Response]) -> AsyncIterator[ClientResponse]:
    """What a worker answers whose hook's owner answers like this."""

    async def handle(_: web.Request) -> web.Response:
        return owner()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    parts = FakeParts(mine=set())
    async with TestServer(app) as rogue, serving(parts) as client:
        parts.owner = str(rogue.make_url(""))
        hook_id = (await created(client))["id"]
        yield await client.get(f"/api/hooks/{hook_id}/stats")


async def test_a_worker_with_tls_hands_nothing_on_without() -> None:
    parts = FakeParts(mine=set(), owner="http://127.0.0.1:1")
    parts.settings.advertised_url = "https://127.0.0.1:6066"
    async with serving(parts) as client:
        hook_id = (await created(client))["id"]
        assert (await client.get(f"/api/hooks/{hook_id}/stats")).status == 503


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_clock_that_jumps_refuses_no_new_call(jump: float) -> None:
    """The clock of all workers of a machine, injected: also before the time at which this one began."""
    wall = passed = 10_000.0
    signer = signing.Signer(FakeSettings(TOKEN), lambda: wall, lambda: passed)
    call = signing.ForwardedCall("http://a", "GET", "/", "", "")
    wall, passed = 10_300.0 + jump, 10_300.0
    assert signer.check(signer.signed(call, "read", b""), call) == "read"


def test_a_clock_that_goes_back_takes_no_call_twice() -> None:
    wall = passed = 1000.0
    signer = signing.Signer(FakeSettings(TOKEN), lambda: wall, lambda: passed)
    call = signing.ForwardedCall("http://a", "GET", "/", "", "")
    wall = passed = 5000.0
    given = signer.signed(call, "read", b"")
    assert signer.check(given, call) == "read"
    passed = 5100.0
    with pytest.raises(signing.Refused):
        signer.check(given, call)
    wall = 5030.0
    with pytest.raises(signing.Refused):
        signer.check(given, call)
