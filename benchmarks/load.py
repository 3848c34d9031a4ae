"""Events at a rate, from a process of its own; of the first two seconds no latencies are taken."""

from __future__ import annotations

import argparse
import time

import orjson

from benchmarks import sample
from benchmarks.topics import Writer

_TICK = 0.002
#: what librdkafka and, since Kafka 4.0, the Java client take by themselves; it counts into the latencies
_LINGER_MS = 5
#: connections and caches are warm after so many seconds
WARM_UP = 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("brokers")
    parser.add_argument("topic")
    parser.add_argument("rate", type=float, help="events a second")
    parser.add_argument("seconds", type=float, help="beyond the warm-up")
    parser.add_argument("projects", type=int, help="how many; they are named 0, 1, 2, …")
    parser.add_argument("--every", type=int, default=0, help="so many-th event is for the project `apart`")
    options = parser.parse_args()
    writer = Writer(options.brokers, linger_ms=_LINGER_MS)
    count, sent = round(options.rate * (WARM_UP + options.seconds)), 0
    start = time.monotonic()
    while sent < count:
        due = min(count, int((time.monotonic() - start) * options.rate) + 1)
        for number in range(sent, due):
            apart = options.every and number % options.every == 0
            project = "apart" if apart else str(number % options.projects)
            # Late events keep the time at which they should have been sent: nothing is hidden by a slow producer.
            late = time.monotonic() - start - number / options.rate
            event = sample.event(project, time.time() - late, timed=number > options.rate * WARM_UP)
            writer.send(options.topic, project, orjson.dumps(event))
        sent = due
        time.sleep(_TICK)
    writer.flush()


if __name__ == "__main__":
    main()
