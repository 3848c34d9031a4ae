from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamhooks.kafka.publisher import Publisher
from streamhooks.settings import Settings


@pytest.fixture
def fatal() -> list[str]:
    """The reasons for which `publisher` died."""
    return []


@pytest.fixture
def publisher(fatal: list[str]) -> Iterator[Publisher]:
    """A publisher whose broker can't be reached."""
    one = Publisher(Settings(brokers=("127.0.0.1:1",)), fatal.append)
    yield one
    one._producer.purge()
    one.close(1.0)
