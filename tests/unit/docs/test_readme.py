"""What README.md shows is what happens, as far as no Kafka is needed; tests/integration/test_docs.py runs the rest."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from support.snippets import ROOT, snippets

from streamhooks.delivery.message_payloads import standard_body
from streamhooks.dev.ports import free_port
from streamhooks.records.formats import decode
from streamhooks.records.message import Message
from streamhooks.settings import Settings, unknown_settings
from streamhooks.times import moment

README = ROOT / "README.md"
BLOCKS = {
    one.mark: one.text for language in ("json", "python", "ini") for one in snippets(README, language) if one.mark
}
ORDER = BLOCKS["order.json"].encode()


def test_the_message_is_read() -> None:
    assert decode(Message, ORDER).data == {"order": 42, "total": 129.5}


def test_the_body_is_that_of_the_message() -> None:
    shown = [one.text.strip() for one in snippets(README, "json") if not one.mark]
    (body,) = [text for text in shown if text.startswith('{"type":')]
    assert standard_body(sent_at(body)).decode() == body


def test_the_request_is_that_of_the_message_and_the_hook() -> None:
    text = README.read_text()
    secret = re.search(r'"secret":"(whsec_[^"]+)"', text)
    request = re.search(r"```\nPOST /hook\n(.*?)\n\n(\{.*\})\n```", text, re.DOTALL)
    assert secret
    assert request
    headers = dict(re.findall(r"([\w-]+): (\S+)", request[1]))
    assert standard_body(sent_at(request[2])).decode() == request[2]
    sent = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert headers["webhook-signature"] == Webhook(secret[1]).sign(headers["webhook-id"], sent, request[2])


def sent_at(body: str) -> Message:
    """Return the message of the page, with the timestamp of its record as a body has it."""
    return replace(decode(Message, ORDER), timestamp=moment(json.loads(body)["timestamp"]))


def test_the_settings_are_settings(tmp_path: Path) -> None:
    names = re.findall(r"^([A-Z_]+)=", BLOCKS[".env"], re.MULTILINE)
    assert unknown_settings(names) == []
    (tmp_path / ".env").write_text(BLOCKS[".env"])
    assert Settings(_env_file=tmp_path / ".env").bootstrap_servers == "127.0.0.1:9092"


def test_the_program_says_when_kafka_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "order.json").write_text(BLOCKS["order.json"])
    monkeypatch.chdir(tmp_path)
    program = BLOCKS["produce.py"].replace("127.0.0.1:9092", f"127.0.0.1:{free_port()}").replace("10_000", "500")
    with pytest.raises(SystemExit, match=r"not written: .*timed out"):
        exec(program, {})


def test_the_first_screen_says_what_is_written_and_shows_the_page() -> None:
    first = README.read_text().partition("\n## ")[0]
    assert len(first.splitlines()) < 50
    assert "`streamhooks.messages`" in first
    (picture,) = re.findall(r"!\[.+?\]\((.+?)\)", first)
    assert (ROOT / picture).stat().st_size < 150_000
