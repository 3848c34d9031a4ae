"""The ends of partitions, asked often through one kept client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Future

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import ListOffsetsResultInfo, OffsetSpec

from streamhooks.kafka.asking import KeptAdmin
from streamhooks.kafka.reader import TP
from streamhooks.settings import Settings

#: for each request, in seconds
TIMEOUT = 3.0


class Ends:
    """Asks the brokers for the ends of partitions, as a reader of committed transactions sees them."""

    def __init__(self, settings: Settings, timeout: float = TIMEOUT) -> None:
        self._admin = KeptAdmin(settings)
        self._timeout = timeout

    def now(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Return the next offset of each partition; blocks.

        Raises:
            TimeoutError: Kafka does not answer.

        """
        try:
            return {
                (tp.topic, tp.partition): one.result(2 * self._timeout).offset for tp, one in self._ask(tps).items()
            }
        except KafkaException as error:
            raise self._away(error) from None

    async def of(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Return the next offset of each partition.

        Raises:
            TimeoutError: Kafka does not answer.

        """
        try:
            asked = self._ask(tps)
            # A cancelled caller must not cancel futures that the client's thread is about to resolve.
            found = await asyncio.shield(asyncio.gather(*map(asyncio.wrap_future, asked.values())))
        except KafkaException as error:
            raise self._away(error) from None
        return {(tp.topic, tp.partition): one.offset for tp, one in zip(asked, found, strict=True)}

    def _ask(self, tps: Iterable[TP]) -> dict[TopicPartition, Future[ListOffsetsResultInfo]]:
        found: dict[TopicPartition, Future[ListOffsetsResultInfo]] = self._admin.get().list_offsets(
            {TopicPartition(*tp): OffsetSpec.latest() for tp in tps},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=self._timeout,
        )
        return found

    def _away(self, error: KafkaException) -> TimeoutError:
        self._admin.forget()
        return TimeoutError(f"Kafka does not answer: {error.args[0].str()}")
