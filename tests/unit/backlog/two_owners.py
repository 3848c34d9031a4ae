"""Two owners of a partition and the home of a hook, with the topics that they write."""

from __future__ import annotations

import asyncio

from streamhooks.backlog.passing import PassedOver
from streamhooks.backlog.stretches import Backlog, Stretches
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.records.hook import Hook
from streamhooks.records.stretch import Stretch

HOOK = Hook(id="a" * 32, organization_id="1", url="https://example.com/", events=(), secret="x" * 16)
TP = ("e", 0)
ENDLESS = 10**6


class Kafka:
    """The logs, what was committed, and whose the partition is."""

    def __init__(self) -> None:
        self.hooks: list[Record] = []
        self.states: list[Record] = []
        self.committed = 0
        self.assignments = 0
        self.owner: Worker | None = None
        self.wish("active")

    def table(self) -> HooksTable:
        """The hooks as somebody knows them who has read all."""
        table = HooksTable("hooks", "states")
        table.apply(self.hooks)
        return table

    def wish(self, status: str, resume: str | None = None, *, by_hand: bool = False) -> None:
        """Write the hook, as the API does it, or somebody who leaves out what the API keeps."""
        at = 1000.0 + len(self.hooks)
        fields = {**HOOK.to_fields(), "status": status}
        known = self.table().get(HOOK.id)
        if known is not None and not by_hand:
            fields |= {"enabled_at": known.enabled_at, "resume": known.resume, "resumed_at": known.resumed_at}
        if status == "active" and not by_hand:
            fields |= {"enabled_at": at, "resume": resume, "resumed_at": at}
        value = Hook.from_fields(fields).to_json()
        self.hooks.append(Record("hooks", 0, len(self.hooks), int(at * 1000), HOOK.id.encode(), value))

    def change(self, what: str, resume: str | None) -> None:
        if what.startswith("disable"):
            self.wish("disabled")
        if what.endswith("enable"):
            self.wish("active", None if resume == "by hand" else resume, by_hand=resume == "by hand")
        if what == "again":
            # Who says again what is wished already has decided nothing.
            self.wish(self.table().status(HOOK.id).status, by_hand=True)

    def decision_after(self, seen: int) -> str:
        """What is decided first after the first `seen` records of `hooks` about what is passed over then."""
        table = HooksTable("hooks", "states")
        before = "disabled"
        for number, record in enumerate(self.hooks):
            table.apply([record])
            hook = table.get(HOOK.id)
            assert hook is not None
            if number >= seen and (before, hook.status) == ("disabled", "active"):
                return hook.resume or "all"
            before = hook.status
        return "all"


