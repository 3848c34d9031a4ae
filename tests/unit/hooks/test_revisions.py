"""Records of `hooks` by two owners and GitOps, in any order, read live and after compaction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamhooks.hooks.revisions import Revisions
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.records.hook import REVISION_HEADER, Hook

HOOK = "a" * 32
FIRST = Hook.from_fields(
    {
        "id": HOOK,
        "organization_id": "1",
        "url": "https://example.com/",
        "events": ["event.created"],
        "secret": "a secret of sixteen",
        "version": 0,
    }
)
KEY = HOOK.encode()


def hook(number: int, revision: int | None = None) -> Hook:
    """A hook that is told apart by its `max_in_flight`."""
    return replace(FIRST, max_in_flight=number, revision=revision)


class Log:
    """The topic `hooks`."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.end = 0

    def put(self, one: Hook | None, revision: int | None = None) -> Record:
        headers = () if one or revision is None else ((REVISION_HEADER, str(revision).encode()),)
        value = replace(one, revision=revision).to_json() if one else None
        self.records.append(Record("hooks", 0, self.end, 0, KEY, value, headers))
        self.end += 1
        return self.records[-1]

    def compact(self, keep: int = 1) -> None:
        """Let Kafka remove all but the last `keep` records, where only the last is sure to stay."""
        self.records = self.records[-keep:]


def table() -> HooksTable:
    return HooksTable("hooks", "states")


def read(log: Log, one: HooksTable | None = None) -> HooksTable:
    one = one or table()
    assert one.apply(list(log.records)) == []
    return one


def number(one: HooksTable) -> int | None:
    known = one.get(HOOK)
    return None if known is None else known.max_in_flight


@dataclass
class HookOwner:
    """A worker that takes itself for the owner of the hook; `at` is how far it has read."""

    log: Log
    table: HooksTable = field(default_factory=table)
    at: int = 0

    def read(self) -> None:
        """Read to the end."""
        assert self.table.apply([record for record in self.log.records if record.offset >= self.at]) == []
        self.at = self.log.end

    def change(self, number: int | None) -> bool | None:
        """Write from what is known here; return whether the caller may be told that it holds, None without a hook."""
        known = self.table.get(HOOK)
        if known is None:
            return None
        revision = self.table.revisions.of(HOOK) + 1
        record = self.log.put(None if number is None else hook(number), revision)
        self.read()
        return not self.table.revisions.was_rejected(record.offset)

    def heal(self) -> None:
        """Read to the end and write what holds, if it must be."""
        self.read()
        while HOOK in self.table.revisions.to_heal:
            self.log.put(self.table.get(HOOK), self.table.revisions.of(HOOK) + 1)
            self.read()


def test_a_paused_owner_that_wakes_up_undoes_nothing_and_the_log_is_healed() -> None:
    log = Log()
    log.put(hook(1), 1)
    old, new = HookOwner(log), HookOwner(log)
    old.read()
    new.read()
    assert new.change(2)
    assert old.change(3) is False
    assert number(old.table) == number(read(log)) == 2
    log.compact()
    assert number(read(log)) == 3  # which nobody may be told of
    new.heal()
    old.read()
    assert number(old.table) == number(new.table) == number(read(log)) == 2
    assert old.table.revisions.to_heal == new.table.revisions.to_heal == set()


@pytest.mark.parametrize("revision", [None, 3])
def test_a_deleted_hook_does_not_come_back(revision: int | None) -> None:
    log = Log()
    log.put(hook(1), 1)
    old = HookOwner(log)
    old.read()
    log.put(hook(2), 2)
    log.put(None, revision)
    new = HookOwner(log)
    new.read()
    assert old.change(3) is False
    new.heal()
    log.compact(2)
    assert number(old.table) is number(new.table) is number(read(log)) is None
    log.put(hook(9))
    assert number(read(log)) == 9


def test_what_a_gitops_wrote_wins_over_what_was_made_before() -> None:
    log = Log()
    log.put(hook(1), 1)
    owner = HookOwner(log)
    owner.read()
    log.put(hook(5))
    assert owner.change(2) is False
    assert number(owner.table) == number(read(log)) == 5
    owner.heal()
    assert owner.change(3)
    assert number(owner.table) == number(read(log)) == 3


def test_a_log_of_copies_has_revisions_above_its_offsets() -> None:
    log = Log()
    log.put(hook(1), 500)
    owner = HookOwner(log)
    owner.read()
    log.put(hook(2))
    owner.heal()
    assert number(owner.table) == 2
    assert owner.change(3)
    for keep in (1, 2, 3, 4):
        log.compact(keep)
        assert number(read(log)) == 3


