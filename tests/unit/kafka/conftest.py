from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamhooks.kafka.publisher import Publisher
from streamhooks.settings import Settings


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    """One whose broker nobody reaches."""
    one = Publisher(Settings(brokers=("127.0.0.1:1",)))
    yield one
    one._producer.purge()
    one.close(1.0)
