"""The topic `orders` and the schema registry of docs/from-your-topics.md, which its readers have themselves."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from support import create_topic, produce
from support.registry import Registry
from support.snippets import ROOT, snippets

PAGE = ROOT / "docs" / "from-your-topics.md"
TOPIC = "orders"
_SCHEMA = 1
_ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "order_id", "type": "long"},
        {"name": "customer_id", "type": "long"},
        {"name": "status", "type": "string"},
        {"name": "total", "type": "double"},
        {"name": "placed_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}


class OrdersTopic:
    """Holds the orders that the page shows, in Avro."""

    def __init__(self, brokers: str, folder: Path) -> None:
        self._brokers = brokers
        self.registry = Registry()
        self.registry.others = {_SCHEMA: _ORDER}
        self.file = folder / "sources.yaml"
        (named,) = snippets(PAGE, "yaml")
        self.file.write_text(named.text)
        create_topic(brokers, TOPIC)
        for line in re.findall(r'^\{"order_id".*"placed_at".*\}$', PAGE.read_text(), re.MULTILINE):
            self.write(json.loads(line))

    def write(self, order: dict[str, Any]) -> None:
        value = {**order, "placed_at": datetime.fromisoformat(order["placed_at"])}
        produce(self._brokers, TOPIC, str(order["order_id"]), self.registry.wire(_SCHEMA, value))

    def end(self) -> None:
        self.registry.stop()
