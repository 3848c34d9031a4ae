"""Tests of your own tasks without a Kafka: docs/reference/tasks.md says how."""

from __future__ import annotations

from streamhooks.testing.local_worker import GivenUp, KeptCall, LocalWorker, Run, Webhook

__all__ = ["GivenUp", "KeptCall", "LocalWorker", "Run", "Webhook"]
