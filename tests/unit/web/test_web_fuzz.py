"""Whatever a caller sends: no 5xx but a documented 503, always JSON, nothing secret."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.depth import examples
from support.web_parts import FakeParts, created, serving

from streamhooks.records.hook import CREATABLE
from streamhooks.web.spec.calls import CALLS

texts = st.text(max_size=40) | st.sampled_from(
    ["", "0", "-1", "t.events:0:1", "0:1", "a" * 32, "nan", "1e999", "null", "\x00", "x" * 600, "active", "issue"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
almost_right = {
    "organization_id": st.just("1"),
    "url": st.sampled_from(["https://example.com/", "http://[::ffff:7f00:1]/", "http://127.1", "https://é.example/"]),
    "events": st.lists(st.sampled_from(["event.created", "issue", "a.b", "error.x"]), max_size=3),
    "headers": st.dictionaries(texts, texts, max_size=3),
    "retry_schedule": st.lists(st.floats() | st.integers(), max_size=3),
    "status": st.sampled_from(["active", "disabled"]),
    "version": st.integers(),
    "from": st.sampled_from([0, "2026-11-25T10:00:00Z", "now", 1e400]),
    "to": st.sampled_from([2e9, "1999", None]),
    "topics": st.lists(st.sampled_from(["events", "alerts", "x"]), max_size=2),
    "letters": st.lists(st.sampled_from(["0:1", "x", "1:2:3"]), max_size=2),
    "reason": texts,
    "dry_run": st.booleans(),
}
fields = st.sampled_from([*CREATABLE, "id", "date_created", "previous_secret", "x"])
bodies = (
    st.fixed_dictionaries({}, optional={name: one | values for name, one in almost_right.items()})
    | st.dictionaries(fields, values, max_size=6)
).map(lambda body: json.dumps(body).encode()) | st.binary(max_size=60)
parameters = st.sampled_from(
    [
        "since",
        "until",
        "resolution",
        "outcome",
        "limit",
        "cursor",
        "status",
        "state",
        "sort",
        "q",
        "organization_id",
        "project_id",
        "app_id",
        "source",
        "event_id",
        "hook_id",
        "x",
    ]
)
queries = st.lists(st.tuples(parameters, texts), max_size=4)
texts_of_path = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.mark.parametrize("call", [call for call in CALLS if "/api/" in call.path], ids=lambda call: call.name)
def test_no_call_breaks_a_view(call) -> None:
    documented = {
        call.status,
        *((200,) if call.dry_run else ()),
        *call.problems,
        *(() if call.method == "get" else (413, 415)),
    }

    with asyncio.Runner() as runner:
        parts = FakeParts()
        context = serving(parts)
        client = runner.run(context.__aenter__())
        hook_id = runner.run(created(client, secret="hunter2hunter2hunter2"))["id"]
        parts.wait_call(hook_id, "c1")

        @examples(30)
        @given(bodies, queries, st.just(hook_id) | texts_of_path, st.just("c1") | texts_of_path, st.booleans())
        def send(body: bytes, query, of_hook: str, of_call: str, is_json: bool) -> None:
            ids = {
                "hook_id": of_hook,
                **dict.fromkeys(("replay_id", "webhook_id", "letter", "name", "call_id"), of_call),
            }
            path = call.path.format(**{name: quote(one, safe="") for name, one in ids.items()})
            url = f"{path}?{urlencode(query)}" if query else path
            headers = {"Content-Type": "application/json" if is_json else "text/plain"} if body else {}

            async def ask() -> None:
                async with client.request(call.method, url, data=body or None, headers=headers) as answer:
                    text = await answer.text()
                    # a path of dots is another call
                    assert answer.status in documented or {of_hook, of_call} & {".", ".."}, (answer.status, text)
                    assert "hunter2" not in text
                    if answer.status != 204:
                        json.loads(text)

            if call.method == "delete" and hook_id not in {hook.id for hook in parts.hooks}:
                return
            runner.run(ask())

        try:
            send()
        finally:
            runner.run(context.__aexit__(None, None, None))
