"""Formats data folders for Kafka from what its own tool wrote once, as the tool takes a JVM of its own."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
from pathlib import Path

CLUSTER = "streamhooks-embedded-A"  # 16 bytes in base64, as Kafka requires

# The feature levels of a version of Kafka, the same for each broker.
_FEATURES = Path("__cluster_metadata-0") / f"{0:020}-{0:010}.checkpoint"


def is_formatted(data: Path) -> bool:
    """Tell whether a data folder was formatted before."""
    return _identity(data).exists()


def keep(data: Path, kept: Path) -> None:
    """Keep what Kafka's tool wrote into a data folder, for `format_from`."""
    _copy(data / _FEATURES, kept)


def format_from(kept: Path, data: Path, broker: str) -> None:
    """Format the data folder of a broker, as Kafka's tool does it."""
    _copy(kept, data / _FEATURES)
    # Another one for each folder: Kafka tells by it whether a replica has moved. The zeros keep it from starting with
    # a dash, as Kafka requires.
    directory = base64.urlsafe_b64encode(b"\0" + secrets.token_bytes(15)).decode().rstrip("=")
    lines = {"cluster.id": CLUSTER, "directory.id": directory, "node.id": broker, "version": "1"}
    # Last, as it says that all is there.
    _identity(data).write_text("".join(f"{name}={text}\n" for name, text in lines.items()))


def _identity(data: Path) -> Path:
    return data / "meta.properties"


def _copy(source: Path, target: Path) -> None:
    """Copy a file as a whole: others may copy it at the same time, or read it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.copyfile(source, partial)
    partial.replace(target)
