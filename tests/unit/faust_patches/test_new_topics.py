from __future__ import annotations

import inspect

from aiokafka import client
from aiokafka.protocol.metadata import MetadataRequest, MetadataRequest_v1, MetadataRequest_v5

from streamhooks.faust_patches.new_topics import create_no_topics


def test_a_request_for_a_topic_does_not_create_it() -> None:
    create_no_topics()
    create_no_topics()
    asked = client.MetadataRequest(["orders"])
    assert isinstance(asked, MetadataRequest)
    built = asked.build(MetadataRequest_v5)
    assert (built.topics, built.allow_auto_topic_creation) == (["orders"], False)
    assert asked.build(MetadataRequest_v1).topics == ["orders"]
    # The client looks the name up whenever it asks.
    assert "MetadataRequest(" in inspect.getsource(client.AIOKafkaClient._metadata_update)
