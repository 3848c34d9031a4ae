"""Sample traffic: realistic messages, events, alerts and resource changes, and a producer that writes them at a rate.

Each record depends only on its seed, number and time, so traffic can be reproduced.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from confluent_kafka import Producer

ORGANIZATION = {"id": "1", "slug": "acme"}
PROJECTS = (
    {"id": "11", "slug": "shop", "name": "Shop"},
    {"id": "12", "slug": "payments", "name": "Payments"},
    {"id": "13", "slug": "mobile-app", "name": "Mobile App"},
)
APP_ID = "pager"
# The weight of each kind: most records are messages.
KINDS = {"messages": 6, "events": 2, "alerts": 1, "resource-changes": 1}

# The types of messages and their weights.
_TYPES = {"order.paid": 4, "order.shipped": 3, "order.cancelled": 1, "user.created": 1, "user.updated": 1}
_COUNTRIES = ("DE", "AT", "FR", "US")
_ERRORS = (
    ("TypeError", "'NoneType' object is not subscriptable", "shop.cart.total"),
    ("KeyError", "'currency'", "payments.charge.create"),
    ("ConnectionResetError", "[Errno 104] Connection reset by peer", "payments.gateway.send"),
    ("TimeoutError", "checkout took longer than 3000 ms", "shop.checkout.submit"),
    ("ValueError", "invalid literal for int() with base 10: 'º'", "mobile_app.sync.parse"),
)
_ACTIONS = {
    "Group": ("created", "resolved", "unresolved", "assigned", "ignored", "archived"),
    "Error": ("created",),
    "Comment": ("created", "updated", "deleted"),
}
_PEOPLE = (("21", "Ada"), ("22", "Grace"), ("23", "Bjørn"))


@dataclass(frozen=True)
class Record:
    """A record of the sample traffic: its topic without the prefix, its key, and its value for JSON."""

    topic: str
    key: str
    value: dict[str, Any]


def message(seed: int, number: int, at: float, size: int = 0) -> dict[str, Any]:
    """Return a Message (docs/reference/records.md) of an order or a user, as a shop writes it.

    at -- when it happened, epoch seconds. size -- the characters that `data` is padded by.
    """
    draw = _draw("message", seed, number)
    kind = draw.choices(tuple(_TYPES), tuple(_TYPES.values()))[0]
    person = {"id": str(draw.randint(1, 50_000)), "country": draw.choice(_COUNTRIES)}
    data: dict[str, Any]
    if kind.startswith("order."):
        total = round(draw.uniform(5, 250), 2)
        data = {"order": draw.randint(10_000, 99_999), "total": total, "currency": "EUR", "customer": person}
    else:
        data = {"user": person, "plan": draw.choice(("free", "team", "business"))}
    if size:
        data["padding"] = "x" * size
    return {
        "type": kind,
        "organization_id": ORGANIZATION["id"],
        "project_id": draw.choice(PROJECTS)["id"],
        "id": f"{draw.getrandbits(64):016x}",
        "timestamp": at,
        "data": data,
    }


def event(seed: int, number: int, at: float, size: int = 0) -> dict[str, Any]:
    """Return an Event (docs/reference/records.md) that happened `at` (epoch seconds), padded by `size` characters."""
    draw = _draw("event", seed, number)
    kind, text, culprit = draw.choice(_ERRORS)
    data: dict[str, Any] = {
        "title": f"{kind}: {text}",
        "culprit": culprit,
        "level": draw.choice(("error", "error", "warning", "fatal")),
        "platform": "python",
        "release": f"2026.{draw.randint(1, 12)}.{draw.randint(0, 9)}",
        "tags": [["environment", "production"], ["server_name", f"web-{draw.randint(1, 8)}"]],
        "user": {"id": str(draw.randint(1, 50_000)), "ip_address": f"192.0.2.{draw.randint(1, 254)}"},
        "exception": {"values": [{"type": kind, "value": text, "module": culprit.rpartition(".")[0]}]},
    }
    if size:
        data["extra"] = {"padding": "x" * size}
    return {
        "event_id": f"{draw.getrandbits(128):032x}",
        "type": "error",
        "datetime": at,
        "organization": ORGANIZATION,
        "project": draw.choice(PROJECTS),
        "group": {"id": str(draw.randint(1000, 1999)), "title": f"{kind}: {text}", "culprit": culprit},
        "data": data,
    }


def alert(seed: int, number: int, at: float, size: int = 0) -> dict[str, Any]:
    """Return an Alert (docs/reference/records.md): two of three for an app, half of those with an extra payload."""
    draw = _draw("alert", seed, number)
    app = draw.choice((None, APP_ID, APP_ID))
    payload = {"id": draw.randint(1, 99), "settings": [{"name": "channel", "value": "#on-call"}]}
    with_payload = app is not None and draw.random() < 0.5
    return {
        "event": event(seed, number, at, size),
        "rule": draw.choice(("High error rate", "New issue in production", "Checkout is failing")),
        "app_id": app,
        "additional_payload_key": "issue_alert" if with_payload else None,
        "additional_payload": payload if with_payload else None,
    }


def resource_change(seed: int, number: int, at: float, size: int = 0) -> dict[str, Any]:
    """Return a ResourceChange (docs/reference/records.md) that happened `at` (epoch seconds)."""
    draw = _draw("resource-change", seed, number)
    sender = draw.choice(tuple(_ACTIONS))
    identifier = str(draw.randint(1000, 1999))
    person, name = draw.choice(_PEOPLE)
    kind, text, _culprit = draw.choice(_ERRORS)
    instance: dict[str, Any] = {"id": identifier, "title": f"{kind}: {text}", "changed": at}
    if size:
        instance["padding"] = "x" * size
    return {
        "action": draw.choice(_ACTIONS[sender]),
        "sender": sender,
        "instance_id": identifier,
        "organization": ORGANIZATION,
        "project_id": draw.choice((*(project["id"] for project in PROJECTS), None)),
        "instance": instance,
        "actor": draw.choice((None, {"type": "user", "id": person, "name": name})),
    }


def record(seed: int, number: int, at: float, size: int = 0) -> Record:
    """Return record number `number` of a mix of all kinds, with the key of docs/reference/topics.md."""
    topic = _draw("kind", seed, number).choices(tuple(KINDS), tuple(KINDS.values()))[0]
    if topic == "messages":
        value = message(seed, number, at, size)
        return Record(topic, value["project_id"], value)
    if topic == "events":
        value = event(seed, number, at, size)
        return Record(topic, value["project"]["id"], value)
    if topic == "alerts":
        value = alert(seed, number, at, size)
        return Record(topic, value["event"]["project"]["id"], value)
    value = resource_change(seed, number, at, size)
    return Record(topic, f"{value['sender']}:{value['instance_id']}", value)


def _draw(kind: str, seed: int, number: int) -> random.Random:
    return random.Random(f"{kind}:{seed}:{number}")


def produce(
    brokers: str,
    prefix: str,
    rate: float,
    count: int | None = None,
    *,
    seed: int = 0,
    size: int = 0,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.time,
) -> int:
    """Write `rate` sample records per second, `count` in all or until `stop` is set; return how many Kafka confirmed.

    The topics must exist. This blocks: next to an event loop, run it in a thread.
    """
    confirmed = 0

    def on_delivery(error: object, _message: object) -> None:
        nonlocal confirmed
        confirmed += error is None

    # Java's partitioner, as docs/reference/topics.md requires: the key decides the owner.
    producer = Producer({"bootstrap.servers": brokers, "partitioner": "murmur2_random", "linger.ms": 5})
    stop = stop or threading.Event()
    for number in _paced(rate, count, stop, producer.poll):
        _write(producer, prefix, record(seed, number, clock(), size), on_delivery, stop)
    producer.flush(30)
    return confirmed


def _write(
    producer: Producer,
    prefix: str,
    one: Record,
    on_delivery: Callable[[object, object], None],
    stop: threading.Event,
) -> None:
    while not stop.is_set():
        try:
            producer.produce(prefix + one.topic, orjson.dumps(one.value), one.key, on_delivery=on_delivery)
        except BufferError:  # the broker is too slow or gone
            producer.poll(0.1)
        else:
            return


def _paced(rate: float, count: int | None, stop: threading.Event, idle: Callable[[float], object]) -> Iterator[int]:
    """Yield the numbers from 0, each when it is due; late ones at once, so that the rate holds over time."""
    started, number = time.monotonic(), 0
    while not stop.is_set() and (count is None or number < count):
        due = min(int((time.monotonic() - started) * rate) + 1, count if count is not None else sys.maxsize)
        if number >= due:
            idle(0)
            stop.wait(min(1 / rate, 0.01))
        while number < due and not stop.is_set():
            yield number
            number += 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Write sample traffic until Ctrl-C, or until COUNT records are written."""
    parser = argparse.ArgumentParser(prog="python -m streamhooks.dev.traffic", description=main.__doc__)
    parser.add_argument("--brokers", default="127.0.0.1:9092")
    parser.add_argument("--prefix", default="streamhooks.")
    parser.add_argument("--rate", type=float, default=10.0, help="records per second")
    parser.add_argument("--count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        confirmed = produce(options.brokers, options.prefix, options.rate, options.count, seed=options.seed)
    except KeyboardInterrupt:
        return
    sys.stdout.write(f"{confirmed} records confirmed\n")


if __name__ == "__main__":
    main()
