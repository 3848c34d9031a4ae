"""The two runners as one: each call goes to the one that is for it, by whether it has a hook."""

from __future__ import annotations

from collections.abc import Awaitable

from streamhooks.in_flight.again import Do
from streamhooks.limits.places import Places
from streamhooks.tasks.call import Call
from streamhooks.tasks.lanes import HookLane, Lane
from streamhooks.tasks.owners import Owner, PendingOwner
from streamhooks.tasks.runner import TaskRunner
from streamhooks.tasks.runs import Runs
from streamhooks.webhooks.runner import DeliveryRunner


class Runners:
    """Starts calls. One for the worker."""

    def __init__(self, deliveries: DeliveryRunner, tasks: TaskRunner, places: Places, runs: Runs) -> None:
        self._deliveries = deliveries
        self._tasks = tasks
        self._places = places
        self._bulkheads = places.bulkheads
        self._runs = runs
        #: whether anything may start now
        self.gate = runs.gate

    def start(self, call: Call, owner: Owner) -> Awaitable[None]:
        """Start a call as soon as it may and there is room; the owner is released when all of it has ended."""
        return (self._tasks if call.hook_id is None else self._deliveries).start(call, owner)

    async def start_held(self, call: Call, owner: Owner) -> None:
        """Start a call that its owner waits for, besides what it waits for already."""
        owner.hold()
        try:
            await (self._tasks if call.hook_id is None else self._deliveries).start(call, owner)
        except BaseException:
            owner.release()
            raise

    def insist(self, key: str, owner: Owner | None, do: Do, give_up: Do, after: BaseException | None = None) -> None:
        """Do something as `Runs.insist` does."""
        self._runs.insist(key, owner, do, give_up, after)

    # --- pending calls

    def has_room(self, lane: Lane, size: int) -> bool:
        """Whether a pending call of so many bytes may start; 0 for one that is not large."""
        if not self._places.fits_again(size):
            return False
        if isinstance(lane, HookLane):
            return self._bulkheads.has_place_again(lane.hook_id)
        return self._tasks.has_room(lane)

    def enter(self, lane: HookLane) -> bool:
        """Take the places for a pending call of a hook; False if there are none."""
        return self._bulkheads.enter_again(lane.hook_id)

    def start_pending(self, call: Call, owner: PendingOwner) -> None:
        """Start a pending call for which there is room; of a hook the caller has taken the places."""
        if call.hook_id is None:
            self._tasks.start_pending(call, owner)
        else:
            self._deliveries.start_pending(call, owner)
