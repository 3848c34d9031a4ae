"""`streamhooks listen`, in a process of its own: a server takes the event loop and the signals."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from support import Api, eventually

from streamhooks.cli.listen import Share
from streamhooks.dev.ports import free_port

SECRET = "whsec_" + "A" * 43 + "="
BODY = b'{"event":{"message":"it \xe2\x80\xae broke","n":1}}'


@dataclass
class Listener:
    process: subprocess.Popen[str]
    api: Api
    errors: Path
    number: int = field(default=0)

    def post(
        self,
        path: str = "/hook",
        body: bytes = BODY,
        secret: str | None = SECRET,
        identifier: str | None = None,
        hook: str | None = None,
    ):
        self.number += 1
        identifier = identifier or f"msg_{self.number}"
        headers = {"webhook-id": identifier} | ({"X-ServiceHook-GUID": hook} if hook else {})
        if secret:
            now = datetime.fromtimestamp(int(time.time()), UTC)
            signature = Webhook(secret).sign(identifier, now, body.decode())
            headers |= {"webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
        return self.api.call("POST", path, body, headers)

    def ended(self) -> tuple[int, str, str]:
        out, _ = self.process.communicate(timeout=30)
        return self.process.returncode, out, self.errors.read_text()


@pytest.fixture
def listen(tmp_path) -> Iterator[Callable[..., Listener]]:
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> Listener:
        port, errors = free_port(), tmp_path / str(len(started))
        run = [
            sys.executable,
            "-c",
            "from streamhooks.cli import main; main()",
            "listen",
            "--port",
            str(port),
            *options,
        ]
        with errors.open("w") as file:
            process = subprocess.Popen(run, stdout=subprocess.PIPE, stderr=file, text=True)
        started.append(process)
        # Not whether somebody answers on the port: that may be another.
        eventually(lambda: f":{port}/ (Ctrl-C" in errors.read_text() or process.poll() is not None)
        assert process.poll() is None, errors.read_text()
        return Listener(process, Api(f"http://127.0.0.1:{port}"), errors)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_what_comes_is_verified_and_shown(listen):
    one = listen("--secret", SECRET, "--count", "2")
    assert [one.post("/a?b=1").status, one.post(body=b"plain \x1b[2J").status] == [200, 200]
    code, out, err = one.ended()
    assert (code, err.count("\n")) == (0, 1)
    assert "/a?b=1  ?  msg_1  verified (standard)  → 200" in out
    assert '"message": "it \\u202e broke"' in out
    assert "plain \\x1b[2J" in out
    assert "\x1b" not in out


def test_a_wrong_signature_is_shown_and_ends_with_1(listen):
    one = listen("--secret", SECRET, "--count", "3", "--short")
    for secret in (SECRET, "whsec_" + "B" * 43 + "=", None):
        one.post(secret=secret)
    code, out, err = one.ended()
    assert code == 1
    assert [line.split("  ", 4)[4] for line in out.splitlines()] == [
        "verified (standard)  → 200",
        "WRONG signature (standard)  → 200",
        "not signed  → 200",
    ]
    assert "Error: 1 requests had wrong signatures" in err


def test_a_hook_is_made_for_as_long_as_somebody_listens(listen, worker_api):
    listener = listen("--url", worker_api.base, "--hook", "7", "--event", "event.alert", "--count", "1")
    (hook,) = worker_api.hooks.values()
    assert (hook.organization_id, hook.events, hook.url) == ("7", ("event.alert",), listener.api.base + "/")
    assert listener.post("/", secret=hook.secret, hook=hook.id).status == 200
    code, out, errors = listener.ended()
    assert (code, worker_api.hooks) == (0, {}), errors
    assert "verified (standard)" in out
    assert hook.secret not in out + errors


def test_the_webhooks_of_a_message_hook_are_verified_and_named_by_their_type(listen, worker_api):
    options = ("--format", "standard", "--event", "order.*", "--filter", "message.data.total > 100")
    listener = listen("--url", worker_api.base, "--hook", "7", *options, "--secret", SECRET, "--count", "3", "--short")
    (hook,) = worker_api.hooks.values()
    assert (hook.format, hook.events, hook.filter) == ("standard", ("order.*",), "message.data.total > 100")
    body = b'{"type":"order.paid","timestamp":"2026-01-31T12:00:00.000+00:00","data":{"total":129.5}}'
    for secret in (hook.secret, SECRET, "whsec_" + "B" * 43 + "="):
        listener.post("/", body, secret=secret)
    code, out, errors = listener.ended()
    assert (code, worker_api.hooks) == (1, {}), errors
    assert [line.split("  ", 2)[2] for line in out.splitlines()] == [
        "order.paid  msg_1  verified (standard)  → 200",
        "order.paid  msg_2  verified (standard)  → 200",
        "order.paid  msg_3  WRONG signature (standard)  → 200",
    ]


def test_without_an_event_a_message_hook_gets_everything(listen, worker_api):
    listen("--url", worker_api.base, "--hook", "7", "--format", "cloudevents")
    (hook,) = worker_api.hooks.values()
    assert (hook.format, hook.events) == ("cloudevents", ("*",))


def test_the_hook_of_who_can_not_listen_is_deleted(worker_api):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = worker_api.run("listen", "--hook", "7", "--port", str(taken.getsockname()[1]))
    assert (found.exit_code, worker_api.hooks) == (1, {})
    assert "can't listen on" in found.stderr
    assert [call.method for call in worker_api.calls] == ["POST", "DELETE"]


def test_what_is_for_a_hook_goes_with_one(worker_api):
    for option in ("--event", "--format", "--filter", "--app", "--endpoint"):
        assert worker_api.run("listen", option, "x").exit_code == 2
    assert worker_api.calls == []


def test_programs_get_a_line_of_json_for_each(listen):
    one = listen("--count", "1", "--json")
    one.post()
    told = json.loads(one.ended()[1])
    assert (told["path"], told["id"], told["verified"], told["status"]) == ("/hook", "msg_1", None, 200)
    assert told["headers"]["webhook-id"] == "msg_1"
    assert told["body"] == BODY.decode()


def test_the_first_attempts_fail(listen):
    one = listen("--fail", "2", "--status", "503")
    assert [one.post(identifier=name).status for name in "abaaba"] == [503, 503, 503, 200, 503, 200]


def test_a_share_fails(listen):
    one = listen("--fail", "100%")
    assert one.post().status == 500
    one = listen("--fail", "0.4")
    assert {one.post().status for _ in range(60)} == {200, 500}


def test_all_can_have_a_status_and_a_url_can_still_ask(listen):
    one = listen("--status", "410")
    assert [one.post().status, one.post("/x?status=418").status] == [410, 418]


def test_answers_come_late(listen):
    one = listen("--delay", "0.3", "--fail", "1")
    started = time.monotonic()
    assert [one.post(identifier="a").status, one.post(identifier="a").status] == [500, 200]
    assert time.monotonic() - started >= 0.6


def test_it_ends_when_it_is_asked_to(listen):
    one = listen()
    one.post()
    one.process.send_signal(signal.SIGINT)
    code, out, _ = one.ended()
    assert code == 0
    assert "msg_1" in out


def test_a_port_that_is_taken_is_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        run = [sys.executable, "-c", "from streamhooks.cli import main; main()", "listen", "--port", port]
        result = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(f"Error: can't listen on 127.0.0.1:{port}")


@pytest.mark.parametrize(("text", "share"), [("2", 2), ("0", 0), ("0.3", 0.3), ("30%", 0.3), ("1.0", 1.0)])
def test_a_share_and_a_number_are_told_apart(text, share):
    given = Share().convert(text, None, None)
    assert (given, type(given)) == (share, type(share))


@pytest.mark.parametrize("text", ["-1", "1.5", "200%", "0.0", "nan", "some", ""])
def test_what_is_no_share_is_refused(text):
    import click

    with pytest.raises(click.BadParameter):
        Share().convert(text, None, None)
