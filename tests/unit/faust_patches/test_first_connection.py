"""A broker that restarts while a worker starts: the worker waits for it."""

from __future__ import annotations

import pytest
from aiokafka.errors import KafkaConnectionError

from streamhooks.faust_patches.patience import patient


class Broker:
    def __init__(self, away: int) -> None:
        self.away, self.asked = away, 0

    async def bootstrap(self) -> None:
        self.asked += 1
        if self.asked <= self.away:
            raise KafkaConnectionError("Unable to bootstrap")


async def test_the_first_connection_is_tried_until_the_broker_is_there():
    broker = Broker(away=3)
    await patient(broker.bootstrap, lambda: False, pause=0)()
    assert broker.asked == 4


async def test_a_worker_that_is_stopped_meanwhile_does_not_wait():
    broker = Broker(away=3)
    with pytest.raises(KafkaConnectionError):
        await patient(broker.bootstrap, lambda: broker.asked == 2, pause=0)()
    assert broker.asked == 2
