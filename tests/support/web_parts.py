"""A worker's parts without Kafka: what is published is applied at once, the tables are the real ones."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faust
from aiohttp.test_utils import TestClient, TestServer

from streamhooks.delayed.pending import Pending
from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.delivery.links import Links
from streamhooks.dev.ports import free_port
from streamhooks.faust_patches.app import App, Consuming
from streamhooks.hooks.table import HooksTable
from streamhooks.hooks.writer import HookWriter
from streamhooks.kafka.publisher import Published
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.call import DelayedCall
from streamhooks.records.hook_state import HookState
from streamhooks.records.sealing import Keys
from streamhooks.sources.calls import again
from streamhooks.sources.sending import MessageSender
from streamhooks.sources.topics import Sources
from streamhooks.tasks.call import Call
from streamhooks.tasks.endings import Limits
from streamhooks.web.register import application_options, register
from streamhooks.webhooks.sample_bodies import sample_body
from support.looks import FakeHistory

NOW = 1_700_000_000.0
TOKEN = "a-good-token"
HOOK = "f" * 32


def path_of(call) -> str:
    """The path of a call with ids of what there is not."""
    return call.path.format(hook_id=HOOK, webhook_id="c", replay_id="r", letter="0:0", name="main.js", call_id="c")


@dataclass
class FakeSettings:
    api_token: str | None = None
    api_tokens: tuple[tuple[str, str], ...] = ()
    advertised_host: str = "127.0.0.1"
    advertised_url: str = "http://127.0.0.1:6066"
    cluster_keys: tuple[str, ...] = ()
    cluster_skew: float = 30.0
    web_tls_ca: Path | None = None
    secret_overlap: float = 3600.0
    request_timeout: float = 5.0
    hook_max_in_flight: int = 50
    max_body: int = 1_000_000


@dataclass
class FakeParts:
    """`mine` are the owned partitions; `owner` is the address of the owner of the others."""

    settings: FakeSettings = field(default_factory=FakeSettings)
    topics: Topics = field(default_factory=lambda: Topics("t."))
    addresses: AddressPolicy = field(default_factory=AddressPolicy)
    now: float = NOW
    keys: Keys = field(default_factory=Keys)
    partitions: int = 4
    mine: set[tuple[str, int]] | None = None
    owner: str | None = None
    whole: bool = True
    reasons: list[str] = field(default_factory=list)
    cells: dict[tuple[str, int, int], tuple[int, int, int]] = field(default_factory=dict)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    tested: list[tuple[str, bytes | None]] = field(default_factory=list)
    retried: list[tuple[int, str]] = field(default_factory=list)
    dropped: list[tuple[int, str]] = field(default_factory=list)
    published: list[tuple[str, str, bytes | None]] = field(default_factory=list)
    confirms: bool = True
    failure: Exception | None = None
    limits: Limits = field(default_factory=lambda: Limits(300.0, None))
    failure_of_publish: Exception | None = None
    headers_of: dict[int, Any] = field(default_factory=dict)
    call: Call | None = None
    registry: Any = None

    def __post_init__(self) -> None:
        self.sources = Sources(self.topics)
        self.hooks = HooksTable(self.topics.hooks, self.topics.hook_states, self.keys)
        self.pending = Pending(self.clock)
        self.history = FakeHistory()
        self.message_sender = MessageSender(self, self.topics.messages)
        self.outbox = self.scheduler = self
        self.position: dict[tuple[str, int], int] = {}
        self._writer: tuple[HooksTable, HookWriter] | None = None

    @property
    def hook_writer(self) -> HookWriter:
        """The real one, of the table that there is now."""
        if self._writer is None or self._writer[0] is not self.hooks:
            self._writer = (
                self.hooks,
                HookWriter(
                    self,
                    self.topics,
                    self.hooks,
                    self,
                    self.keys,
                    is_owner=lambda hook_id: (
                        self.whole and self.is_mine(self.topics.delayed, self.partition_of(hook_id))
                    ),
                    places=lambda _: [(self.topics.hooks, 0), (self.topics.hook_states, 0)],
                    ends=self.ends,
                ),
            )
        return self._writer[1]

    def clock(self) -> float:
        return self.now

    def partition_of(self, hook_id: str) -> int:
        return int(hook_id[:8], 16) % self.partitions

    def is_mine(self, topic: str, partition: int) -> bool:
        return self.mine is None or (topic, partition) in self.mine

    def is_whole(self, topic: str, partition: int) -> bool:
        return self.whole

    def owner_of(self, topic: str, partition: int) -> str | None:
        return self.owner

    async def read_arguments(self, call: Call) -> bool:
        if self.failure:
            raise self.failure
        return call.kept_at is None

    async def oldest_undelivered(self) -> float | None:
        return None

    @property
    def looks(self) -> FakeHistory:
        return self.history

    replays = dead_letters = looks

    def workers(self) -> list[str]:
        return ["http://127.0.0.1:6066"]

    def not_ready(self) -> list[str]:
        return self.reasons

    def count(self, hook_id: str, rollup: int, starts: list[int]) -> list[tuple[int, int, int]]:
        return [self.cells.get((hook_id, rollup, start), (0, 0, 0)) for start in starts]

    def latest_requests(self, hook_id: str) -> list[dict[str, Any]]:
        return self.attempts

    async def learn(self, value: bytes | None) -> None:
        if self.registry is not None:
            self.registry.learn(value)

    def call_again(self, hook, record, cause, id_of):
        if self.failure:
            raise self.failure
        return self.call and again(self.call, cause, id_of)

    async def refresh_gauges(self) -> None:
        pass

    async def send_test(self, hook, event, body) -> dict[str, Any]:
        if self.failure:
            raise self.failure
        self.tested.append((event, body))
        return {
            "event": event, "webhook_id": "msg_1", "outcome": "delivered", "status": 200, "error": None,
            "duration_ms": 3, "url": hook.url, "request_headers": [], "request": "{}",
            "response_headers": [{"name": "A", "value": "b"}], "response": "ok",
        }  # fmt: skip

    def sample_body(self, hook, event) -> bytes:
        return sample_body(hook, event, Links("http://base"), self.now)

    # --- as outbox and reader

    async def ends(self, tps) -> dict[tuple[str, int], int]:
        if self.failure:
            raise self.failure
        return {tp: self.position.get(tp, 0) for tp in tps}

    def is_ready(self, partition: tuple[str, int]) -> bool:
        return True

    async def publish(self, topic: str, value: bytes | None, *, key: str, headers=(), partition=0) -> Published:
        if failure := self.failure or self.failure_of_publish:
            raise failure
        offset = len(self.published)
        self.published.append((topic, key, value))
        self.headers_of[offset] = headers
        await asyncio.sleep(0)
        if self.confirms and topic in (self.topics.hooks, self.topics.hook_states):
            broken = self.hooks.apply([Record(topic, 0, offset, 0, key.encode(), value, tuple(headers))])
            assert not broken
            self.position[topic, 0] = offset + 1
        return Published(topic, 0, offset)

    def offer(self, topic: str, value: bytes | None, *, key: str, headers=()) -> asyncio.Future[Published]:
        return asyncio.ensure_future(self.publish(topic, value, key=key, headers=headers))

    async def wait_applied(self, topic: str, partition: int, offset: int) -> None:
        if not self.confirms and self.position.get((topic, partition), 0) <= offset:
            await asyncio.Event().wait()

    # --- as scheduler

    def retry_now(self, partition: int, call_id: str) -> bool:
        self.retried.append((partition, call_id))
        return True

    async def drop(self, partition: int, call_id: str) -> bool:
        entry = self.pending.get(partition, call_id)
        if entry is None or entry.state == "running":
            return False
        self.dropped.append((partition, call_id))
        return True

    # --- to arrange

    def find(self, hook_id: str, **findings: Any) -> None:
        """What the system found about a hook."""
        state = HookState(hook_id, **findings)
        self.hooks.apply([Record(self.topics.hook_states, 0, 0, 0, hook_id.encode(), state.to_json())])

    def wait_task(self, call_id: str, task: str = "shop.t", due: int = 5000, partition: int = 0, **fields: Any) -> None:
        """Put a pending call of a task."""
        call = DelayedCall(call_id, task, 2, due, 1000, "retry", **{"args": ["secret args"]} | fields)
        self.pending.apply(Record("t.delayed", partition, 0, 0, call_id.encode(), call.to_json()))

    def wait_call(self, hook_id: str, call_id: str, due: int = 5000, **fields: Any) -> None:
        """Put a pending call."""
        call = DelayedCall(call_id, "a.task", 2, due, 1000, "retry", ["secret args"], hook_id=hook_id, **fields)
        record = Record("t.delayed", self.partition_of(hook_id), 0, 0, call_id.encode(), call.to_json())
        self.pending.apply(record)


@asynccontextmanager
async def serving(parts: FakeParts):
    """A client of a real Faust app's web server with the views of these parts."""
    app = faust.App("a-test", **app_conf(parts))
    register(app, lambda: parts)
    app.web.init_server()
    async with TestClient(TestServer(app.web.web_app)) as client:
        yield client


