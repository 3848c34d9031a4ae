"""Events at a fixed rate, from a process of its own; latencies of the first two seconds are not measured."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import orjson

from benchmarks import sample
from benchmarks.topics import Writer

_TICK = 0.002
#: the default of librdkafka and, since Kafka 4.0, of the Java client; it is part of the latencies
_LINGER_MS = 5
#: connections and caches are warm after this many seconds
WARM_UP = 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("brokers")
    parser.add_argument("topic")
    parser.add_argument("rate", type=float, help="events per second")
    parser.add_argument("seconds", type=float, help="after the warm-up")
    parser.add_argument("projects", type=Path, help="a JSON file with the ids of the projects, which take turns")
    parser.add_argument("--every", type=int, default=0, help="every n-th event is for the project `apart`; 0 for none")
    options = parser.parse_args()
    projects = orjson.loads(options.projects.read_bytes())
    writer = Writer(options.brokers, linger_ms=_LINGER_MS)
    count, sent = round(options.rate * (WARM_UP + options.seconds)), 0
    start = time.monotonic()
    while sent < count:
        due = min(count, int((time.monotonic() - start) * options.rate) + 1)
        for number in range(sent, due):
            apart = options.every and number % options.every == 0
            project = "apart" if apart else projects[number % len(projects)]
            # Late events keep their scheduled time, so that a slow producer hides no latency.
            late = time.monotonic() - start - number / options.rate
            event = sample.event(project, time.time() - late, timed=number > options.rate * WARM_UP)
            writer.send(options.topic, project, orjson.dumps(event))
        sent = due
        time.sleep(_TICK)
    writer.flush()


if __name__ == "__main__":
    main()
