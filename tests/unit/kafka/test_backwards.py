"""Pages of a topic, newest first: each result once, and reading is bounded."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest

from streamhooks.history import attempts
from streamhooks.history.attempts import Wanted, search
from streamhooks.kafka import backwards
from streamhooks.kafka.backwards import Page, Place, page
from streamhooks.kafka.reader import Record
from streamhooks.settings import Settings
from streamhooks.times import Between

T0 = 1_700_000_000_000


class Topic:
    """Records of two partitions; `first` has the first offsets that retention has left."""

    def __init__(self, *partitions: list[bytes], first: int = 0) -> None:
        self.partitions = partitions
        self.first = first
        self.read_bytes = self.reads = 0

    def record(self, partition: int, offset: int) -> Record:
        value = self.partitions[partition][offset]
        return Record("p.firings", partition, offset, T0 + 1000 * offset + partition, b"k", value)

    def read(self, ranges) -> Iterator[Record]:
        self.reads += 1
        for (_, partition), (start, end) in ranges.items():
            for offset in range(max(start, self.first), end):
                self.read_bytes += len(self.partitions[partition][offset])
                yield self.record(partition, offset)

    @property
    def bounds(self) -> dict[int, tuple[int, int]]:
        return {number: (self.first, len(values)) for number, values in enumerate(self.partitions)}

    def page(self, limit: int, before: dict[int, Place] | None = None, most: int = 100_000) -> Page[str]:
        def look(record: Record) -> list[str]:
            return [f"{record.partition}:{record.offset}:{n}" for n in range(int(record.value or b"0") % 10)]

        return page(self.read, look, "p.firings", self.bounds, before or {}, limit=limit, most=most)


@pytest.mark.parametrize("limit", [1, 2, 7, 100, 10_000])
@pytest.mark.parametrize("most", [1, 3, 100_000])
def test_all_pages_have_each_result_once_and_newest_first(limit: int, most: int) -> None:
    chance = random.Random(limit)
    topic = Topic(*([b"%d" % chance.choice((0, 0, 1, 3)) for _ in range(count)] for count in (40, 0, 13)), first=2)
    found, before = list[str](), {}
    while True:
        one = topic.page(limit, before, most)
        assert len(one.found) <= limit
        found += one.found
        if one.reached is None:
            break
        assert one.reached != before
        before = one.reached
    times = [int(text.split(":")[1]) for text in found]
    assert times == sorted(times, reverse=True)
    held = [(number, offset) for number, count in ((0, 40), (2, 13)) for offset in range(2, count)]
    wanted = [f"{number}:{offset}:{n}" for number, offset in held for n in range(int(topic.partitions[number][offset]))]
    assert sorted(found) == sorted(wanted)


def test_records_added_or_removed_meanwhile_disturb_no_page() -> None:
    topic = Topic([b"3"] * 10)
    first = topic.page(4)
    assert (first.found[-1], first.reached, first.since) == ("0:8:0", {0: Place(9, 1)}, T0 + 8000)
    topic.partitions[0].extend([b"3"] * 5)
    assert topic.page(3, first.reached).found == ["0:8:1", "0:8:2", "0:7:0"]
    topic.first = 9
    assert topic.page(3, {0: Place(9, 1)}) == Page([], None, None)
    assert topic.page(3, {0: Place(99_999, 2), 7: Place(1)}).found == ["0:14:0", "0:14:1", "0:14:2"]


def test_a_page_reads_bounded_bytes_and_the_next_one_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backwards, "READ", 5_000_000)
    large = b"1" + b" " * 400_000
    topic = Topic([large] * 60, [b"0"] * 3000, [large] * 60)
    found, before, pages = 0, {}, 0
    while before is not None:
        topic.read_bytes = 0
        one = topic.page(100, before)
        assert topic.read_bytes < 5_000_000 + 9 * backwards.CHUNK_BYTES
        found, before, pages = found + len(one.found), one.reached, pages + 1
    assert found == 120
    assert pages > 5


def test_an_empty_page_continues_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backwards, "READ", 0)
    topic = Topic([b"1"] * 3000, [b""] * 3000)
    read = topic.read
    topic.read = lambda ranges: (record for record in read(ranges) if record.value)  # holes, as a compacted topic has
    found, before, pages = 0, {}, 0
    while before is not None:
        one = topic.page(100, before)
        found, before, pages = found + len(one.found), one.reached, pages + 1
        assert pages < 200
    assert found == 3000


def test_few_chunks_read_many_small_records() -> None:
    topic = Topic([b"0"] * 20_000, [b"0"] * 20_000)
    assert topic.page(100).reached is None
    assert topic.reads < 60


# --- attempts


def attempt(number: int, **fields: object) -> dict[str, object]:
    return {
        "id": f"msg_{number}", "attempt": 1, "at": T0 + 1000 * number, "outcome": "delivered", "status": 200,
        "source": "p.events:0:1", "duration_ms": 1.5, "event": "event.created", **fields,
    }  # fmt: skip


def firing(hook: str, *found: dict[str, object]) -> bytes:
    return orjson.dumps({"hook_id": hook, "attempts": found})


class Kafka:
    """Offsets of a topic; a record has the timestamp of its first attempt."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic

    def ends(self, tps):
        return {tp: self.topic.bounds[tp[1]] for tp in tps}

    def at(self, tps, milliseconds):
        return {tp: self._first(tp[1], milliseconds) for tp in tps}

    def _first(self, partition: int, milliseconds: int) -> int:
        first, end = self.topic.bounds[partition]
        late = (one for one in range(first, end) if self.topic.record(partition, one).timestamp >= milliseconds)
        return next(late, end)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch):
    topic = Topic([firing("a" * 32, attempt(n)) for n in range(400)])
    topic.partitions[0][300] = firing("b" * 32, attempt(300, event='é."x'), attempt(299, outcome="dead", status=404))
    topic.partitions[0][301] = b"{broken"
    stop = threading.Event()

    @contextmanager
    def scanning(_settings, **_options):
        yield topic.read

    monkeypatch.setattr(attempts, "scanning", scanning)

    def run(limit: int = 500, before: dict[int, Place] | None = None, **wanted: object):
        one = search(Settings(), Kafka(topic), 1, Wanted(**wanted), before or {}, limit, stop=stop)
        return [int(found["id"][4:]) for found in one.found], one.reached

    run.topic, run.stop = topic, stop
    return run


