"""Whatever an endpoint answers, however it is split, on fresh and kept connections: the client against real sockets.

Each answer names its request, in its `Retry-After` and in its body; what nobody asked for names none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import uvloop
from endpoints import LOOPBACK
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from support.depth import examples

from streamhooks.delivery import exchanges
from streamhooks.delivery.answers import MAX_INTERIM, MAX_LINE, AnswerReader
from streamhooks.delivery.client import MAX_READ, Answer, HookClient
from streamhooks.delivery.heads import MAX_HEAD

PATIENCE = 0.05

HEADERS = [
    b"A: b",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Content-Length: 3",
    b"Content-Length: 0",
    b"Content-Length: 9",
    b"Content-Length: x",
    b"Content-Length : 3",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity",
    b"X(A): 1",
    b"nonsense",
    b" folded",
    b"A: \0",
    b"A: " + b"x" * MAX_HEAD,
    *([b"A: b\r\n" * 130 + b"A: b"]),
]
STATUS_LINES = [
    *[b"HTTP/1.1 200 OK"] * 4,
    *(b"HTTP/1.1 503 X", b"HTTP/1.1 410 X", b"HTTP/1.1 204", b"HTTP/1.0 200 OK", b"HTTP/1.1 101 X"),
    *(b"HTTP/2 200 OK", b"HTTP/1.1 999 X", b"HTTP/1.1  200 OK", b"hello", b""),
]
# {} is the request.
BODIES = [
    b"Content-Length: 3\r\n\r\n{}",
    b"Content-Length: 3\r\n\r\n{}",
    b"Transfer-Encoding: chunked\r\n\r\n3\r\n{}\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n3;a=b\r\n{}\r\n0\r\nA: b\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    b"\r\n{}",
    b"Content-Length: 5\r\n\r\n{}",
    b"Content-Length: 99999\r\n\r\n{}" + b"x" * 99_996,
    b"",
]
INTERIM = [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 X\r\nA: b\r\n\r\n",
    b"HTTP/1.1 102 X\r\nnonsense\r\n\r\n",
    b"HTTP/1.1 100 X\r\n\r\n" * 20,
    b"\r\n",
]
STRAYS = [
    b"",
    b"",
    b"",
    b"x",
    b"\r\n",
    *(b"HTTP/1.1 %d X\r\nRetry-After: 0\r\nContent-Length: 3\r\n\r\n-00" % s for s in (200, 410)),
]


@dataclass
class Plan:
    """What the endpoint does with one request."""

    answer: bytes
    pieces: list[int]
    stray: bytes
    strays_later: bool
    closes: bool


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    pieces = draw(st.lists(st.integers(1, 60), max_size=6))
    stray, strays_later = draw(st.sampled_from(STRAYS)), draw(st.booleans())
    if draw(st.booleans()):
        # One after which the connection is kept, if nothing comes behind it.
        answer = STATUS_LINES[0] + b"\r\nRetry-After: {}\r\n" + draw(st.sampled_from(BODIES[:4]))
        return Plan(answer, pieces, stray, strays_later, closes=False)
    headers = draw(st.lists(st.sampled_from(HEADERS), max_size=2))
    head = [draw(st.sampled_from(STATUS_LINES)), b"Retry-After: {}", *headers]
    answer = b"".join(draw(st.lists(st.sampled_from(INTERIM), max_size=2)))
    answer += b"\r\n".join(head) + b"\r\n" + draw(st.sampled_from(BODIES))
    if draw(st.integers(0, 5)) == 0:
        # What came behind it would be its end.
        answer, stray = answer[: draw(st.integers(0, len(answer)))].removesuffix(b"{"), b""
    return Plan(answer, pieces, stray, strays_later, closes=draw(st.booleans()))


@dataclass
class Stand:
    """An endpoint that follows plans, and a client."""

    runner: asyncio.Runner
    port: int = 0
    plans: dict[bytes, Plan] = field(default_factory=dict)
    #: of the requests that have come, whether all that is sent for them was
    sent: dict[bytes, asyncio.Event] = field(default_factory=dict)
    returned: dict[bytes, asyncio.Event] = field(default_factory=dict)
    requests: int = 99

    async def start(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # RuntimeError: uvloop, for a connection that was closed.
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, RuntimeError):
            closes = False
            while not closes:
                await reader.readuntil(b"\r\n\r\n")
                name = await reader.readexactly(3)
                plan = self.plans[name]
                closes = plan.closes
                sent = self.sent.setdefault(name, asyncio.Event())
                try:
                    await self._answer(plan, name, writer)
                finally:
                    sent.set()
        writer.close()

    async def _answer(self, plan: Plan, name: bytes, writer: asyncio.StreamWriter) -> None:
        stray = b"" if plan.closes else plan.stray
        data = plan.answer.replace(b"{}", name) + (b"" if plan.strays_later else stray)
        for size in [*plan.pieces, len(data)]:
            writer.write(data[:size])
            data = data[size:]
            # The rest is another packet if the client reads this one first.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        if plan.strays_later:
            await self.returned[name].wait()
            writer.write(stray)

    async def post(self, client: HookClient, plan: Plan) -> tuple[str, Answer]:
        self.requests += 1
        name = b"%03d" % (100 + self.requests % 900)
        self.sent.pop(name, None)
        self.plans[name] = plan
        self.returned[name] = asyncio.Event()
        answer = await client.post(f"http://127.0.0.1:{self.port}/", {}, name, PATIENCE)
        self.returned[name].set()
        if name in self.sent:
            # What comes later could be meant for the next request, for all that anybody can know.
            await self.sent[name].wait()
        return name.decode(), answer

    async def follow(self, wanted: list[Plan]) -> list[tuple[str, Answer]]:
        client = HookClient(LOOPBACK, limit=10, user_agent="x", clock=lambda: 0.0)
        try:
            return [await self.post(client, plan) for plan in wanted]
        finally:
            await client.close()


@pytest.fixture(scope="module", params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        stand = Stand(runner)
        runner.run(stand.start())
        yield stand


class Watched(AnswerReader):
    """Holds the reader against its bounds after each packet."""

    def feed(self, data: bytes) -> None:
        super().feed(data)
        assert self.heads <= MAX_INTERIM + 1
        assert self.kept_bytes <= MAX_READ + MAX_HEAD + MAX_LINE


@examples(50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(plans(), min_size=1, max_size=4))
def test_no_answer_is_taken_for_another(stand: Stand, monkeypatch: pytest.MonkeyPatch, wanted: list[Plan]) -> None:
    monkeypatch.setattr(exchanges, "AnswerReader", Watched)
    for name, answer in stand.runner.run(stand.follow(wanted)):
        if answer.status is None:
            assert answer.kind in ("garbage", "connection", "timeout")
        assert answer.retry_after_values[:1] in ((), (name,), ("",))
        if answer.well_formed:
            assert answer.excerpt[:3] in (name, "")
