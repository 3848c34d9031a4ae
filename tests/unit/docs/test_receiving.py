"""docs/receiving.md and docs/sentry.md are run: their code verifies what the sender's code signs."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any, Literal

import pytest
from standardwebhooks import WebhookVerificationError
from support.node import NODE, npm
from support.snippets import ROOT, snippets

from streamhooks.delivery.message_payloads import BODIES
from streamhooks.delivery.payloads import app_hook_headers, service_hook_headers, standard_headers
from streamhooks.records.message import Message
from streamhooks.records.secret import generate_secret
from streamhooks.times import moment

PAGE = ROOT / "docs" / "receiving.md"
OF_SENTRY = ROOT / "docs" / "sentry.md"
BODY = '{"event":{"title":"grüße"}}'.encode()
SECRET = generate_secret()


def signed(secret: str = SECRET, body: bytes = BODY, at: float | None = None) -> dict[str, str]:
    now = int(time.time() if at is None else at)
    return standard_headers((secret, "an old secret of sixteen"), "msg_1", now, body)


@pytest.mark.parametrize("form", ["standard", "data"])
def test_each_body_is_that_of_its_format(form: Literal["standard", "data"]) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| .*?`(\{.*\})` \|$", PAGE.read_text(), re.MULTILINE))
    whole = json.loads(rows["standard"])
    message = Message(whole["type"], "1", whole["data"], timestamp=moment(whole["timestamp"]))
    assert BODIES[form](message).decode() == rows[form]


# --- Python


@pytest.fixture(scope="module")
def python() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for snippet in (*snippets(PAGE, "python"), *snippets(OF_SENTRY, "python")):
        if not snippet.mark:  # the others are for producers
            exec(compile("\n" * (snippet.line - 1) + snippet.text, str(snippet.page), "exec"), names)
    return names


def test_python_verifies(python: dict[str, Any]) -> None:
    assert python["receive"](signed(), BODY, SECRET) == json.loads(BODY)
    for headers, body in ((signed(), BODY + b" "), (signed(generate_secret()), BODY), (signed(at=1), BODY)):
        with pytest.raises(WebhookVerificationError):
            python["receive"](headers, body, SECRET)


def test_python_verifies_the_legacy_headers(python: dict[str, Any]) -> None:
    service = service_hook_headers("a" * 32, SECRET, 0, BODY)["X-ServiceHook-Signature"]
    app = app_hook_headers("issue", SECRET, 0, BODY, "r")["Sentry-Hook-Signature"]
    verify = python["verify_legacy"]
    assert verify(BODY, service, SECRET)
    assert verify(BODY, app, SECRET)
    for signature in ("", "ü", app.upper(), app[:-1] + "x"):
        assert not verify(BODY, signature, SECRET)
    assert not verify(BODY + b" ", app, SECRET)


def test_python_drops_doubles(python: dict[str, Any]) -> None:
    database = sqlite3.connect(":memory:")
    (table,) = snippets(PAGE, "sql")
    database.execute(table.text)
    handled: list[str] = []

    def fail() -> None:
        raise OSError

    with pytest.raises(OSError):
        python["handle_once"](database, "msg_1", fail)
    assert python["handle_once"](database, "msg_1", lambda: handled.append("msg_1"))
    assert not python["handle_once"](database, "msg_1", lambda: handled.append("again"))
    assert handled == ["msg_1"]


# --- Node

_HARNESS = """
import * as page from "./page.mjs";
const given = JSON.parse(process.argv[2]);
const said = [];
for (const { headers, body, secret, signature } of given) {
  const bytes = Buffer.from(body, "base64");
  try {
    said.push(headers ? page.receive(headers, bytes, secret) : page.verifyLegacy(bytes, signature, secret));
  } catch (error) {
    said.push(error.constructor.name);
  }
}
const ids = new Set(), handled = [];
const client = { query: async (_, [id]) => ({ rowCount: ids.has(id) ? 0 : (ids.add(id), 1) }) };
for (const id of ["a", "b", "a"]) said.push(await page.handleOnce(client, id, () => handled.push(id)));
console.log(JSON.stringify([...said, handled]));
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the npm package of the page; skipped where it can't be had."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text("{}")
    if failure := npm("install", "standardwebhooks", cwd=folder):
        pytest.skip(f"the npm package standardwebhooks can't be had: {failure}")
    found = (*snippets(PAGE, "js"), *snippets(OF_SENTRY, "js"))
    (folder / "page.mjs").write_text("\n".join(snippet.text for snippet in found))
    (folder / "harness.mjs").write_text(_HARNESS)
    return folder


def test_node_verifies_and_drops_doubles(node: Path) -> None:

    legacy = service_hook_headers("a" * 32, SECRET, 0, BODY)["X-ServiceHook-Signature"]
    cases = [
        {"headers": signed()},
        {"headers": signed(), "body": BODY + b" "},
        {"headers": signed(generate_secret())},
        {"headers": signed(at=1)},
        {"signature": legacy},
        {"signature": legacy, "body": BODY + b" "},
        {"signature": ""},
    ]
    given = [{**case, "body": base64.b64encode(case.get("body", BODY)).decode(), "secret": SECRET} for case in cases]
    command = [NODE, "harness.mjs", json.dumps(given)]
    done = subprocess.run(command, cwd=node, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    refused = ["WebhookVerificationError"] * 3
    assert json.loads(done.stdout) == [
        json.loads(BODY), *refused, True, False, False, True, True, False, ["a", "b"],
    ]  # fmt: skip
