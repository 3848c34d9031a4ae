"""The straight line: a delivery that waits for nothing but its response, from the call to the settled record.

Most deliveries can go this way, and it costs neither a task nor a future: `docs/how-it-works.md` has the drawing. What
has to wait before its request is written goes the general way, in `runner.py`. Both ways share what they do.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from streamhooks.delivery.client import Answer
from streamhooks.limits.bulkheads import Bulkheads
from streamhooks.limits.restraints import Restraints
from streamhooks.records.hook import Hook
from streamhooks.tasks.call import Call, as_of
from streamhooks.tasks.context import Hooks
from streamhooks.tasks.owners import Owner
from streamhooks.tasks.runs import Run, Runs
from streamhooks.webhooks.attempting import Attempting, Result
from streamhooks.webhooks.deliver import Exchange, Outgoing, Soon

#: settles a call of a hook after its attempt; returns what is left to await, None after most deliveries
Ended = Callable[[Call, Owner, str, Result], Run | None]
#: starts a call again after an internal error
Again = Callable[[Call, Owner, Run], None]


class StraightLine:
    """Starts deliveries that need no waiting. One per worker."""

    def __init__(
        self,
        hooks: Hooks,
        bulkheads: Bulkheads,
        restraints: Restraints,
        attempting: Attempting,
        soon: Soon,
        runs: Runs,
        ended: Ended,
        again: Again,
    ) -> None:
        self._hooks = hooks
        self._bulkheads = bulkheads
        self._restraints = restraints
        self._attempting = attempting
        self._soon = soon
        self._runs = runs
        self._ended = ended
        self._again = again

    def start(self, call: Call, owner: Owner) -> bool:
        """Start a call of a hook, and release its owner in a later turn; False if it can't start without waiting.

        Then nothing has happened, and the call may start the general way.
        """
        hook = self._free_hook(call, owner)
        if hook is None:
            return False
        as_of(call, hook)
        outgoing = self._attempting.request(call, hook)
        if outgoing is None:
            return False
        delivery = _Delivery(self, call, owner, outgoing)
        exchange = self._soon.send(outgoing, delivery.answered)
        if exchange is None:
            return False
        delivery.exchange = exchange
        self._bulkheads.enter_now(hook.id)
        self._runs.begin_straight(delivery)
        self._attempting.note_start(call)
        return True

    def _free_hook(self, call: Call, owner: Owner) -> Hook | None:
        """Return the hook of a first attempt that may start here and now; None if anything is in its way."""
        if call.size or call.stored or call.hook_id is None or owner.is_void or not self._runs.gate.is_open:
            return None
        hook = self._hooks.get(call.hook_id)
        if hook is None or not self._hooks.is_active(hook.id) or not self._restraints.is_free(hook):
            return None
        return hook if self._bulkheads.has_place(hook.id) else None

    def answered(self, delivery: _Delivery, answer: Answer) -> None:
        """Judge the response to a delivery, and settle its call; a callback of the connection, which must not raise."""
        if not self._runs.end_straight(delivery):
            return
        call, owner, outgoing = delivery.call, delivery.owner, delivery.outgoing
        try:
            self.leave(outgoing)
            result = self._attempting.result(call, outgoing, answer)
            left = self._ended(call, owner, outgoing.hook.id, result)
        except Exception as error:  # a defect of ours, or the producer is dead: as for any run
            left = _failed(error)
        if left is None:
            self._runs.again.succeeded(call.id)
        else:
            self._again(call, owner, left)

    def leave(self, outgoing: Outgoing) -> None:
        """Give back the places of a delivery."""
        self._bulkheads.leave(outgoing.hook.id, outgoing.started)


class _Delivery(Struct, eq=False):
    """A delivery under way."""

    _line: StraightLine
    call: Call
    owner: Owner
    outgoing: Outgoing
    exchange: Exchange | None = None

    def answered(self, answer: Answer) -> None:
        """Go on with the response."""
        self._line.answered(self, answer)

    def abandon(self) -> None:
        """Close the connection, and give back the places; the next owner of its source makes the attempt again."""
        if self.exchange is not None:
            self.exchange.abandon()
        self._line.leave(self.outgoing)


async def _failed(error: Exception) -> None:
    raise error
