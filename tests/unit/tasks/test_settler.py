"""What a run leaves behind, in order: from a task and from a callback, which waits for nothing."""

from __future__ import annotations

import asyncio

import pytest
from support.runs import HOOK, Owner, World, attempted

from streamhooks.tasks.attempts import attempt_of
from streamhooks.tasks.call import Call
from streamhooks.tasks.endings import DONE, Ending, EndingKind, dead

ENDINGS = {
    "done": DONE,
    "ignored": Ending(EndingKind.IGNORED, "why"),
    "dropped": Ending(EndingKind.DROPPED, "unknown hook"),
    "retry": Ending(EndingKind.RETRY, "status 500", 5.0),
    "dead": dead("status 400"),
    "gone": Ending(EndingKind.DEAD, "status 410", disables=True),
}


class Journal:
    """A worker's world that writes down what is done, in order; the broker confirms everything a turn later."""

    def __init__(self) -> None:
        self.world = World()
        self.lines: list[str] = []
        for name in ("store", "settle", "give_up", "end_letter"):
            setattr(self.world.outputs, name, self.writing(name))
        self.world.firings.add = self.count
        self.owner = Owner()
        self.owner.hold, self.owner.release = self.hold, self.release

    def writing(self, name):
        async def write(call, *args, **options):
            if name == "settle" and not call.stored:
                return
            self.lines.append(f"{name} {call.task.rpartition('.')[2]}")
            await asyncio.sleep(0)
            self.lines.append("confirmed")

        return write

    def count(self, _hook_id, _attempt, done):
        self.lines.append("count")

        def confirmed():
            self.lines.append("counted")
            done()

        asyncio.get_running_loop().call_soon(confirmed)

    def hold(self):
        self.owner.holds += 1

    def release(self):
        self.owner.holds -= 1
        if not self.owner.holds:
            self.lines.append("released")
            self.owner.ended.set()

    def settle(self, call, ending, *, is_sent):
        came = attempted(500)
        attempt = attempt_of(call, came.request, came.answer, "dead", "live", bodies=False) if is_sent else None
        return self.world.settler.settle(call, ending, self.owner, attempt)


@pytest.mark.parametrize("is_sent", [True, False])
@pytest.mark.parametrize(("stored", "letter"), [(False, None), (True, None), (True, "3:17:5")])
@pytest.mark.parametrize("name", ENDINGS)
async def test_a_callback_leaves_the_same_behind_as_a_task(name, stored, letter, is_sent):
    found = []
    for is_callback in (False, True):
        journal = Journal()
        call = Call("c1", "streamhooks.t", 0, 0, hook_id=HOOK.id, stored=stored, letter=letter)

        def ended(journal=journal, call=call):
            left = journal.settle(call, ENDINGS[name], is_sent=is_sent)
            if left is not None:
                journal.world.runs.spawn(left)

        if is_callback:
            asyncio.get_running_loop().call_soon(ended)
        elif (left := journal.settle(call, ENDINGS[name], is_sent=is_sent)) is not None:
            await left
        await asyncio.wait_for(journal.owner.ended.wait(), 5)
        found.append(journal.lines)
    # What is counted besides is confirmed whenever the broker does it.
    assert [[line for line in lines if line != "counted"] for lines in found] == [
        [line for line in found[0] if line != "counted"]
    ] * 2
    assert found[0][-1] == "released"
    if is_sent and (stored or name == "retry"):
        # Nobody makes the attempt again once the next record of the call is there.
        assert found[0][:2] == ["count", "counted"]
    if name == "gone":
        # Its hook is disabled before the call ends: after a crash in between the call runs again, and says so again.
        assert found[0].index("store note_finding") < found[0].index("give_up t")
    if letter is not None and name in ("done", "ignored", "dropped"):
        assert found[0].index("end_letter t") < found[0].index("settle t")


@pytest.mark.parametrize("name", ["done", "ignored", "dropped"])
async def test_most_deliveries_end_without_a_task(name):
    journal = Journal()
    assert journal.settle(Call("c1", "t", 0, 0, hook_id=HOOK.id), ENDINGS[name], is_sent=True) is None
    assert journal.lines == ["count"]
    await asyncio.wait_for(journal.owner.ended.wait(), 5)
    assert journal.lines == ["count", "counted", "released"]
