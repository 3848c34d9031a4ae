"""What README.md shows is what happens, as far as no Kafka is needed; tests/integration/test_docs.py runs the rest."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from support.snippets import ROOT, snippets

from streamhooks.delivery.links import Links
from streamhooks.delivery.payloads import service_hook_body
from streamhooks.dev.ports import free_port
from streamhooks.records.event import Event
from streamhooks.records.formats import decode
from streamhooks.records.schemas import load
from streamhooks.settings import Settings, unknown_settings

README = ROOT / "README.md"
BLOCKS = {
    one.mark: one.text for language in ("json", "python", "ini") for one in snippets(README, language) if one.mark
}


def test_the_event_has_what_it_needs_and_data() -> None:
    event = json.loads(BLOCKS["event.json"])
    needed = {field["name"] for field in load().newest["Event"]["fields"] if "default" not in field}
    assert event.keys() == needed | {"data"}
    assert decode(Event, BLOCKS["event.json"].encode()).project["id"] == "7"


def test_the_request_is_that_of_the_event_and_the_hook() -> None:
    text = README.read_text()
    secret = re.search(r'"secret":"(whsec_[^"]+)"', text)
    request = re.search(r"```\nPOST /hook\n(.*?)\n\n(\{.*\})\n```", text, re.DOTALL)
    assert secret
    assert request
    headers = dict(re.findall(r"([\w-]+): (\S+)", request[1]))
    body = request[2].encode()
    assert body == service_hook_body(decode(Event, BLOCKS["event.json"].encode()), Links("http://127.0.0.1:6066"))
    mac = hmac.new(secret[1].encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-servicehook-signature"] == mac
    sent = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert headers["webhook-signature"] == Webhook(secret[1]).sign(headers["webhook-id"], sent, request[2])


def test_the_settings_are_settings(tmp_path: Path) -> None:
    names = re.findall(r"^([A-Z_]+)=", BLOCKS[".env"], re.MULTILINE)
    assert unknown_settings(names) == []
    (tmp_path / ".env").write_text(BLOCKS[".env"])
    assert Settings(_env_file=tmp_path / ".env").bootstrap_servers == "127.0.0.1:9092"


def test_the_program_says_when_kafka_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "event.json").write_text(BLOCKS["event.json"])
    monkeypatch.chdir(tmp_path)
    program = BLOCKS["produce.py"].replace("127.0.0.1:9092", f"127.0.0.1:{free_port()}").replace("10_000", "500")
    with pytest.raises(SystemExit, match=r"not written: .*timed out"):
        exec(program, {})


def test_the_first_screen_says_what_is_written_and_shows_the_page() -> None:
    first = README.read_text().partition("\n## ")[0]
    assert len(first.splitlines()) < 50
    for topic in ("events", "alerts", "resource-changes"):
        assert f"`streamhooks.{topic}`" in first
    (picture,) = re.findall(r"!\[.+?\]\((.+?)\)", first)
    assert (ROOT / picture).stat().st_size < 150_000
