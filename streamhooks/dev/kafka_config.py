"""The settings of the embedded Kafka: small, quick to start, quick to compact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

JVM_FLAGS = (
    "-Xms64m",
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
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    # After a kill, the controller waits for the end of the old session (9 s by default).
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # A group doesn't wait for more members to join, and tests may declare a worker dead early.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # The active segment is never compacted, so it has to roll.
    "log.roll.ms": str(5 * 60 * 1000),
    "log.cleaner.backoff.ms": "500",
    "log.cleaner.min.cleanable.ratio": "0.01",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
}

_INTERNAL = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")

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


@dataclass(frozen=True)
class Door:
    """Another listener of a broker, for clients that reach it through a proxy.

    name -- letters and digits. port -- the port of the listener. advertised -- the port of the proxy, which the broker
    names as its own to clients of this listener.
    """

    name: str
    port: int
    advertised: int


def properties(
    number: int, data: Path, port: int, controllers: Sequence[int], doors: Sequence[Door] = ()
) -> dict[str, str]:
    """Return `server.properties` of one broker; its number counts from 1.

    data -- the folder of its logs. controllers -- the ports of all controllers; each broker is also one.
    """
    broker, controller = f"127.0.0.1:{port}", f"127.0.0.1:{controllers[number - 1]}"
    listening = [f"PLAINTEXT://{broker}", *(f"{door.name}://127.0.0.1:{door.port}" for door in doors)]
    advertised = [f"PLAINTEXT://{broker}", *(f"{door.name}://127.0.0.1:{door.advertised}" for door in doors)]
    names = ["PLAINTEXT", "CONTROLLER", *(door.name for door in doors)]
    return {
        "process.roles": "broker,controller",
        "node.id": str(number),
        "controller.quorum.voters": ",".join(f"{one}@127.0.0.1:{at}" for one, at in enumerate(controllers, 1)),
        "listeners": ",".join([*listening, f"CONTROLLER://{controller}"]),
        "advertised.listeners": ",".join(advertised),
        **({"listener.security.protocol.map": ",".join(f"{one}:PLAINTEXT" for one in names)} if doors else {}),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(data),
        **_SMALL,
        **_replicas(len(controllers)),
    }


def _replicas(brokers: int) -> dict[str, str]:
    """Return settings as in production: three replicas, two of which confirm a record; fewer with fewer brokers."""
    replicas, in_sync = str(min(3, brokers)), str(2 if brokers > 2 else 1)
    return {
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        **{f"{topic}.replication.factor": replicas for topic in _INTERNAL},
        **{f"{topic}.min.isr": in_sync for topic in _INTERNAL[1:]},
    }


def write_config(folder: Path, known: Mapping[str, str]) -> None:
    """Write `server.properties` with these properties, and `log4j2.xml`, into a folder."""
    (folder / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in known.items()))
    (folder / "log4j2.xml").write_text(_LOG4J)