def test_what_is_read_again_changes_nothing() -> None:
    log = Log()
    for revision in (1, 2, None, 4):
        log.put(hook(revision or 3), revision)
    log.put(hook(9), 3)
    one = read(log)
    for start in range(len(log.records)):
        one.apply(log.records[start:])
        assert (number(one), one.revisions.of(HOOK)) == (4, 4)


def test_in_another_log_all_begins_anew() -> None:
    former, log = Log(), Log()
    for number_ in range(1, 9):
        former.put(hook(number_), number_)
    one = read(former)
    log.put(hook(20), 1)
    one.revisions.begin_anew()
    read(log, one)
    assert number(one) == number(read(log)) == 20
    one.apply([Record("hooks", 0, -1, 0, KEY, None)])
    assert number(one) is None
    log.put(hook(21), 1)
    assert number(read(log, table())) == 20


def test_who_can_not_read_a_record_agrees_on_the_revision() -> None:
    log = Log()
    log.put(hook(1), 1)
    one = read(log)
    log.records.append(Record("hooks", 0, 1, 0, KEY, b"{"))
    broken = one.apply(log.records)
    assert [record.offset for record, _ in broken] == [1]
    assert (number(one), one.revisions.of(HOOK)) == (1, 2)


def test_as_many_deleted_hooks_are_remembered() -> None:
    one = Revisions(remembered=2)
    for offset, hook_id in enumerate("abc"):
        assert one.take(hook_id, Record("hooks", 0, offset, 0, hook_id.encode(), None), None)
    assert [one.is_gone(hook_id) for hook_id in "abc"] == [False, True, True]


class Story:
    """Two owners that read when the steps say so, like paused ones; and a reader that is never late."""

    def __init__(self, first: int) -> None:
        self.log = Log()
        self.log.put(hook(1001), first or None)
        self.owners = (HookOwner(self.log), HookOwner(self.log))
        self.live = HookOwner(self.log)
        for owner in (*self.owners, self.live):
            owner.read()
        self.holds: int | None = 1001
        """The last that was told to hold, or that a GitOps wrote."""
        self.wished_at = 0
        """The offset of that."""

    def change(self, which: int, value: int | None) -> None:
        owner = self.owners[which]
        had_read = owner.at
        if owner.change(value):
            assert self.wished_at < had_read, "it was made from a state before what holds"
            self.holds, self.wished_at = value, self.log.end - 1

    def read(self, which: int, _: int | None) -> None:
        self.owners[which].read()

    def heal(self, which: int, _: int | None) -> None:
        self.owners[which].heal()

    def gitops(self, _: int, value: int | None) -> None:
        self.log.put(None if value is None else hook(value))
        self.holds, self.wished_at = value, self.log.end - 1

    def compact(self, _: int, keep: int | None) -> None:
        # Kafka waits longer than an owner needs to heal: it does not compact the newest segment.
        self.live.heal()
        self.log.compact(keep or 1)


values = st.integers(1, 1000)
STEPS = st.lists(
    st.tuples(st.just("change"), st.sampled_from((0, 1)), st.none() | values)
    | st.tuples(st.sampled_from(("read", "heal")), st.sampled_from((0, 1)), st.none())
    | st.tuples(st.just("gitops"), st.just(0), st.none() | values)
    | st.tuples(st.just("compact"), st.just(0), st.integers(1, 4)),
    max_size=24,
)


@settings(deadline=None, max_examples=400)
@given(STEPS, st.integers(0, 1) | st.just(700), st.booleans())
def test_in_any_order_all_readers_come_to_what_was_told(steps: list, first: int, heals_at_once: bool) -> None:
    story = Story(first)
    for name, which, value in steps:
        getattr(story, name)(which, value)
        story.live.read()
        assert number(story.live.table) == story.holds
        if heals_at_once:
            story.live.heal()
    everyone = (story.live, *story.owners)
    for one in everyone:
        one.heal()
    for one in everyone:
        one.read()
        assert number(one.table) == story.holds
        assert one.table.revisions.to_heal == set()
    for keep in range(len(story.log.records), 0, -1):
        story.log.compact(keep)
        assert number(read(story.log)) == story.holds
    fresh = HookOwner(story.log)
    fresh.read()
    if story.holds is not None:
        assert fresh.change(77)
        story.live.read()
        assert number(story.live.table) == number(read(story.log)) == 77
