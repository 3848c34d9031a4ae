from __future__ import annotations

import pytest

from streamhooks.hooks import writer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a Kafka that does not answer be waited for only a moment."""
    monkeypatch.setattr(writer, "WITHIN", 0.2)
