"""Defects for a worker: it imports this by STREAMHOOKS_TASK_MODULES, and has those whose file is in its data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, Message

from streamhooks.hooks.seals import Seals
from streamhooks.kafka import reading_thread
from streamhooks.kafka.lots import Lot
from streamhooks.tasks.outputs import Outputs

FOLDER = Path(os.environ.get("STREAMHOOKS_DATA_DIR", "."))


def _has(defect: str) -> bool:
    return (FOLDER / defect).exists()


def _raise_if(defect: str, target: Any, name: str) -> None:
    """Let a function raise as long as the worker has the defect."""
    original = getattr(target, name)

    def function(*args: Any, **kwargs: Any) -> Any:
        if _has(defect):
            raise RuntimeError(f"injected: {defect}")
        return original(*args, **kwargs)

    setattr(target, name, function)


_raise_if("reader", reading_thread, "_next")
_raise_if("store", Outputs, "store")
_raise_if("background", Seals, "tell")

_delivered = Lot.delivered


def _fatal(self: Lot, error: KafkaError | None, message: Message) -> None:
    if _has("producer") and str(message.topic()).endswith("firings"):
        error = KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "injected: producer", fatal=True)
    _delivered(self, error, message)


Lot.delivered = _fatal  # type: ignore[method-assign]
