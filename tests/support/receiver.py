from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

from streamhooks.dev.ports import free_port
from streamhooks.dev.receiver import create_receiver, serve
from support.api import Api


class Receiver:
    """The misbehaving receiver of `streamhooks.dev`, in a thread of this process."""

    def __init__(self, secrets: Mapping[str, str] | None = None, keep: int = 100_000, port: int | None = None) -> None:
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._api = Api(self.base)
        self._secrets, self._keep = secrets, keep
        self._started, self._stop = threading.Event(), asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._started.wait(10)
        if self._failure:
            raise self._failure

    def url(self, path: str = "/hook") -> str:
        """Return the URL of a path, which may ask for a behaviour: `/hook?status=500&fail=2`."""
        return self.base + path

    def requests(self, path: str | None = None) -> list[dict[str, Any]]:
        """Return the requests (to a path), oldest first."""
        return self._api.get("/_requests", **({"path": path} if path else {})).json

    def count(self, path: str | None = None) -> dict[str, int]:
        """Return `requests`, distinct `ids` and `unverified` (of a path)."""
        return self._api.get("/_count", **({"path": path} if path else {})).json

    def behave(self, path: str, **behaviour: object) -> None:
        """Change how a path behaves; without a behaviour, it behaves well."""
        answer = self._api.put(f"/_behaviour/{path.lstrip('/')}", behaviour)
        assert answer.status == 204, answer

    def learn(self, hook: str, *secrets: str) -> None:
        """Verify the requests of a hook with these secrets (`*`: of every other hook)."""
        assert self._api.put("/_secrets", {hook: secrets}).status == 204

    def forget(self) -> None:
        """Forget the requests and the counts."""
        assert self._api.delete("/_requests").status == 204

    def stop(self) -> None:
        """End it; connections to it are refused from then on."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            runner = await serve(create_receiver(self._secrets, self._keep), self.port)
        except BaseException as error:
            self._failure = error
            return
        finally:
            self._started.set()
        await self._stop.wait()
        await runner.cleanup()
