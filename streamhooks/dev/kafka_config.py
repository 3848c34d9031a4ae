"""The settings of the embedded Kafka: one node, small, quick to start, quick to compact."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

JVM_FLAGS = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)

_SMALL = {
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "log.index.size.max.bytes": str(1024 * 1024),
    "auto.create.topics.enable": "false",
    # One broker holds every replica.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # After a kill the controller waits for the end of the old session (9 s by default).
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Nobody waits for others to join, and tests may declare a worker dead early.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # The active segment is never compacted, so it has to roll.
    "log.roll.ms": str(5 * 60 * 1000),
    "log.cleaner.backoff.ms": "500",
    "log.cleaner.min.cleanable.ratio": "0.01",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
}

_LOG4J = """\
<Configuration status="OFF">
  <Appenders>
    <File name="file" fileName="${sys:streamhooks.log}">
      <PatternLayout pattern="%d %p %c - %m%n"/>
    </File>
  </Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="file"/></Root></Loggers>
</Configuration>
"""


def write_config(folder: Path, port: int, controller_port: int, settings: Mapping[str, str]) -> None:
    """Write `server.properties` and `log4j2.xml` for a node in `folder`; `settings` override what is here."""
    broker, controller = f"127.0.0.1:{port}", f"127.0.0.1:{controller_port}"
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(folder / "data"),
        **_SMALL,
        **settings,
    }
    lines = (f"{name}={value}\n" for name, value in properties.items())
    (folder / "server.properties").write_text("".join(lines))
    (folder / "log4j2.xml").write_text(_LOG4J)
