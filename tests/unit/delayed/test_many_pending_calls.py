"""What a pending call costs its owner beside its value: there may be a million of them."""

from __future__ import annotations

import tracemalloc

from streamhooks.delayed.pending import Pending
from streamhooks.kafka.reader import Record
from streamhooks.records.call import DelayedCall

#: dicts and lists with so many entries take about the memory per entry that those with a million take
MANY = 15_000


def test_a_pending_call_takes_little_beside_its_value():
    records = []
    for number in range(MANY):
        call_id, created = f"msg_{number:032x}", 1_764_312_583_000 + number
        args = [f"{number % 50:032x}", {"title": "x" * 500}]
        call = DelayedCall(
            *(call_id, "streamhooks.process_service_hook", 2, created + 60_000, created, "retry", args),
            hook_id=f"{number % 50:032x}",
            source=f"events:0:{number}",
            webhook_id=call_id,
        )
        records.append(Record("delayed", 0, number, created, call_id.encode(), call.to_json()))
    pending = Pending()
    tracemalloc.start()
    try:
        for record in records:
            pending.apply(record)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The values were there before.
    assert taken / len(pending) < 500


def test_the_calls_of_a_hook_share_its_id():
    pending = Pending()
    for number in range(2):
        call = DelayedCall(f"msg_{number}", "t", 2, 5, 0, "retry", hook_id="a" * 32)
        pending.apply(Record("delayed", 0, number, 0, call.id.encode(), call.to_json()))
    one, other = pending.of_partition(0)
    assert one.hook_id is other.hook_id
