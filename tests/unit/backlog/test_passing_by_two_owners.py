"""Two owners of a partition, one cut off without knowing it, and a hook owner that sends: nothing is left out.

Each worker reads `hooks` and `hook-states` when it gets to it, and what it writes comes into the log when the test says
so, however late: also long after the partition went to the other one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st
from two_owners import ENDLESS, HookOwner, Kafka, Worker

from streamhooks.backlog.passing import UNDECIDED

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["take"] * 6
            + ["hold", "look", "end", "end", "end", "disable", "enable", "disable and enable", "again"]
            + ["move", "move", "notice", "freeze", "freeze", "write", "send"]
        ),
        st.integers(0, 1),
        st.sampled_from(["all", "all", "skip", None, "by hand"]),
        st.sampled_from(["all", "all", "hooks", "states", "writes"]),
    ),
    min_size=6,
    max_size=40,
)


async def run(steps: list[tuple[str, int, str | None, str]]) -> None:
    kafka = Kafka()
    workers, hook_owner = (Worker(kafka), Worker(kafka)), HookOwner(kafka)
    kafka.wish("disabled")
    for worker in workers:
        worker.look_at_hooks(ENDLESS)
    workers[0].become_owner()
    for what, which, resume, part in steps:
        worker = workers[which]
        if what in ("take", "hold"):
            # By the owner rather than by who only takes himself for it.
            by = kafka.owner if part == "all" and kafka.owner else worker
            for _ in range(1 + which):
                by.take(hold=what == "hold")
        elif what in ("enable", "disable", "disable and enable", "again"):
            kafka.change(what, resume)
        elif what == "freeze":
            # Once more: it goes on. A part alone lags behind the others.
            worker.frozen ^= {"hooks", "states", "writes"} if part == "all" else {part}
        elif what == "send":
            hook_owner.send()
            hook_owner.forget()
        else:
            worker.do(what)
        for one in workers:
            await one.go_on()
    kafka.wish("disabled")
    kafka.wish("active", "all")
    await finish(kafka, workers, hook_owner)
    delivered = workers[0].delivered | workers[1].delivered
    for offset in range(kafka.committed):
        passed = [worker.passed[offset] for worker in workers if offset in worker.passed]
        decisions = {kafka.decision_after(seen) for seen in passed}
        assert offset in delivered | hook_owner.sent or "skip" in decisions, (offset, passed, decisions)


async def finish(kafka: Kafka, workers: tuple[Worker, Worker], hook_owner: HookOwner) -> None:
    """Let everything under way end."""
    for _ in range(4):
        for worker in workers:
            worker.frozen.clear()
            worker.now += UNDECIDED + 1
            worker.end()
            await worker.go_on()
        hook_owner.send()
        while hook_owner.late:
            hook_owner.forget()
    for worker in workers:
        for task in (*worker.passing.values(), worker.ending):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


@settings(max_examples=300, deadline=None)
@given(STEPS)
@example([("take", 0, "all", "all"), ("move", 1, None, "all"), ("take", 1, None, "all")])  # the previous owner wakes up
@example(  # disabled again before anybody has looked: the second record is up to the second decision
    [
        ("take", 0, None, "all"),
        ("enable", 0, "skip", "all"),
        ("disable", 0, None, "hooks"),
        ("take", 0, None, "all"),
        ("end", 0, None, "all"),
    ]
)
def test_what_was_passed_over_is_sent_whoever_ends_it_and_however_late(steps) -> None:
    asyncio.run(run(steps))
