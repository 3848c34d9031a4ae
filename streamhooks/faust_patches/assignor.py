"""An assignor that leaves no worker without a partition as long as there are enough of them.

Faust fills one worker after the other, up to its part rounded up: of 4 partitions, the third of 3 workers gets none.
It does not run anything then, not even the tasks that only it knows. Without standbys Faust rounds down first; the
setting for standbys, which makes it use this assignor at all, must not be 0.
"""

from __future__ import annotations

from typing import Any

from faust.assignor.partition_assignor import PartitionAssignor


class BalancedAssignor(PartitionAssignor):
    """Assigns without standbys, whatever the setting; for an app without tables."""

    def __init__(self, app: Any, replicas: int = 0) -> None:
        del replicas
        super().__init__(app, 0)
