"""A thread waits for messages that come seldom, and the loop looks for those that come one soon after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from queue import Empty, SimpleQueue

import pytest
from support.eventually import eventually

from streamhooks.faust_patches import fetched_messages
from streamhooks.faust_patches.fetched_messages import AT_HAND, FEW, PERMITS, FetchedMessages
from streamhooks.kafka.known_brokers import KnownBrokers


class Client:
    """Has the messages that were sent to it, and counts those that a thread has taken."""

    def __init__(self) -> None:
        self.brokers = KnownBrokers()
        self.polled = 0
        self.defect: Exception | None = None
        self.is_closed = False
        self._messages: SimpleQueue[Message] = SimpleQueue()
        self._offset = 0

    def send(self, count: int = 1, size: int = 1) -> None:
        for _ in range(count):
            self._messages.put(Message(self._offset, size))
            self._offset += 1

    def consume(self, number: int, timeout: float) -> list[Message]:
        assert not timeout
        return [self._messages.get() for _ in range(min(number, self._messages.qsize()))]

    def poll(self, timeout: float) -> Message | None:
        try:
            message = self._messages.get(timeout > 0, timeout)
        except Empty:
            if self.defect is not None:
                raise self.defect from None
            return None
        self.polled += 1
        return message

    def close(self) -> None:
        self.is_closed = True


class Message:
    def __init__(self, offset: int, size: int) -> None:
        self.offset = offset
        self._size = size

    def __len__(self) -> int:
        return self._size


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
async def messages(client: Client) -> AsyncIterator[FetchedMessages]:
    one = FetchedMessages(client)
    yield one
    one.end()


async def taken(messages: FetchedMessages, count: int) -> list[int]:
    """Take so many messages, and those that come with them; return their offsets."""
    found: list[int] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            found += [message.offset for message in await messages.some(0.5)]
    return found


async def begin_to_wait(messages: FetchedMessages) -> asyncio.Task[list[Message]]:
    waiting = asyncio.ensure_future(messages.some(60.0))
    await asyncio.sleep(0)
    return waiting


@pytest.mark.parametrize(("seconds", "polled"), [(0.001, 3), (1.0, 20)])
async def test_a_thread_waits_for_messages_only_if_they_do_not_come_one_soon_after_the_other(
    messages: FetchedMessages, client: Client, monkeypatch: pytest.MonkeyPatch, seconds: float, polled: int
) -> None:
    now = [100.0]
    monkeypatch.setattr(fetched_messages, "steady", lambda: now[0])
    for offset in range(20):
        now[0] += seconds
        client.send()
        if offset == 0:
            messages._permit()  # nobody looks for the first one
        assert await taken(messages, 1) == [offset]
    assert client.polled == polled


async def test_messages_stay_in_order_whoever_waits_for_them(messages: FetchedMessages, client: Client) -> None:
    found, sent = [], 0
    for count in (1, 1, 700, 1, 2, 30, 1, 1, 3, 5, 1, 1200, 1, 1) * 3:
        client.send(count)
        sent += count
        found += await taken(messages, 1)  # the others come beside the next ones
    found += await taken(messages, sent - len(found))
    assert found == list(range(sent))


@pytest.mark.parametrize(("size", "polled"), [(AT_HAND, PERMITS), (1, FEW + 1)])
async def test_a_thread_takes_little_before_it_is_wanted(
    messages: FetchedMessages, client: Client, size: int, polled: int
) -> None:
    (await begin_to_wait(messages)).cancel()
    client.send(30, size)
    async with asyncio.timeout(30):
        while messages._permitted:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.001)
    assert client.polled == polled
    assert await taken(messages, 30) == list(range(30))
    assert client.polled == polled


async def test_what_has_come_is_kept_for_the_next_if_who_waits_is_cancelled(
    messages: FetchedMessages, client: Client
) -> None:
    waiting = await begin_to_wait(messages)
    client.send()
    eventually(lambda: client.polled == 1)  # it comes to the loop at its next turn
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        assert await waiting == []
    assert await taken(messages, 1) == [0]


async def test_who_waits_gets_nothing_of_a_client_that_has_ended(messages: FetchedMessages, client: Client) -> None:
    waiting = await begin_to_wait(messages)
    client.send()
    eventually(lambda: client.polled == 1)
    messages.end()
    async with asyncio.timeout(30):
        assert await waiting == []
        assert await messages.some(0.01) == []
    assert messages.at_hand() == []
    messages.join(30.0)
    assert client.is_closed


async def test_a_client_that_nobody_has_read_is_closed(messages: FetchedMessages, client: Client) -> None:
    messages.end()
    messages.join(30.0)
    assert client.is_closed


async def test_what_a_client_raises_in_the_thread_is_raised(messages: FetchedMessages, client: Client) -> None:
    client.defect = ValueError("a callback failed")
    with pytest.raises(ValueError, match="a callback failed"):
        await taken(messages, 1)
    messages.join(30.0)
    assert client.is_closed
