"""Trying tokens is slow; who has the right one does not notice."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from support.fakes import Clock
from support.web_parts import TOKEN, FakeParts, FakeSettings, serving

from streamhooks.errors import Busy
from streamhooks.web.http import wrong_tokens
from streamhooks.web.http.wrong_tokens import DELAYED_AT_ONCE, FREE, REMEMBERED, WINDOW, WrongTokens


class Slept:
    """In place of `asyncio.sleep`."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await self.go_on.wait()


async def test_the_eleventh_is_slow() -> None:
    slept, clock = Slept(), Clock(1000.0)
    wrong = WrongTokens(clock, slept)
    for _ in range(FREE + 3):
        await wrong.slow_down("10.0.0.1")
    assert slept.seconds == [wrong_tokens.DELAY] * 3
    await wrong.slow_down("10.0.0.2")
    assert len(slept.seconds) == 3
    clock.now += WINDOW
    await wrong.slow_down("10.0.0.1")
    assert len(slept.seconds) == 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("", "10.0.0.1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
async def test_who_counts_as_one(one: str, other: str, same: bool) -> None:
    slept = Slept()
    wrong = WrongTokens(Clock(1000.0), slept)
    for _ in range(FREE):
        await wrong.slow_down(one)
    await wrong.slow_down(other)
    assert len(slept.seconds) == same


async def test_few_answers_are_held_back() -> None:
    slept = Slept()
    wrong = WrongTokens(Clock(1000.0), slept)
    for _ in range(FREE):
        await wrong.slow_down("10.0.0.1")
    slept.go_on.clear()
    held = [asyncio.create_task(wrong.slow_down("10.0.0.1")) for _ in range(DELAYED_AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await wrong.slow_down("10.0.0.1")
    slept.go_on.set()
    await asyncio.gather(*held)
    await wrong.slow_down("10.0.0.1")


async def test_few_addresses_are_remembered() -> None:
    wrong = WrongTokens(Clock(1000.0), Slept())
    for number in range(REMEMBERED + 10):
        await wrong.slow_down(f"10.0.{number // 250}.{number % 250}")
    assert len(wrong._counts) == REMEMBERED


async def test_right_ones_are_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_tokens, "DELAY", 3600.0)
    monkeypatch.setattr(wrong_tokens, "DELAYED_AT_ONCE", 1)
    monkeypatch.setattr(web.BaseRequest, "remote", "10.0.0.1")
    async with serving(FakeParts(settings=FakeSettings(TOKEN))) as client:
        for _ in range(FREE):
            assert (await client.get("/api/hooks", headers={"Authorization": "Bearer wrong"})).status == 401
        both = [
            asyncio.create_task(client.get("/api/hooks", headers={"Authorization": "Bearer wrong"})) for _ in range(2)
        ]
        (first,), (slow,) = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        answer = first.result()
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "1"
        assert (await client.get("/api/hooks", headers={"Authorization": f"Bearer {TOKEN}"})).status == 200
        # Without any token nothing is tried.
        assert (await client.get("/api/hooks")).status == 401
        assert not slow.done()
        slow.cancel()
