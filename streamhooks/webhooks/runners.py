"""Both runners as one: deliveries go to one, calls without a hook to the other."""

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
    """Starts calls. One per worker."""

    def __init__(self, deliveries: DeliveryRunner, tasks: TaskRunner, places: Places, runs: Runs) -> None:
        self._deliveries = deliveries
        self._straight = deliveries.straight
        self._tasks = tasks
        self._places = places
        self._bulkheads = places.bulkheads
        self._runs = runs
        #: whether anything may start now
        self.gate = runs.gate

    def start(self, call: Call, owner: Owner) -> Awaitable[None]:
        """Start a call as soon as it is allowed and there is room; release its owner when all of it has ended."""
        return (self._tasks if call.hook_id is None else self._deliveries).start(call, owner)

    def start_straight(self, call: Call, owner: Owner) -> bool:
        """Start a call as `start_held` does if that needs no waiting; else return False: then `start_held` has to."""
        if call.hook_id is None or self._straight is None or not self._straight.start(call, owner):
            return False
        owner.hold()  # what was started ends in a later turn
        return True

    async def start_held(self, call: Call, owner: Owner) -> None:
        """Start a call that its owner waits for, in addition to what it already waits for."""
        owner.hold()
        try:
            await (self._tasks.start if call.hook_id is None else self._deliveries.start_waiting)(call, owner)
        except BaseException:
            owner.release()
            raise

    def insist(self, key: str, owner: Owner | None, do: Do, give_up: Do, after: BaseException | None = None) -> None:
        """Do the same as `Runs.insist`."""
        self._runs.insist(key, owner, do, give_up, after)

    # --- pending calls

    def has_room(self, lane: Lane, size: int) -> bool:
        """Tell whether a pending call of `size` bytes may start; the size is 0 if it is not large."""
        if not self._places.fits_again(size):
            return False
        if isinstance(lane, HookLane):
            return self._bulkheads.has_place_again(lane.hook_id)
        return self._tasks.has_room(lane)

    @property
    def has_places(self) -> bool:
        """Tell whether there is a place for a pending call of any hook."""
        return self._bulkheads.has_places_again

    def enter(self, lane: HookLane) -> bool:
        """Take the places for a pending call of a hook; False if they are not free."""
        return self._bulkheads.enter_again(lane.hook_id)

    def start_pending(self, call: Call, owner: PendingOwner) -> None:
        """Start a pending call for which there is room; the caller has taken the places of its hook, if it has one."""
        if call.hook_id is None:
            self._tasks.start_pending(call, owner)
        else:
            self._deliveries.start_pending(call, owner)
