from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from page_data import hook
from page_worker import PageWorker


@pytest.fixture
def fake() -> Iterator[Callable[..., PageWorker]]:
    made: list[PageWorker] = []

    def make(count: int = 6, **options: object) -> PageWorker:
        made.append(PageWorker([hook(number) for number in range(1, count + 1)], **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()
