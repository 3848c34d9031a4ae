"""The metadata of a commit, whoever wrote it."""

from __future__ import annotations

import pytest

from streamhooks.kafka.commits import ROOM, as_read, from_metadata, to_metadata
from streamhooks.kafka.logs import Reading, log_number


def test_a_commit_is_read_as_it_was_written() -> None:
    reading = Reading(7, "GgO5W2AfSV2KpaJXRumP1Q", 3)
    assert from_metadata(7, to_metadata(reading)) == reading


def test_so_are_the_ranges_settled_above_it() -> None:
    reading = Reading(7, "GgO5W2AfSV2KpaJXRumP1Q", 3, ((8, 12), (100, 5000)))
    assert from_metadata(7, to_metadata(reading)) == reading
    assert len(to_metadata(reading)) < 80


@pytest.mark.parametrize("room", [0, 50, 100, 1000, ROOM])
def test_the_metadata_is_no_larger_than_kafka_accepts(room: int) -> None:
    reading = Reading(7, "GgO5W2AfSV2KpaJXRumP1Q", 3, tuple((n, n + 9) for n in range(10, 100_000, 10)))
    metadata = to_metadata(reading, room)
    assert len(metadata.encode()) <= max(room, 70)
    above = from_metadata(7, metadata).above
    assert above == reading.above[: len(above)]
    assert (len(above) > 0) == (room >= 100)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        "",
        "{}",
        "null",
        "[]",
        "3",
        '"x"',
        "{",
        '{"log": 3, "epoch": "x"}',
        '{"epoch": true}',
        "\0",
        '{"settled": 3}',
        '{"settled": "?"}',
        '{"settled": "AA"}',
        '{"settled": "gA=="}',
        '{"settled": "\u00fc"}',
    ],
)
def test_foreign_metadata_says_nothing(metadata: str | None) -> None:
    assert from_metadata(7, metadata) == Reading(7)


class Found:
    """A commit as confluent-kafka reads it; `behind` is what follows it in memory."""

    def __init__(self, offset: int, metadata: bytes, behind: bytes = b"") -> None:
        self.offset = offset
        self._memory = metadata + behind

    @property
    def metadata(self) -> str:
        return self._memory.decode()


@pytest.mark.parametrize("behind", [b"", b"x", b"}{", b'{"log": "other"}', b" \x01\x7f"])
def test_garbage_after_it_in_memory_is_ignored(behind: bytes) -> None:
    reading = Reading(7, "GgO5W2AfSV2KpaJXRumP1Q", 3, ((8, 12),))
    assert as_read(Found(7, to_metadata(reading).encode(), behind)) == reading
    assert as_read(Found(7, to_metadata(reading).encode(), b"\xcd")) is None
    assert as_read(Found(-1001, b"")) == Reading(0)


def test_keys_of_a_later_version_are_ignored() -> None:
    assert from_metadata(7, '{"log": "A", "epoch": 3, "more": [1]}') == Reading(7, "A", 3)


def test_logs_as_numbers() -> None:
    assert log_number("", 3) == 0
    assert log_number("GgO5W2AfSV2KpaJXRumP1Q", 0) == 0x1A03B95B
    assert len({log_number("GgO5W2AfSV2KpaJXRumP1Q", partition) for partition in range(1000)}) == 1000
