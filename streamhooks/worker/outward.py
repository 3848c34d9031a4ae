"""The parts of a worker that send: records to Kafka, and requests to endpoints."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version

from streamhooks.counting.firings import Firings
from streamhooks.dead_letters.states import LetterStates
from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.delivery.client import HookClient
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.publisher import Publisher
from streamhooks.kafka.topics import Topics
from streamhooks.metrics import UNCONFIRMED
from streamhooks.settings import Settings
from streamhooks.sources.sending import MessageSender
from streamhooks.tasks import sending
from streamhooks.tasks.outputs import Outputs
from streamhooks.webhooks.sample import AT_ONCE
from streamhooks.worker.supervisor import Part

log = logging.getLogger(__name__)

USER_AGENT = f"streamhooks/{version('streamhooks')}"
#: how long to wait for confirmations when the worker ends, in seconds
CONFIRMED_WITHIN = 5.0


class Outward:
    """The sending parts of a worker. `end` is called from any thread when the producer is dead.

    `partitions` is the partition count of `delayed` and of `firings`.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        partitions: int,
        end: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self.publisher = Publisher(settings, end)
        self.outbox = Outbox(self.publisher, asyncio.get_running_loop())
        UNCONFIRMED.set_function(self.outbox.oldest_unconfirmed)
        self.message_sender = MessageSender(self.outbox, topics.messages)
        self.letter_states = LetterStates()
        self.outputs = Outputs(self.outbox, topics, clock, self.letter_states.is_gone)
        self.firings = Firings(self.outbox, topics.firings, partitions)
        self.addresses = AddressPolicy(
            settings.allowed_networks, frozenset(settings.allowed_ports) or None, settings.denied_networks
        )
        self.client = HookClient(
            self.addresses,
            limit=settings.max_in_flight * 2,
            per_host=settings.host_connections,
            user_agent=USER_AGENT,
        )
        # Callers of the API send tests, so these have few connections, separate from those of deliveries.
        self.sample_client = HookClient(self.addresses, limit=AT_ONCE, user_agent=USER_AGENT)
        self._sender = _WorkerSender(self.outbox, topics.delayed)

    def parts(self) -> Iterator[Part]:
        """Yield the parts that start and stop."""
        yield Part("test client", stop=self.sample_client.close)
        yield Part("client", stop=self.client.close)
        yield Part("producer", stop=self._close_publisher)
        yield Part("sending", start=partial(sending.bind, self._sender), stop=partial(sending.bind, None))

    async def _close_publisher(self) -> None:
        left = await asyncio.to_thread(self.publisher.close, CONFIRMED_WITHIN)
        if left:
            log.warning("%d written records are not confirmed: their source records will be processed again", left)


class _WorkerSender:
    def __init__(self, outbox: Outbox, topic: str) -> None:
        self.topic = topic
        self.publish = outbox.begin
