"""The call that sends messages, of a fake worker."""

from __future__ import annotations

from typing import Any

from aiohttp import web


class SentMessages:
    """Answers with `failure`, if any, else with the next coordinates."""

    def __init__(self) -> None:
        self.number = 0
        self.failure: tuple[int, dict[str, Any]] | None = None

    def routes(self) -> list[tuple[str, str, Any]]:
        return [("POST", "/api/messages", self._send)]

    async def _send(self, request: web.Request) -> web.Response:
        given = await request.json()
        if self.failure is not None:
            status, body = self.failure
            return web.json_response(body, status=status)
        if "organization_id" not in given:
            return web.json_response({"organization_id": "must be an id (a text or an integer)"}, status=400)
        coordinates = f"streamhooks.messages:3:{self.number}"
        self.number += 1
        sent = {"id": given.get("id"), "status": "written", "coordinates": coordinates}
        return web.json_response({"messages": [sent]}, status=201)
