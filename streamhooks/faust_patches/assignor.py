"""Assignors that tell the group's leader only what it needs, and that leave no worker without a partition.

Each member of a group sends metadata when it joins. With Faust's, it repeats the partitions and addresses of all
members, which the leader ignores: 2.2 MB for 100 workers and 500 partitions. Kafka stores a group in one record, and
refuses one above `max.message.bytes`, 1 MB by default. Then no worker gets a partition.

Faust fills one worker after the other, up to its part rounded up: of 4 partitions, the third of 3 workers gets none.
It does not run anything then, not even the tasks that only it knows. Without standbys Faust rounds down first; the
setting for standbys, which makes it use its assignor at all, must not be 0.

Faust lets members keep the partitions that they had. It fails, and the group stops, if a topic was recreated with fewer
partitions: a member then keeps some that do not exist any more. A topic of one's own can be recreated at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata
from faust.assignor.partition_assignor import PartitionAssignor


class BriefAssignor(PartitionAssignor):
    """Tells the leader the address and the partitions of this worker, and nothing of the others."""

    def assign(self, cluster: ClusterMetadata, member_metadata: Mapping[str, ConsumerProtocolMemberMetadata]) -> Any:
        """Return what each member gets, given what each tells of itself."""
        told = {name: _existing(metadata, cluster) for name, metadata in member_metadata.items()}
        return super().assign(cluster, told)

    @property
    def _metadata(self) -> ClientMetadata:
        return ClientMetadata(assignment=self._assignment, url=str(self._url), changelog_distribution={})


class BalancedAssignor(BriefAssignor):
    """Assigns without standbys, whatever the setting; for an app without tables."""

    def __init__(self, app: Any, replicas: int = 0) -> None:
        del replicas
        super().__init__(app, 0)


def _existing(told: ConsumerProtocolMemberMetadata, cluster: ClusterMetadata) -> ConsumerProtocolMemberMetadata:
    """Return what a member tells, without the partitions that do not exist any more."""
    metadata: ClientMetadata = ClientMetadata.loads(told.user_data)
    owned = metadata.assignment
    left = ClientAssignment(actives=_those_in(cluster, owned.actives), standbys=_those_in(cluster, owned.standbys))
    if (left.actives, left.standbys) == (owned.actives, owned.standbys):
        return told
    data = ClientMetadata(assignment=left, url=metadata.url, changelog_distribution={}).dumps()
    return ConsumerProtocolMemberMetadata(told.version, told.subscription, data)


def _those_in(cluster: ClusterMetadata, owned: Mapping[str, list[int]]) -> dict[str, list[int]]:
    existing = {topic: cluster.partitions_for_topic(topic) or () for topic in owned}
    return {topic: [one for one in partitions if one in existing[topic]] for topic, partitions in owned.items()}
