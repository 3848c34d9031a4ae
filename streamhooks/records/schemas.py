"""The Avro schemas of the records: `schemas/*.avsc`, their previous versions, and their fingerprints.

Why: docs/decisions/0010-fastavro-beside-avro.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import avro.schema
import fastavro
import orjson


@dataclass(frozen=True, slots=True)
class Schemas:
    """All schemas, in the parsed form of fastavro."""

    newest: Mapping[str, Any]
    """The newest schema, by the name of the record, such as `Event`."""
    by_fingerprint: Mapping[bytes, tuple[str, Any]]
    """The name of the record and the schema, by fingerprint; previous versions included."""
    fingerprints: Mapping[str, bytes]
    """The fingerprint of the newest schema, by the name of the record."""


def folder() -> Path:
    """Return the folder of the `.avsc` files: in the installed package, or in a checkout next to it."""
    package = Path(__file__).resolve().parent.parent
    packaged = package / "schemas"
    return packaged if packaged.is_dir() else package.parent / "schemas"


def fingerprint(text: str) -> bytes:
    """Return the CRC-64-AVRO fingerprint of a schema's JSON text: 8 bytes, little-endian."""
    digest: bytes = avro.schema.parse(text).fingerprint("CRC-64-AVRO")
    return digest


@cache
def load() -> Schemas:
    """Read and parse all schemas, once; they are part of the program and don't change while it runs."""
    newest: dict[str, Any] = {}
    by_fingerprint: dict[bytes, tuple[str, Any]] = {}
    fingerprints: dict[str, bytes] = {}
    for path in sorted(folder().glob("former/*.avsc")):
        text = path.read_text("utf-8")
        by_fingerprint[fingerprint(text)] = (path.stem.rpartition("-")[0], _parse(text))
    for path in sorted(folder().glob("*.avsc")):
        text = path.read_text("utf-8")
        newest[path.stem] = _parse(text)
        fingerprints[path.stem] = fingerprint(text)
        # After the previous versions: one that differs only in what a fingerprint leaves out is read as the newest.
        by_fingerprint[fingerprints[path.stem]] = (path.stem, newest[path.stem])
    return Schemas(newest, by_fingerprint, fingerprints)


def _parse(text: str) -> Any:
    return fastavro.parse_schema(orjson.loads(text))
