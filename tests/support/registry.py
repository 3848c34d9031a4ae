from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import fastavro

from streamhooks.records import schemas


class Registry:
    """The one call of Confluent's API that a reader needs; its ids are those of the records' names."""

    IDS = {1: "Event", 2: "Alert", 3: "ResourceChange", 4: "Hook"}  # noqa: RUF012

    def __init__(self) -> None:
        self.is_away = False
        self.asked: list[str] = []
        self.others: dict[int, Any] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                status, answer = outer.answer(self.path)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/registry"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> tuple[int, bytes]:
        if self.is_away:
            return 503, b""
        schema_id = int(path.removeprefix("/registry/schemas/ids/"))
        if schema_id in self.others:
            return 200, json.dumps({"schema": json.dumps(self.others[schema_id])}).encode()
        name = self.IDS.get(schema_id)
        if name is None:
            return 404, b'{"error_code": 40403, "message": "Schema not found"}'
        return 200, json.dumps({"schema": (schemas.folder() / f"{name}.avsc").read_text()}).encode()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wire(self, schema_id: int, value: dict[str, Any]) -> bytes:
        """Return a record of one of the `others` in the wire format."""
        body = BytesIO()
        fastavro.schemaless_writer(body, self.others[schema_id], value)
        return b"\x00" + schema_id.to_bytes(4, "big") + body.getvalue()
