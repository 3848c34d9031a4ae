"""Assignors that tell the group's leader only what it needs, and that leave no worker without a partition.

Each member of a group sends metadata when it joins. With Faust's, it repeats the partitions and addresses of all
members, which the leader ignores: 2.2 MB for 100 workers and 500 partitions. Kafka stores a group in one record, and
refuses one above `max.message.bytes`, 1 MB by default. Then no worker gets a partition.

Faust fills one worker after the other, up to its part rounded up: of 4 partitions, the third of 3 workers gets none.
It does not run anything then, not even the tasks that only it knows. Without standbys Faust rounds down first; the
setting for standbys, which makes it use its assignor at all, must not be 0.
"""

from __future__ import annotations

from typing import Any

from faust.assignor.client_assignment import ClientMetadata
from faust.assignor.partition_assignor import PartitionAssignor


class BriefAssignor(PartitionAssignor):
    """Tells the leader the address and the partitions of this worker, and nothing of the others."""

    @property
    def _metadata(self) -> ClientMetadata:
        return ClientMetadata(assignment=self._assignment, url=str(self._url), changelog_distribution={})


class BalancedAssignor(BriefAssignor):
    """Assigns without standbys, whatever the setting; for an app without tables."""

    def __init__(self, app: Any, replicas: int = 0) -> None:
        del replicas
        super().__init__(app, 0)
