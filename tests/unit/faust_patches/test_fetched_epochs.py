from __future__ import annotations

import struct
from types import SimpleNamespace

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streamhooks.faust_patches.fetched_epochs import FetchedEpochs


def batch(base: int, count: int, epoch: int) -> bytes:
    """A batch as a broker sends it, with the offset and epoch set by its leader."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 100_000)
    for number in range(count):
        builder.append(number, 1000, b"k", b"v" * 100, [])
    built = bytearray(builder.build())
    struct.pack_into(">q", built, 0, base)
    struct.pack_into(">i", built, 12, epoch)
    return bytes(built)


def answer(batches: bytes | None, *, partition: int = 0) -> SimpleNamespace:
    return SimpleNamespace(API_KEY=1, topics=[("t", [(partition, 0, 100, 100, 0, [], batches)])])


@pytest.fixture
def epochs() -> FetchedEpochs:
    return FetchedEpochs()


async def fetch(epochs: FetchedEpochs, response: SimpleNamespace) -> None:
    async def send(node: int, request: str, *, group: str) -> SimpleNamespace:
        assert (node, request, group) == (7, "request", "default")
        return response

    assert await epochs.watched(send)(7, "request", group="default") is response


async def test_each_record_has_the_epoch_of_its_batch(epochs) -> None:
    batches = batch(10, 5, 3) + batch(15, 1, 3) + batch(16, 4, 5) + batch(30, 2, 9)
    await fetch(epochs, answer(batches))
    found = [epochs.of("t", 0, offset) for offset in (10, 14, 15, 16, 19, 30, 31)]
    assert found == [3, 3, 3, 5, 5, 9, 9]
    assert [epochs.of("t", 0, 9), epochs.of("t", 1, 10), epochs.of("u", 0, 10)] == [-1, -1, -1]


@pytest.mark.parametrize("cut", [1, 11, 16, 17, 40])
async def test_a_batch_that_is_cut_short_is_read_as_far_as_it_goes(epochs, cut: int) -> None:
    await fetch(epochs, answer(batch(0, 3, 1) + batch(3, 3, 2)[:cut]))
    assert [epochs.of("t", 0, offset) for offset in range(3)] == [1, 1, 1]


async def test_the_next_fetch_replaces_the_previous_one(epochs) -> None:
    await fetch(epochs, answer(batch(0, 9, 4)))
    await fetch(epochs, answer(batch(0, 2, 1), partition=1))
    # The log was cut at 3, and grew again.
    await fetch(epochs, answer(batch(3, 9, 6)))
    assert [epochs.of("t", 0, 3), epochs.of("t", 0, 8), epochs.of("t", 1, 1)] == [6, 6, 1]


async def test_other_responses_are_let_through(epochs) -> None:
    await fetch(epochs, answer(batch(0, 9, 4)))
    await fetch(epochs, answer(None))
    await fetch(epochs, answer(b""))
    await fetch(epochs, SimpleNamespace(API_KEY=3, topics=[("t", [(0, 0, 1, b"no batch" * 9)])]))
    await fetch(epochs, SimpleNamespace())
    assert epochs.of("t", 0, 1) == 4


async def test_an_old_format_names_no_epoch(epochs) -> None:
    old = bytearray(batch(0, 3, 4))
    old[16] = 1
    await fetch(epochs, answer(bytes(old) + batch(3, 1, 7)))
    assert [epochs.of("t", 0, 2), epochs.of("t", 0, 3)] == [-1, 7]