class Worker:
    """What a worker knows, has taken up and writes."""

    def __init__(self, kafka: Kafka) -> None:
        self.kafka = kafka
        self.now = 0.0
        self.hooks = HooksTable("hooks", "states")
        self.stretches = Stretches()
        self.read_hooks = self.read_states = 0
        self.writes: list[tuple[Stretch, bytes | None, asyncio.Future[int]]] = []
        self.waiting: list[tuple[int, asyncio.Future[None]]] = []
        self.assignment: int | None = None
        self.next = 0
        self.settled: set[int] = set()
        self.held: list[int] = []
        self.passing: dict[int, asyncio.Task[None]] = {}
        self.delivered: set[int] = set()
        #: what it passed over, with how much it had read of `hooks`
        self.passed: dict[int, int] = {}
        self.ending: asyncio.Task[None] | None = None
        self.frozen: set[str] = set()
        self.missed = PassedOver(
            Backlog(
                self.stretches,
                lambda stretch: self.write(stretch, stretch.to_json()),
                lambda stretch: self.write(stretch, None),
                lambda _stretch, _removed: asyncio.sleep(0),
            ),
            self.hooks,
            self,
            self,
            clock=lambda: self.now,
            steady_clock=lambda: self.now,
        )

    def holds_lease(self) -> bool:
        return self.kafka.owner is self

    def topic_id(self, _tp: TP) -> str:
        return ""

    # --- what it writes and reads

    async def write(self, stretch: Stretch, value: bytes | None) -> None:
        loop = asyncio.get_running_loop()
        confirmed: asyncio.Future[int] = loop.create_future()
        self.writes.append((stretch, value, confirmed))
        offset = await confirmed
        applied: asyncio.Future[None] = loop.create_future()
        self.waiting.append((offset, applied))
        self.tell_applied()
        await applied

    def confirm(self) -> None:
        """The oldest of its writes comes into the log."""
        if self.writes:
            stretch, value, confirmed = self.writes.pop(0)
            states = self.kafka.states
            states.append(Record("states", 0, len(states), 0, stretch.key.encode(), value))
            confirmed.set_result(len(states) - 1)

    def read(self, count: int = 1) -> None:
        states = self.kafka.states[self.read_states : self.read_states + count]
        self.read_states += len(states)
        assert self.stretches.apply(states) == []
        self.tell_applied()

    def tell_applied(self) -> None:
        for offset, applied in self.waiting:
            if offset < self.read_states and not applied.done():
                applied.set_result(None)

    def look_at_hooks(self, count: int = 1) -> None:
        hooks = self.kafka.hooks[self.read_hooks : self.read_hooks + count]
        self.read_hooks += len(hooks)
        self.hooks.apply(hooks)

    # --- its partition

    def reached(self, _tp: tuple[str, int]) -> int | None:
        return None if self.assignment is None else self.next

    def number(self, _tp: tuple[str, int]) -> int | None:
        return self.assignment

    def become_owner(self) -> None:
        kafka = self.kafka
        kafka.owner = self
        kafka.assignments += 1
        self.assignment, self.next = kafka.assignments, kafka.committed
        self.settled, self.held, self.passing = set(), [], {}

    def take(self, *, hold: bool) -> None:
        """Take up the next record, now or, as if its resource came late, later on."""
        if self.assignment is not None:
            self.held.append(self.next)
            self.next += 1
            if not hold:
                self.look_at_record(-1)

    def look_at_record(self, place: int) -> None:
        if self.held:
            offset = self.held.pop(place)
            if self.hooks.is_active(HOOK.id):
                self.delivered.add(offset)
                self.settled.add(offset)
            elif (hook := self.hooks.get(HOOK.id)) is not None:
                self.passed.pop(offset, None)
                seen = self.read_hooks
                keeping = self.missed.pass_over(hook, f"e:0:{offset}")
                self.passing[offset] = asyncio.ensure_future(self.keep(offset, seen, keeping))

    async def keep(self, offset: int, seen: int, keeping) -> None:
        assignment = self.assignment
        await keeping
        if self.assignment == assignment:
            self.settled.add(offset)
            self.passed[offset] = seen

    def commit(self) -> None:
        """The group refuses it from whoever is not the owner."""
        if self.kafka.owner is self:
            while self.kafka.committed in self.settled:
                self.kafka.committed += 1

    def do(self, what: str) -> None:
        match what:
            case "look":
                self.look_at_record(0)
            case "end":
                self.end()
            case "move":
                self.become_owner()
            case "notice" if self.kafka.owner is not self:
                self.assignment = None
            case "write":
                self.confirm()

    async def go_on(self) -> None:
        """Do what takes no decision, as far as nothing is frozen."""
        for _ in range(2):
            if "hooks" not in self.frozen:
                self.look_at_hooks(ENDLESS)
            while self.writes and "writes" not in self.frozen:
                self.confirm()
                await settle()
            if "states" not in self.frozen:
                self.read(ENDLESS)
            await settle()
            self.commit()

    def end(self) -> None:
        if self.ending is None or self.ending.done():
            self.ending = asyncio.ensure_future(self.missed.end())


class HookOwner:
    """Sends what has an end, and forgets it some time after."""

    def __init__(self, kafka: Kafka) -> None:
        self.kafka = kafka
        self.sent: set[int] = set()
        self.late: list[Record] = []

    def send(self) -> None:
        stretches = Stretches()
        stretches.apply(self.kafka.states)
        for stretch in stretches:
            if stretch.resume == "all" and stretch.end is not None:
                self.sent.update(range(stretch.next, stretch.end))
                self.late.append(Record("states", 0, 0, 0, stretch.key.encode(), None))

    def forget(self) -> None:
        if self.late:
            self.kafka.states.append(self.late.pop(0))


async def settle() -> None:
    for _ in range(8):
        await asyncio.sleep(0)
