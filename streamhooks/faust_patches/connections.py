"""aiokafka's connections on uvloop: writing to one that was just closed raises a connection error.

asyncio's transports ignore such a write; uvloop's raise RuntimeError, which aiokafka does not expect. It silently
ends the task that asks for metadata, or the task that keeps the group membership, and with it the worker.
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
    """Let aiokafka treat uvloop's RuntimeError as a connection error, for the whole process."""
    for name in ("send", "_send_sasl_token"):
        send = getattr(AIOKafkaConnection, name)
        if not hasattr(send, "__wrapped__"):
            setattr(AIOKafkaConnection, name, _expecting(send))
