"""aiokafka's connections on uvloop: writing to one that was just closed is an error of the connection.

asyncio's transports let it pass, uvloop's raise RuntimeError, which aiokafka does not expect. It ends the task that
asks for metadata, in silence, or the one that keeps the group, and with it the worker.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError


def _expecting(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def sending(self: AIOKafkaConnection, *arguments: Any, **named: Any) -> Any:
        try:
            return send(self, *arguments, **named)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error

    return sending


def expect_closed_transports() -> None:
    """Have aiokafka take what uvloop raises for what it is; once for the process."""
    for name in ("send", "_send_sasl_token"):
        send = getattr(AIOKafkaConnection, name)
        if not hasattr(send, "__wrapped__"):
            setattr(AIOKafkaConnection, name, _expecting(send))
