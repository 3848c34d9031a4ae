"""The test kit for your own tasks, without a Kafka; see docs/reference/tasks.md."""

from __future__ import annotations

from streamhooks.testing.local_worker import GivenUp, KeptCall, LocalWorker, Run, Webhook

__all__ = ["GivenUp", "KeptCall", "LocalWorker", "Run", "Webhook"]
