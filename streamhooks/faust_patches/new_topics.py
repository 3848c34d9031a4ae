"""aiokafka's requests for topics, which must not create any.

By default such a request makes the broker create a topic that does not exist (`auto.create.topics.enable`). A topic of
one's own is never ours to create: until it exists, its members of the group wait for it.
"""

from __future__ import annotations

from functools import partial

from aiokafka import client
from aiokafka.protocol.metadata import MetadataRequest


def create_no_topics() -> None:
    """Let aiokafka ask for topics without creating them, for the whole process.

    `AIOKafkaClient._metadata_update` looks the name up whenever it asks.
    """
    client.MetadataRequest = partial(MetadataRequest, allow_auto_topic_creation=False)