@asynccontextmanager
async def listening(parts: FakeParts, ssl_context: ssl.SSLContext | None = None):
    """The port of a worker's own server on loopback, as it is in a worker."""
    fetching: Any = None  # nothing is fetched here
    app = App(
        "a-test",
        Consuming(fetching, fetching, fetching, 1),
        grace=0,
        **app_conf(parts),
        web_ssl_context=ssl_context,
    )
    register(app, lambda: parts)
    app.web.init_server()
    app.conf.web_bind, app.conf.web_port = "127.0.0.1", free_port()
    await app.web.start_server()
    try:
        yield app.conf.web_port
    finally:
        await app.web.stop_server()


def app_conf(parts: FakeParts) -> dict[str, Any]:
    return {
        "broker": "kafka://127.0.0.1:1",
        "store": "memory://",
        "autodiscover": False,
        "debug": True,  # with it, Faust would serve all of its own views
        "web_application_options": application_options(parts.settings, parts.clock),
    }


def new_hook(**fields: Any) -> dict[str, Any]:
    """The body of a POST that is right."""
    return {"organization_id": "1", "url": "https://example.com/in", "events": ["event.created"], **fields}


async def created(client: TestClient, **fields: Any) -> dict[str, Any]:
    """Make a hook."""
    answer = await client.post("/api/hooks", json=new_hook(**fields))
    assert answer.status == 201, await answer.text()
    return await answer.json()
