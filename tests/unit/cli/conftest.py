from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.fake_worker import FakeWorker, fake_worker


@pytest.fixture
def worker_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWorker]:
    """A fake of a worker's API; `worker_api.run("hooks", "list")` runs a command against it."""
    monkeypatch.delenv("STREAMHOOKS_API_TOKEN", raising=False)
    with fake_worker() as fake:
        yield fake
