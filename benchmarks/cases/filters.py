"""`filters`: what a filter costs, 10,000 hooks with filters on one type, and what a hostile filter costs at most.

No Kafka takes part: all of it is what a worker does in its event loop, for one record.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

from benchmarks.options import Options, Say
from benchmarks.processes import memory_bytes
from benchmarks.report import Bars, Result
from streamhooks.filters.bounds import LARGEST_LOOPED, LARGEST_READ, LARGEST_SEARCH
from streamhooks.filters.judging import compiled_filter, subject_of
from streamhooks.records.hook import Hook
from streamhooks.records.message import Message
from streamhooks.webhooks.filtering import let_through

_ORDER = {
    "total": 120.5,
    "currency": "EUR",
    "customer": {"id": "c-1", "country": "DE", "email": "a@example.com"},
    "items": [{"sku": f"A-{number}", "price": number, "count": 1} for number in range(10)],
}
_USUAL = {
    "a number": "message.data.total > 100.0",
    "texts": "message.data.currency == 'EUR' && message.data.customer.country in ['DE', 'AT']",
    "a comprehension": "message.data.items.exists(i, i.sku.startsWith('A') && i.price > 8)",
    "a pattern": "message.data.customer.email.matches('^[^@]+@example[.]com$')",
    "no such key": "message.data.coupon == 'X'",
}
_A = "message.data.a"


def _numbers(size: int) -> dict[str, Any]:
    """Return as many numbers as fit into a JSON of this size."""
    return {"a": [1] * ((size - 40) // 2)}


def _two_letters(size: int) -> dict[str, Any]:
    """Return a text of two letters in no order: a pattern that begins with one may be in any of its states."""
    return {"a": "".join(random.Random(1).choices("ac", k=size - 40))}


#: the most that was found of each kind that the bounds allow
_HOSTILE: dict[str, tuple[str, Any]] = {
    "a list, 30 times": (" || ".join([f"{_A}==[]"] * 30), _numbers(LARGEST_READ // 30)),
    "a list, once": (f"{_A} == []", _numbers(LARGEST_READ)),
    "lists added": ("+".join([_A] * 11) + " == []", _numbers(LARGEST_READ // 11)),
    "a long pattern": (f"{_A}.matches('a{'.' * 938}b')", _two_letters(LARGEST_SEARCH // 940)),
    "a pattern on a long text": (f"{_A}.matches('a{'.' * 62}b')", _two_letters(LARGEST_READ)),
    "a pattern with stars": (f"{_A}.matches('{'(a?b?c?)*' * 7}z')", {"a": "abcabd" * 40_000}),
    "elements": (f"{_A}.all(x, x == 1)", _numbers(LARGEST_LOOPED)),
    "elements in a list": (f"{_A}.all(x, x in [{'2,' * 90}1])", _numbers(LARGEST_LOOPED)),
    "elements multiplied": (f"{_A}.all(x, 1{'*1' * 85} == x)", _numbers(LARGEST_LOOPED)),
    "elements in lists of lists": (f"{_A}.all(x, {'[' * 26}x{']' * 26} != [])", _numbers(LARGEST_LOOPED)),
    "a large element, added": (f"{_A}.all(x, {'+'.join(['x'] * 10)} != [])", {"a": [[1] * 32_700]}),
}


def run(options: Options, say: Say) -> Result:
    """Time filters of each kind, and the record of 10,000 hooks with filters."""
    times = options.choose(5_000, 50)
    rows: list[dict[str, object]] = []
    for name, text in _USUAL.items():
        say(name)
        rows.append(_row(name, _first(text, _ORDER), _again(text, _ORDER, times)))
    for name, (text, data) in _HOSTILE.items():
        say(name)
        rows.append(_row(f"hostile: {name}", _first(text, data), _again(text, data, options.choose(5, 1))))
    worst = max(float(str(row["first, ms"])) for row in rows)
    say("hooks with filters on one type")
    count = options.choose(10_000, 100)
    first, again, memory = _many(count, options.choose(20, 2))
    rows.append(_row(f"{count:,} hooks, each with its own filter", first, again))
    usual = [float(str(row["again, µs"])) for row in rows[: len(_USUAL)]]
    bars = Bars("µs to ask a filter again", list(_USUAL), usual)
    notes = [
        "first: compiles it and converts the message; again: without both, but for the hooks, whose message is another",
        f"the most that a hostile filter took: {worst:.0f} ms; a compiled filter takes {memory / count / 1000:.1f} KB",
    ]
    return Result("filters", "filters: one process, no Kafka", rows, notes, bars=[bars])


def _row(measure: str, first: float, again: float) -> dict[str, object]:
    return {"measure": measure, "first, ms": first * 1e3, "again, µs": again * 1e6}


def _first(text: str, data: Any) -> float:
    """Return the seconds of a message and a filter that nobody saw before."""
    compiled_filter(text)
    return _taken(lambda: subject_of(Message("order.paid", "1", data)).judge(f"{text} "))


def _again(text: str, data: Any, times: int) -> float:
    """Return the seconds of each further look at a message."""
    subject = subject_of(Message("order.paid", "1", data))
    verdict = subject.judge(text)
    if "be compiled" in verdict.why or "more than" in verdict.why:
        raise ValueError(f"{text[:100]}: {verdict.why}")

    def judge() -> None:
        for _ in range(times):
            subject.judge(text)

    return _taken(judge) / times


def _many(count: int, records: int) -> tuple[float, float, float]:
    """Return the seconds of the first record and of each further one of as many hooks, and the memory in bytes."""
    base = {"organization_id": "1", "url": "http://a", "events": ["event.created"], "secret": "s" * 16}
    hooks = [
        Hook.from_fields({**base, "id": f"{number:032x}", "filter": f"message.data.total > {number}.0"})
        for number in range(count)
    ]
    message = Message("order.paid", "1", _ORDER)

    def judge() -> None:
        found = sum(1 for _ in let_through(hooks, message, lambda _hook: True))
        if found != min(count, 121):
            raise ValueError(f"{found} hooks get the message")

    before = memory_bytes([os.getpid()])
    first = _taken(judge)
    memory = memory_bytes([os.getpid()]) - before
    return first, min(_taken(judge) for _ in range(records)), memory


def _taken(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
