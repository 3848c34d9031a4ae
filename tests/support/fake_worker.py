"""A worker's web API without a worker: hooks as the real views make them, all else as a test says."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from click.testing import CliRunner, Result

from streamhooks.cli import main
from streamhooks.hooks.table import Status
from streamhooks.records.hook import Hook
from streamhooks.web.http.problems import ProblemError, not_found
from streamhooks.web.http.representation import shown_hook
from streamhooks.web.rules.hook_input import changed_hook, new_hook, rotated_hook

JSON = dict[str, Any]


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str] = field(repr=False)


class FakeWorker:
    """`calls` are those that came; `say` scripts what is answered on a path, the last answer for ever."""

    def __init__(self) -> None:
        self.hooks: dict[str, Hook] = {}
        self.calls: list[Call] = []
        self.page = 500
        self.base = ""
        self._answers: dict[tuple[str, str], list[tuple[int, Any, dict[str, str]]]] = {}

    def say(self, method: str, path: str, *answers: Any, status: int = 200, headers: dict[str, str] | None = None):
        """Answer a call with these one after the other; a tuple is a status and an answer."""
        whole = [one if isinstance(one, tuple) else (status, one) for one in answers]
        self._answers[method, path] = [(code, body, headers or {}) for code, body in whole]

    def add(self, **given: Any) -> str:
        """Put a hook and return its id."""
        return self._create({"organization_id": "1", "url": "http://e.test/a", "events": ["event.created"], **given})[
            "id"
        ]

    def run(self, *arguments: str, **options: Any) -> Result:
        """Run a command against it."""
        env = {"STREAMHOOKS_URL": self.base, **options.pop("env", {})}
        return CliRunner().invoke(main, arguments, env=env, **options)

    def made(self, *methods: str) -> list[tuple[str, str, Any]]:
        """The calls that came, without GET, or those of these methods: method, path, body."""
        return [
            (call.method, call.path, call.body)
            for call in self.calls
            if (call.method in methods if methods else call.method != "GET")
        ]

    # --- what a worker does

    def answer(self, call: Call) -> tuple[int, Any, dict[str, str]]:
        self.calls.append(call)
        if script := self._answers.get((call.method, call.path)):
            return script.pop(0) if len(script) > 1 else script[0]
        try:
            return (*self._of_hooks(call), {})
        except ProblemError as problem:
            return problem.status, problem.body, {}

    def _of_hooks(self, call: Call) -> tuple[int, Any]:
        parts = call.path.removeprefix("/api/hooks").strip("/").split("/")
        if parts == [""]:
            return (201, self._create(call.body)) if call.method == "POST" else (200, self._list(call.query))
        hook = self.hooks.get(parts[0])
        if hook is None:
            raise not_found("hook")
        wanted = call.headers.get("If-Match")
        if wanted is not None and wanted != f'"{hook.revision}"':
            raise ProblemError(412, {"detail": "the hook has changed in the meantime"})
        now = time.time()
        match call.method, parts[1:]:
            case "GET", []:
                return 200, self._shown(hook)
            case "PUT", []:
                status = Status(hook.status, None, None)
                self._write(changed_hook(hook, call.body, now, 60, lambda _url: None, status))
                return 200, self._shown(self.hooks[hook.id])
            case "DELETE", []:
                del self.hooks[hook.id]
                return 204, None
            case "POST", ["rotate-secret"]:
                fresh = new_hook({**_FIELDS}, hook.id, now, lambda _url: None).secret
                self._write(rotated_hook(hook, Hook.from_fields({**hook.to_fields(), "secret": fresh}), now, 9))
                return 200, self._shown(self.hooks[hook.id], plaintext=True)
        raise not_found("view")

    def _create(self, fields: JSON) -> JSON:
        hook = new_hook(fields, secrets.token_hex(16), time.time(), lambda _url: None)
        self._write(hook)
        return self._shown(self.hooks[hook.id], plaintext=True)

    def _write(self, hook: Hook) -> None:
        self.hooks[hook.id] = replace(hook, revision=(hook.revision or 0) + 1)

    def _list(self, query: dict[str, str]) -> JSON:
        after = query.get("cursor", "")
        names = [name for name in ("organization_id", "app_id") if name in query]
        found = [hook for hook in sorted(self.hooks.values(), key=lambda one: one.id) if hook.id > after]
        found = [hook for hook in found if all(query[name] == getattr(hook, name) for name in names)]
        size = min(self.page, int(query["limit"]))
        page = found[:size]
        return {"hooks": list(map(self._shown, page)), "next_cursor": page[-1].id if len(found) > size else None}

    @staticmethod
    def _shown(hook: Hook, *, plaintext: bool = False) -> JSON:
        status = Status(hook.status, None, None)
        return shown_hook(hook, status, None, hook.revision or 0, time.time(), plaintext=plaintext)


_FIELDS = {"organization_id": "1", "url": "http://e.test/", "events": ["event.created"]}


@contextmanager
def fake_worker() -> Iterator[FakeWorker]:
    """Serve one on a free port."""
    fake = FakeWorker()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = Call(
                self.command, parts.path, dict(parse_qsl(parts.query)), json.loads(body) if body else None,
                dict(self.headers),
            )  # fmt: skip
            status, answer, headers = fake.answer(call)
            data = b"" if status == 204 else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, text in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.base = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
