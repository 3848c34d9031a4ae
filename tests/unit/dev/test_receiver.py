from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from aiohttp.test_utils import TestClient, TestServer
from standardwebhooks import Webhook
from support import Api, Receiver, eventually

from streamhooks.dev.guard import dismiss, guard
from streamhooks.dev.ports import free_port
from streamhooks.dev.receiver import create_receiver


@pytest.fixture
def api(receiver) -> Api:
    return Api(receiver.base, timeout=5)


def post(api: Api, path: str, identifier: str = "msg", body: bytes = b'{"a":1}'):
    return api.call("POST", path, body, {"webhook-id": identifier})


def test_what_came_is_remembered(receiver, api):
    assert post(api, "/a/b?x=1").status == 200
    assert post(api, "/c").status == 200
    (one,) = receiver.requests("/a/b")
    assert (one["id"], one["path"], one["query"]) == ("msg", "/a/b", "x=1")
    assert (one["body"], one["status"], one["verified"]) == ('{"a":1}', 200, None)
    assert one["headers"]["webhook-id"] == "msg"
    assert len(receiver.requests()) == 2
    since = receiver.requests("/c")[0]["time"]
    assert [later["path"] for later in api.get("/_requests", since=since).json] == ["/c"]
    receiver.forget()
    assert receiver.requests() == []
    assert receiver.count() == {"requests": 0, "ids": 0, "unverified": 0}


def test_requests_and_distinct_ids_are_counted(receiver, api):
    for path, identifier in (("/a", "1"), ("/a", "1"), ("/a", "2"), ("/b", "3")):
        post(api, path, identifier)
    assert receiver.count("/a") == {"requests": 3, "ids": 2, "unverified": 0}
    assert receiver.count() == {"requests": 4, "ids": 3, "unverified": 0}
    assert receiver.count("/none") == {"requests": 0, "ids": 0, "unverified": 0}


async def test_memory_is_bounded_and_counts_are_not():
    async with TestClient(TestServer(create_receiver(keep=2, bodies=False))) as client:
        for _ in range(3):
            await client.post("/a", data=b"x")
        kept = await (await client.get("/_requests")).json()
        assert [one["body"] for one in kept] == [None, None]
        assert (await (await client.get("/_count?path=/a")).json())["requests"] == 3


def test_the_first_requests_of_each_id_fail(receiver, api):
    answers = [post(api, "/a?fail=2", identifier).status for identifier in "xyxyxy"]
    assert answers == [500, 500, 500, 500, 200, 200]
    assert [one["status"] for one in receiver.requests()] == answers


def test_a_behaviour_can_be_put_and_taken_back(receiver, api):
    receiver.behave("/a", status=503, retry_after=7)
    answer = post(api, "/a")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert post(api, "/a?gone").status == 410
    assert post(api, "/b").status == 200
    receiver.behave("/a")
    assert post(api, "/a").status == 200


def test_nonsense_is_a_400(receiver, api):
    assert post(api, "/a?status=x").status == 400
    assert api.put("/_behaviour/a", {"delay": "soon"}).status == 400


def test_a_redirect_points_where_it_is_told(api):
    answer = post(api, "/a?redirect=http://127.0.0.1:1/x")
    assert (answer.status, answer.headers["Location"]) == (302, "http://127.0.0.1:1/x")


def test_a_big_body_is_big(api):
    assert len(post(api, "/a?big=3000001").body) == 3_000_001


def test_a_reset_is_a_reset(receiver, api):
    with pytest.raises(ConnectionResetError):
        post(api, "/a?reset")
    assert receiver.requests("/a")[0]["status"] is None


def test_garbage_is_no_http(api):
    with pytest.raises(http.client.BadStatusLine):
        post(api, "/a?garbage")


def test_who_hangs_never_answers_and_stops_with_the_client(receiver):
    hasty = Api(receiver.base, timeout=0.3)
    with pytest.raises(TimeoutError):
        post(hasty, "/a?hang")
    assert receiver.requests("/a")[0]["status"] is None
    assert post(hasty, "/b").status == 200


def test_a_body_drips_without_an_end(receiver):
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as client:
        client.sendall(b"POST /a?drip=0.01 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        came = b""
        while came.count(b"x\r\n") < 5:
            came += client.recv(1000)
        assert came.startswith(b"HTTP/1.1 200")
        assert b"0\r\n\r\n" not in came


def test_a_delay_holds_up_nobody_else(receiver, api):
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(post, Api(receiver.base), "/a?delay=60")
        eventually(lambda: receiver.count("/a")["requests"] == 1)
        receiver.behave("/b", delay=0.01)
        assert post(api, "/b").status == 200
        assert not slow.done()
        # It ends when the path is told to behave otherwise.
        receiver.behave("/a")
        assert slow.result().status == 200


def test_signatures_are_verified_by_the_hooks_secret(receiver, api):
    body, secret = b'{"installation":{"uuid":"hook-1"}}', "a secret of sixteen"
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()

    def send(path: str) -> bool | None:
        api.call("POST", path, body, {"Sentry-Hook-Signature": signature})
        return receiver.requests(path)[0]["verified"]

    assert send("/unknown") is None
    receiver.learn("*", "another secret")
    assert send("/wrong") is False
    receiver.learn("/of-path", secret)
    assert send("/of-path") is True
    receiver.learn("hook-1", "the one before", secret)
    assert send("/right") is True
    assert receiver.requests("/right")[0]["signatures"] == {"app_hook": True}
    assert receiver.count()["unverified"] == 1


def test_what_names_no_hook_is_verified_by_the_secret_of_its_path(receiver, api):
    body, now = b'{"type":"order.paid"}', int(time.time())

    def send(path: str, secret: str) -> bool | None:
        signature = Webhook(secret).sign("msg", datetime.fromtimestamp(now, UTC), body.decode())
        headers = {"webhook-id": "msg", "webhook-timestamp": str(now), "webhook-signature": signature}
        api.call("POST", path, body, headers)
        return receiver.requests(path.partition("?")[0])[-1]["verified"]

    first, second = ("whsec_" + letter * 43 + "=" for letter in "AB")
    receiver.learn("/orders", first)
    receiver.learn("*", second)
    assert send("/orders?status=503&fail=1", first) is True
    assert send("/orders", second) is False
    assert send("/crm", second) is True
    assert send("/crm", first) is False


def test_a_stopped_receiver_refuses_connections():
    one = Receiver()
    one.stop()
    with pytest.raises(OSError, match="refused"):
        Api(one.base).get("/")


async def test_a_program_of_its_own():
    port, hook = free_port(), "0" * 32
    arguments = ("--port", str(port), "--secret", f"{hook}=pa=ss", "--secret", "whsec_YQ==")
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "streamhooks.dev.receiver", *arguments)
    guarding = guard(process.pid)
    try:
        api = Api(f"http://127.0.0.1:{port}")
        await asyncio.to_thread(eventually, lambda: api.get("/_count").status == 200)
        signature = hmac.new(b"pa=ss", b"{}", hashlib.sha256).hexdigest()
        headers = {"X-ServiceHook-GUID": hook, "X-ServiceHook-Signature": signature}
        await asyncio.to_thread(api.call, "POST", "/a", b"{}", headers)
        found = await asyncio.to_thread(api.get, "/_requests")
        assert json.loads(found.body)[0]["verified"] is True
    finally:
        process.terminate()
        assert await process.wait() == 0
        dismiss(guarding)
