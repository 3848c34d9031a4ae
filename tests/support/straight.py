"""Deliveries that go straight, over an HTTP client that is faked both ways."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from streamhooks.delivery.client import Answer
from streamhooks.tasks.call import Call
from streamhooks.webhooks.deliver import Preparing, Soon, deliverer
from streamhooks.webhooks.rendering import Payload
from streamhooks.webhooks.tasks import DeliveryTask
from support.fakes import Owner
from support.runs import HOOK, NOW, World

TASK = "streamhooks.t"
DELIVERED = Answer(200, None, "answered", (), "", 7)


@dataclass
class Exchange:
    """A request that was written."""

    headers: dict[str, str]
    body: bytes
    ended: Any
    is_abandoned: bool = False

    def abandon(self) -> None:
        self.is_abandoned = True


@dataclass
class Endpoint:
    """What both ways of the HTTP client do here; the one that waits gets `answer`."""

    answer: Answer = DELIVERED
    is_idle: bool = True
    exchanges: list[Exchange] = field(default_factory=list)
    posted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def post_soon(self, url, headers, body, timeout, organization, ended):
        assert (url, timeout, organization) == (HOOK.url, 9.0, HOOK.organization_id)
        if not self.is_idle:
            return None
        self.exchanges.append(Exchange(headers, body, ended))
        return self.exchanges[-1]

    async def post(self, _url, headers, body, _timeout, _organization):
        self.posted.append((headers, body))
        return self.answer


class Straight(World):
    def __init__(self, *, body: bytes = b"body", **rest) -> None:
        self.endpoint = Endpoint()
        bounds = {"timeout": 9.0, "max_body": 100}
        self.send = deliverer(self.endpoint.post, clock=lambda: NOW, **bounds)
        super().__init__(soon=Soon(Preparing(lambda: NOW, **bounds), self.endpoint.post_soon), **rest)
        self.body, self.restraints._wall = body, lambda: NOW
        self.tasks[TASK] = DeliveryTask(TASK, None, 300.0, 5, render=self.render)

    def render(self, _rendering, _hook, *_args):
        return Payload(self.body, lambda *_: {"Content-Type": "text/plain"})

    async def deliver(self, *args, **options):
        return await self.send(*args, **options)

    def begin(self, **fields) -> tuple[Owner, Exchange]:
        """Start a call straight."""
        owner = Owner()
        assert self.deliveries.straight.start(call(**fields), owner)
        return owner, self.endpoint.exchanges[-1]

    @property
    def left(self) -> tuple:
        """Return what deliveries have left behind."""
        outputs = self.outputs
        return self.firings.attempts, outputs.stored, outputs.dead, outputs.settled, outputs.ended, self.told


def call(**fields) -> Call:
    return Call("c1", TASK, 0, 0, ["x"], **{"hook_id": HOOK.id, "source": "e:0:0", "webhook_id": "w1"} | fields)
