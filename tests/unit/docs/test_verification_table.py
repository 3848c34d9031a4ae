"""The table of docs/sentry.md: which bodies verify in which way; each cell is tried."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import subprocess
import time
from collections.abc import Callable

import pytest
from standardwebhooks import Webhook
from support.node import NODE
from support.snippets import ROOT

from streamhooks.delivery.links import Links
from streamhooks.delivery.payloads import app_hook_body, service_hook_body, standard_headers
from streamhooks.delivery.signing import legacy_signature
from streamhooks.records.event import Event
from streamhooks.records.exact_json import loads
from streamhooks.records.secret import generate_secret

SECRET = generate_secret()
ROWS = {
    "ASCII texts, `null`, `true`, integers up to 2^53": (
        r'{"a":"/ <>&\u0027 \" \\ \n","b":[null,true,9007199254740991]}'
    ),
    "a name that comes twice": '{"a":1,"a":2}',
    "`0.1`, `1.5`, `0.30000000000000004`": "[0.1,1.5,0.30000000000000004]",
    "texts beyond ASCII": '["grüße 日本語 😀","\\u2028"]',
    "half a surrogate pair": r'["x\ud83d"]',
    "`1.0`, `1795746417.0`": "[1.0,1795746417.0]",
    "`1e-05`, `1e+16`": "[1e-05,1e+16]",
    "`0.00001`, `1e-7`": "[0.00001,1e-7]",
    "`1.10`, `1E5`": "[1.10,1E5]",
    "integers beyond 2^53": "[9007199254740993]",
    "integers beyond 2^64": "[18446744073709551617]",
    "names that are integers, out of order": '{"b":1,"10":2,"9":3}',
}
WAYS = (
    "the bytes, Python",
    "the bytes, Node",
    '`json.dumps(…, separators=(",", ":"))`, Python',
    "`JSON.stringify(…)`, Node",
    "`json.dumps(…)`, Python",
)
_NODE = """
const { createHmac } = require("node:crypto");
const given = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const hmac = (bytes, secret) => createHmac("sha256", secret).update(bytes).digest("hex");
console.log(JSON.stringify(given.map(({ body, secret, signature }) => {
  const bytes = Buffer.from(body, "base64");
  return [bytes, JSON.stringify(JSON.parse(bytes))].map((what) => hmac(what, secret) === signature);
})));
"""


def bodies(data: str) -> list[bytes]:
    event = Event.from_fields(
        {
            "event_id": "a" * 32,
            "type": "error",
            "datetime": "2026-11-22T10:00:00Z",
            "organization": {"id": "1", "slug": "acme"},
            "project": {"id": "7", "slug": "shop", "name": "Shop"},
            "group": {"id": "5", "title": "KeyError"},
            "data": {"of": loads(data)},
        }
    )
    change = app_hook_body("created", "b" * 32, {"issue": {"of": loads(data)}}, None)
    return [service_hook_body(event, Links("https://hooks.example")), change]


def verifies(written: bytes, signature: str) -> bool:
    return hmac.new(SECRET.encode(), written, hashlib.sha256).hexdigest() == signature


def verifies_as_written(body: bytes, signature: str) -> bool:
    headers = standard_headers([SECRET], "msg_1", int(time.time()), body)
    Webhook(SECRET).verify(body, headers)
    return verifies(body, signature)


PYTHON: dict[str, Callable[[bytes, str], bool]] = {
    WAYS[0]: verifies_as_written,
    WAYS[2]: lambda body, signature: verifies(json.dumps(json.loads(body), separators=(",", ":")).encode(), signature),
    WAYS[4]: lambda body, signature: verifies(json.dumps(json.loads(body)).encode(), signature),
}


def documented() -> dict[str, dict[str, bool]]:
    """Return what the page says, by body and way."""
    page = (ROOT / "docs" / "sentry.md").read_text()
    rows = [re.split(r"\s*\|\s*", line.strip("| ")) for line in page.splitlines() if line.startswith("|")]
    first = next(number for number, row in enumerate(rows) if row[0] == "body")
    assert tuple(rows[first][1:]) == WAYS
    return {
        row[0]: dict(zip(WAYS, [cell == "yes" for cell in row[1:]], strict=True))
        for row in rows[first + 2 :][: len(ROWS)]
    }


def test_each_body_is_in_the_table() -> None:
    assert list(documented()) == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_python_verifies_as_the_table_says(row: str) -> None:
    for body in bodies(ROWS[row]):
        signature = legacy_signature(SECRET, body)
        assert {way: verify(body, signature) for way, verify in PYTHON.items()} == {
            way: said for way, said in documented()[row].items() if way in PYTHON
        }


def test_node_verifies_as_the_table_says() -> None:
    asked = [(row, body) for row, data in ROWS.items() for body in bodies(data)]
    given = [
        {"body": base64.b64encode(body).decode(), "secret": SECRET, "signature": legacy_signature(SECRET, body)}
        for _, body in asked
    ]
    done = subprocess.run(
        [NODE, "-e", _NODE], input=json.dumps(given), capture_output=True, text=True, timeout=60, check=True
    )
    table = documented()
    for (row, _), (as_written, again) in zip(asked, json.loads(done.stdout), strict=True):
        assert (row, as_written, again) == (row, table[row][WAYS[1]], table[row][WAYS[3]])
