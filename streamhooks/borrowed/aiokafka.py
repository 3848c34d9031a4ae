"""What we borrow from aiokafka, the client below Faust."""

from __future__ import annotations

from streamhooks.borrowed.library import ATTRIBUTE, Library

AIOKAFKA = Library(
    "aiokafka",
    "0.14.0",
    published=frozenset({"aiokafka", "aiokafka.errors", "aiokafka.structs"}),
    names={
        "faust_patches/aiokafka_fetching.py": {
            "aiokafka.client:AIOKafkaClient.bootstrap": "f5ceef21d3b4",
            "aiokafka.client:AIOKafkaClient.send": "6fdc9c350c73",
            "aiokafka.consumer.consumer:AIOKafkaConsumer._client": ATTRIBUTE,
            "aiokafka.consumer.consumer:AIOKafkaConsumer._fetcher": ATTRIBUTE,
            "aiokafka.consumer.fetcher:Fetcher._fetch_max_wait_ms": ATTRIBUTE,
            "aiokafka.consumer.fetcher:Fetcher._fetch_min_bytes": ATTRIBUTE,
            "aiokafka.consumer.fetcher:Fetcher._get_actions_per_node": "ce1105e08135",
            "aiokafka.consumer.fetcher:Fetcher._max_partition_fetch_bytes": ATTRIBUTE,
        },
        "faust_patches/assignor.py": {
            "aiokafka.cluster:ClusterMetadata": "66a0209976d6",
            "aiokafka.coordinator.protocol:ConsumerProtocolMemberMetadata": "c3bddb9ec430",
        },
        "faust_patches/connections.py": {
            "aiokafka.conn:AIOKafkaConnection._send_sasl_token": "18408857c77c",
            "aiokafka.conn:AIOKafkaConnection.close": "1a998669cb62",
            "aiokafka.conn:AIOKafkaConnection.send": "800e0e9b027e",
            "aiokafka.conn:CloseReason": "268c0013ce73",
        },
        "faust_patches/consumer.py": {
            "aiokafka.client:AIOKafkaClient.bootstrap": "f5ceef21d3b4",
        },
        "faust_patches/epochs.py": {
            "aiokafka.client:AIOKafkaClient.force_metadata_update": "71eaa1892663",
            "aiokafka.client:AIOKafkaClient.send": "6fdc9c350c73",
            "aiokafka.protocol.api:Request.API_KEY": ATTRIBUTE,
            "aiokafka.protocol.api:Request.build": "113c756a5483",
            "aiokafka.protocol.api:RequestStruct.API_KEY": ATTRIBUTE,
            "aiokafka.protocol.api:RequestStruct.API_VERSION": ATTRIBUTE,
            "aiokafka.protocol.api:RequestStruct.RESPONSE_TYPE": ATTRIBUTE,
            "aiokafka.protocol.api:RequestStruct.SCHEMA": ATTRIBUTE,
            "aiokafka.protocol.api:Response.API_KEY": "064d70555cc6",
            "aiokafka.protocol.api:Response.API_VERSION": "226f8a720250",
            "aiokafka.protocol.struct:Struct.SCHEMA": ATTRIBUTE,
            "aiokafka.protocol.types:Array": "e3de0dd93bc6",
            "aiokafka.protocol.types:Int16": "fbb61b358dba",
            "aiokafka.protocol.types:Int32": "14a3030be30c",
            "aiokafka.protocol.types:Int64": "5f833f078bc8",
            "aiokafka.protocol.types:Schema": "b1878b2ef79c",
            "aiokafka.protocol.types:String": "2e974215e5aa",
        },
        "faust_patches/committed.py": {
            "aiokafka.protocol.commit:OffsetFetchRequest": "e2ed24f15589",
        },
        "faust_patches/group.py": {
            "aiokafka.client:AIOKafkaClient.bootstrap": "f5ceef21d3b4",
            "aiokafka.client:AIOKafkaClient.force_metadata_update": "71eaa1892663",
            "aiokafka.consumer.consumer:AIOKafkaConsumer._client": ATTRIBUTE,
            "aiokafka.consumer.consumer:AIOKafkaConsumer._consumer_timeout": ATTRIBUTE,
            "aiokafka.consumer.consumer:AIOKafkaConsumer._coordinator": ATTRIBUTE,
            "aiokafka.consumer.consumer:AIOKafkaConsumer._subscription": ATTRIBUTE,
            "aiokafka.consumer.group_coordinator:GroupCoordinator._coordination_task": ATTRIBUTE,
            "aiokafka.consumer.group_coordinator:GroupCoordinator._do_heartbeat": "cc26404f2746",
            "aiokafka.consumer.group_coordinator:GroupCoordinator._send_req": "5a71e1ccc44b",
            "aiokafka.consumer.group_coordinator:GroupCoordinator.coordinator_dead": "4b72031d0977",
            "aiokafka.consumer.group_coordinator:GroupCoordinator.fetch_committed_offsets": "7f8f1c7eb790",
            "aiokafka.consumer.subscription_state:SubscriptionState.fetch_context": "b0b057921de5",
        },
        "faust_patches/membership.py": {
            "aiokafka.client:AIOKafkaClient._md_synchronizer": "5c4a57c88789",
            "aiokafka.client:AIOKafkaClient._sync_task": ATTRIBUTE,
            "aiokafka.consumer.group_coordinator:GroupCoordinator._coordination_task": ATTRIBUTE,
            "aiokafka.consumer.group_coordinator:GroupCoordinator.check_errors": "0fe4e843462c",
            "aiokafka.consumer.group_coordinator:GroupCoordinator.request_rejoin": "eeacfc6c7b5f",
        },
        "faust_patches/new_topics.py": {
            "aiokafka.client:AIOKafkaClient._metadata_update": "8388b87c47ec",
            "aiokafka.protocol.metadata:MetadataRequest": "ed847de2c3e4",
        },
        "kafka/partitions.py": {
            "aiokafka.partitioner:murmur2": "0cf54dfa1897",
        },
    },
)
