"""The topic `orders` and the schema registry of docs/from-your-topics.md, which its readers have; and a reader."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support import create_topic, produce
from support.registry import Registry
from support.snippets import ROOT, snippets

if TYPE_CHECKING:
    from support.browser import Browser

PAGE = ROOT / "docs" / "from-your-topics.md"
#: what the page says of the page that a worker serves
OF_THE_PAGE = PAGE.read_text().partition("\n## The same on the page\n")[2].partition("\n## ")[0]
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


class Stranger:
    """Who does on the page only what a text names: `*label*`, or `**view**`."""

    def __init__(self, browser: Browser, text: str) -> None:
        self._browser = browser
        self.named = set(re.findall(r"\*{1,2}([^*]+)\*{1,2}", re.sub("`[^`]*`", "", text)))
        self.done: set[str] = set()

    def press(self, label: str) -> None:
        self._browser.press(self._named(label))

    def fill(self, label: str, value: str) -> None:
        self._browser.fill(self._named(label), value)

    def _named(self, label: str) -> str:
        assert label in self.named, f"the text does not name {label!r}"
        self.done.add(label)
        return label
