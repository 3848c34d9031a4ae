"""Secrets at rest and everywhere else, tokens with scopes, and loops, seen on real workers and all their topics."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import Message
from cryptography.fernet import Fernet
from installation import JSON, Hook, Installation, event, hook_record
from support import Api, Worker, eventually

from streamhooks.kafka.topics import NAMES

Install = Callable[..., Installation]

FIRST, SECOND = Fernet.generate_key().decode(), Fernet.generate_key().decode()
ALL_MAY, READER, WRITER = "planted-token-for-all", "planted-token-of-reader", "planted-token-of-writer"
QUERY = "planted-query"


def parts_of(record: Message) -> bytes:
    """Return all bytes of a record, and those that it holds as base64."""
    headers = [(name.encode(), value or b"") for name, value in record.headers() or ()]
    raw = [b64decode(found) for found in re.findall(rb'"raw":"([^"]*)"', record.value() or b"")]
    return b"\n".join([record.key() or b"", record.value() or b"", *(b": ".join(one) for one in headers), *raw])


def holders(one: Installation, text: str) -> set[str]:
    """Return where a text is found: topics, by their names without the prefix, and `log`."""
    found = {name for name in NAMES.values() if any(text.encode() in parts_of(record) for record in one.records(name))}
    logs = "".join(worker.log.read_text(errors="replace") for worker in one.workers)
    return found | ({"log"} if text in logs else set())


@contextmanager
def echo() -> Iterator[str]:
    """Answer with the very bytes of the request, which is no HTTP; the URL of the server."""

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.sendall(connection.recv(65_536))

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def ask_garbled(worker: Worker, header: bytes) -> bytes:
    """Send a request whose header no parser takes, and return what comes until the worker hangs up."""
    answer = b""
    with socket.create_connection(("127.0.0.1", worker.port), timeout=10) as connection:
        connection.sendall(b"GET /api/hooks HTTP/1.1\r\nHost: 127.0.0.1\r\n" + header + b"\x01\r\n\r\n")
        while found := connection.recv(4096):
            answer += found
    return answer


def test_no_secret_is_found_anywhere_after_failures(install: Install, organization: str) -> None:
    tokens = f"read:{READER},write:{WRITER}"
    one = install(
        token=ALL_MAY, api_tokens=tokens, secret_keys=FIRST, retry_delay=0.3, max_retries=1, request_timeout=1
    )
    worker = one.add_worker()
    ways = ("status=500", "status=400", "status=410", "reset=1", "garbage=1", "hang=1", "drip=0.2")
    planted = {
        "secret": "planted-secret-of-sixteen",
        "headers": {"X-Key": "planted-header", "Authorization": "Bearer planted-bearer"},
    }
    hooks: list[Hook | str] = [one.create_hook(organization, behaviour=f"{way}&q={QUERY}", **planted) for way in ways]
    with echo() as url:
        for address in (url, "http://nobody.invalid/", "http://127.0.0.1:1/"):
            hook_id = one.write_hook(organization, url=f"{address}?q={QUERY}", **planted_of_gitops())
            hooks.append(hook_id)
        broken = hook_record("0" * 32, organization, secret="planted-in-broken", url="no URL")
        letter = one.dead_letter_at(one.produce("hooks", "0" * 32, broken))
        assert (letter["raw"], letter["truncated"]) == (None, True)
        one.produce("events", "11", event(organization))
        for hook in hooks:
            one.dead_letter_of(hook)
        first = hooks[0]
        assert isinstance(first, Hook)
        test = one.api.post(f"/api/hooks/{first.id}/test")
    assert test.json["outcome"] == "failed"
    for wrong in ("planted-wrong-token", ALL_MAY[:-1]):
        assert Api(worker.base, wrong).get("/api/hooks").status == 401
    answer = ask_garbled(worker, f"Authorization: Bearer {ALL_MAY}".encode())
    assert answer.partition(b"\r\n")[0].endswith(b" 400 Bad Request")
    assert ALL_MAY.encode() not in answer
    assert worker.stop() == 0

    for secret in (planted["secret"], "planted-header", "planted-bearer", ALL_MAY, READER, WRITER, FIRST):
        assert holders(one, str(secret)) == set(), secret
    assert holders(one, "planted-wrong-token") == set()
    # GitOps writes in clear, and nobody copies it.
    assert holders(one, "planted-by-gitops") == {"hooks"}
    assert holders(one, "planted-in-broken") == {"hooks"}
    # A URL is no secret where it is shown on purpose.
    assert holders(one, QUERY) == {"hooks", "firings"}


def planted_of_gitops() -> JSON:
    return {"secret": "planted-by-gitops-1", "headers": {"X-Key": "planted-by-gitops-2"}}


def test_views_show_no_secret(install: Install, organization: str) -> None:
    one = install(token=ALL_MAY, secret_keys=FIRST, retry_delay=60)
    one.add_worker()
    fields = {"secret": "planted-secret-of-sixteen", "headers": {"X-Key": "planted-header"}}
    hook = one.create_hook(organization, behaviour="status=500", **fields)
    one.produce("events", "11", event(organization))
    eventually(lambda: one.pending(hook))
    paths = [f"/api/hooks/{hook.id}{view}" for view in ("", "/stats", "/requests", "/pending")]
    for path in ("/api/hooks", "/metrics", "/openapi.json", *paths):
        answer = one.api.get(path)
        assert answer.status == 200
        assert b"planted" not in answer.body, path
    changed = one.api.put(f"/api/hooks/{hook.id}", {"timeout": 3})
    assert b"planted" not in changed.body


def test_tokens_with_scopes(install: Install, organization: str) -> None:
    one = install(api_tokens=f"read:{READER},write:{WRITER}")
    worker = one.add_worker()
    reader, writer = Api(worker.base, READER), Api(worker.base, WRITER)
    body = {"organization_id": organization, "url": "https://example.com/", "events": ["event.created"]}
    refused = reader.post("/api/hooks", body)
    assert (refused.status, refused.json) == (403, {"detail": "this token may only read"})
    hook_id = writer.post("/api/hooks", body).json["id"]
    assert reader.get(f"/api/hooks/{hook_id}").status == 200
    assert eventually(lambda: reader.get(f"/api/hooks/{hook_id}/stats").status == 200)
    assert reader.delete(f"/api/hooks/{hook_id}").status == 403
    assert Api(worker.base).get("/api/hooks").status == 401
    assert writer.delete(f"/api/hooks/{hook_id}").status == 204


def test_without_a_token_pages_of_browsers_are_kept_out(install: Install) -> None:
    one = install()
    worker = one.add_worker()
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        answer = one.api.call("POST", f"/api/hooks/{'0' * 32}/rotate-secret", headers=headers)
        assert (answer.status, answer.json.keys()) == (403, {"detail"})
    assert one.api.post(f"/api/hooks/{'0' * 32}/rotate-secret").status == 404
    assert worker.log.read_text().count("STREAMHOOKS_SECRET_KEYS is not set") == 1


def test_a_bad_key_ends_the_start_in_one_line(install: Install) -> None:
    worker = install().add_worker(start=False, secret_keys=f"{FIRST},planted-key").launch()
    assert worker.wait(60) != 0
    log = worker.log.read_text()
    assert "Traceback" not in log
    assert "planted-key" not in log
    assert FIRST not in log
    lines = [line for line in log.splitlines() if "STREAMHOOKS_SECRET_KEYS" in line]
    assert len(lines) == 1, log


def notices(one: Installation, hook: Hook) -> list[str]:
    records = one.records("notices")
    return [
        record.value().decode().split('"what":"')[1].split('"')[0]
        for record in records
        if hook.id.encode() == record.key()
    ]


def reencrypt(one: Installation, keys: str) -> subprocess.CompletedProcess[str]:
    settings = {"BROKERS": one.brokers, "TOPIC_PREFIX": one.prefix, "SECRET_KEYS": keys}
    environment = {**os.environ, **{f"STREAMHOOKS_{name}": value for name, value in settings.items()}}
    command = [sys.executable, "-c", "from streamhooks.cli import main; main()", "hooks", "reencrypt"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_keys_are_lost_and_found_and_rotated(install: Install, organization: str) -> None:
    one = install(retry_delay=0.3, partitions=2)

    def restart(keys: str) -> None:
        if one.workers:
            assert one.workers[-1].stop() == 0
        one.add_worker(secret_keys=keys)

    restart(FIRST)
    hook = one.create_hook(organization, headers={"X-Key": "planted"})
    one.receiver.learn(hook.id, hook.secret)
    one.produce("events", "11", event(organization))
    hook.received(1)

    restart(SECOND)
    shown = one.api.get(f"/api/hooks/{hook.id}").json
    assert shown["status"] == "active"
    assert "STREAMHOOKS_SECRET_KEYS" in shown["status_reason"]
    for _ in range(2):
        one.produce("events", "11", event(organization))
    waiting = eventually(lambda: len(found := one.pending(hook)) == 2 and found)
    assert [call["attempt"] for call in waiting] == [1, 1]
    eventually(lambda: notices(one, hook) == ["sealed"])
    assert reencrypt(one, SECOND).returncode == 1

    # Who starts later finds what waits, and tells nothing twice.
    restart(SECOND)
    eventually(lambda: len(one.pending(hook)) == 2)
    assert one.api.get(f"/api/hooks/{hook.id}").json["status_reason"] == shown["status_reason"]
    assert len(hook.requests()) == 1

    restart(f"{SECOND},{FIRST}")
    requests = hook.received(3)
    assert all(request["verified"] for request in requests)
    assert requests[-1]["headers"]["x-key"] == "planted"
    eventually(lambda: notices(one, hook) == ["sealed", "resumed"])
    assert one.api.get(f"/api/hooks/{hook.id}").json["status_reason"] is None

    result = reencrypt(one, f"{SECOND},{FIRST}")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "rewritten 1, already encrypted with the first key 0\n"
    assert reencrypt(one, f"{SECOND},{FIRST}").stdout == "rewritten 0, already encrypted with the first key 1\n"
    restart(SECOND)
    one.produce("events", "11", event(organization))
    assert hook.received(4)[3]["verified"]
    assert notices(one, hook) == ["sealed", "resumed"]
    assert holders(one, "planted") == set()


def test_a_loop_is_stopped_at_the_bound(install: Install, organization: str) -> None:
    one = install(max_hops=3, retry_delay=0.3)
    one.add_worker()
    hook = one.create_hook(organization, behaviour="status=500&fail=1")
    hops: dict[str, str] = {}
    for delivery in range(1, 4):
        # A receiver that makes an event of each webhook, and passes the header on.
        one.produce("events", "11", event(organization), headers=hops)
        requests = hook.received(2 * delivery)
        # The first attempt and its retry say the same.
        assert [request["headers"]["streamhooks-hops"] for request in requests[-2:]] == [str(delivery)] * 2
        hops = {"streamhooks-hops": requests[-1]["headers"]["streamhooks-hops"]}
    written = one.produce("events", "11", event(organization), headers=hops)
    letter = one.dead_letter_at(written)
    assert "streamhooks-hops: 3" in letter["reason"]
    assert letter["raw"]
    assert len(hook.requests()) == 6