def test_attempts_are_found_by_their_fields(found) -> None:
    everything = [n for n in range(399, -1, -1) if n not in (301,)]
    everything.insert(everything.index(299), 299)
    assert found(500)[0] == everything
    assert found(webhook_id="msg_30") == ([30], None)
    assert found(webhook_id="msg_299", hook_id="b" * 32) == ([299], None)
    assert found(hook_id="b" * 32) == ([300, 299], None)
    assert found(hook_id="c" * 32) == ([], None)
    assert found(status=404) == found(outcome="dead") == ([299], None)
    assert found(status=404, outcome="delivered") == ([], None)
    assert found(event='é."x') == ([300], None)
    assert found(event="\0") == found(webhook_id="\ud800") == ([], None)


def test_a_time_is_found_by_the_index(found) -> None:
    assert found(between=Between(T0 + 10_500, T0 + 13_000)) == ([12, 11], None)
    # The rest of the topic is not read, apart from what may have been written late.
    read = found.topic.read_bytes / len(firing("a" * 32, attempt(1)))
    assert read < 400 * 0.9
    late = attempts.TOLD_WITHIN_MS // 1000 - 10
    found.topic.partitions[0][late] = firing("a" * 32, attempt(11))
    assert found(between=Between(T0 + 10_500, T0 + 13_000)) == ([12, 11, 11], None)


def test_a_search_ends_when_its_caller_has_gone(found) -> None:
    found.stop.set()
    with pytest.raises(TimeoutError):
        found(webhook_id="msg_1")


def test_attempts_of_one_record_are_on_more_than_one_page(found) -> None:
    found.topic.partitions[0][399] = firing("a" * 32, *(attempt(n) for n in range(1000, 1010)))
    some, reached = found(4)
    assert (some, reached) == ([1009, 1008, 1007, 1006], {0: Place(400, 4)})
    assert found(7, reached)[0] == [1005, 1004, 1003, 1002, 1001, 1000, 398]
