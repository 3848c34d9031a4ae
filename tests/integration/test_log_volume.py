"""What the log says while Kafka, a broker or a topic is away: one line of a kind in ten seconds, not hundreds."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from confluent_kafka.admin import AdminClient
from support import Worker, eventually

from streamhooks.dev.kafka import EmbeddedKafka

BROKERS = 3
LINE = re.compile(r"^\[([^]]+)\] \[\d+\] \[(\w+)\] (.*?)(?: \((\d+) more of these were left out\))?\s*$")


def kinds(log: Path) -> dict[str, list[tuple[datetime, int]]]:
    """When each kind of line was written, and how many were left out before it; names and numbers make no kind."""
    found: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for line in log.read_text().splitlines():
        if (parts := LINE.match(line)) and parts[2] in ("WARNING", "ERROR", "CRITICAL"):
            at = datetime.strptime(parts[1], "%Y-%m-%d %H:%M:%S,%f")
            found[re.sub(r"\d+", "#", parts[3])].append((at, int(parts[4] or 0)))
    return found


def repeated(log: Path, text: str, times: int) -> bool:
    """Whether a line with this text has said so often how many were left out."""
    return any(
        sum(left_out > 0 for _, left_out in lines) >= times for kind, lines in kinds(log).items() if text in kind
    )


def test_one_line_of_a_kind_in_ten_seconds(tmp_path: Path, prefix: str) -> None:
    with EmbeddedKafka.start(brokers=BROKERS) as own:
        worker = Worker(own.brokers, prefix, tmp_path, grace=1, replication=3, partitions=6).start()
        log = worker.log
        try:
            admin = AdminClient({"bootstrap.servers": own.brokers})
            for future in admin.delete_topics([f"{prefix}events"]).values():
                future.result(60)
            eventually(lambda: "not found in cluster metadata" in log.read_text(), 60)
            own.nodes[0].kill()
            eventually(lambda: "Unable connect to node" in log.read_text(), 60)
            own.kill()
            eventually(lambda: repeated(log, "Unable to update metadata", 2), 60)
        finally:
            worker.kill()
    for kind, lines in kinds(log).items():
        for (before, _), (after, _) in pairwise(lines):
            assert (after - before).total_seconds() > 9.9, kind
    assert not [line for line in log.read_text().splitlines() if line.startswith("%")]  # of librdkafka
