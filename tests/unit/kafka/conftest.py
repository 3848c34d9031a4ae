from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamhooks.kafka.publisher import Publisher
from streamhooks.settings import Settings


@pytest.fixture
def fatal() -> list[str]:
    """Why `publisher` could not go on."""
    return []


@pytest.fixture
def publisher(fatal: list[str]) -> Iterator[Publisher]:
    """One whose broker nobody reaches."""
    one = Publisher(Settings(brokers=("127.0.0.1:1",)), fatal.append)
    yield one
    one._producer.purge()
    one.close(1.0)
