"""The views of dead letters: which are asked for, what is shown, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.web_parts import FakeParts, serving

from streamhooks.dead_letters.listing import Filter, Found
from streamhooks.dead_letters.states import Known
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.hook import Hook
from streamhooks.records.ids import derived_id
from streamhooks.times import Between

PATH = "/api/dead-letters"
HOOK = Hook(id="a" * 32, organization_id="7", url="https://e.test/h", events=(), secret="x" * 16)
LETTER = DeadLetter("msg_1", 5000, "status 404", HOOK.id, {"name": "shop.task", "args": [1]}, attempts=6)


async def test_what_is_shown_of_one() -> None:
    parts = FakeParts()
    known = Known("open", 2, "timeout", 3, None, "timeout")
    parts.history.found = [
        Found(3, 17, 5000, LETTER, "3:17:5000", known, HOOK),
        Found(3, 16, 5000, LETTER, "3:16:5000"),
    ]
    async with serving(parts) as client:
        one, other = (await (await client.get(PATH)).json())["dead_letters"]
        whole = await (await client.get(f"{PATH}/3:17")).json()
    wanted = {
        "letter": "3:17", "state": "open", "reason": "timeout", "redriven": 2, "attempts": 3, "url": HOOK.url,
        "last": {"error": "timeout"},
        "webhook_id": derived_id("msg_1"), "id": "msg_1", "organization_id": "7", "task": "shop.task",
        "hook_id": HOOK.id,
    }  # fmt: skip
    assert one.items() >= wanted.items()
    assert other.items() >= {"state": "open", "reason": "status 404", "redriven": 0, "url": None}.items()
    assert whole["task"]["args"] == [1]


@pytest.mark.parametrize(
    ("letter", "name"),
    [
        (replace(LETTER, webhook_id="msg_0", source="t.events:0:1"), "msg_0"),
        (replace(LETTER, source="t.events:0:1"), "msg_1"),  # of 0.1.0
        (replace(LETTER, hook_id=None), None),
        (DeadLetter("t.events:0:1", 5000, "not JSON", raw=b"{", source="t.events:0:1"), None),
    ],
)
async def test_the_webhook_id_of_one_is_that_which_its_receiver_knows(letter: DeadLetter, name: str | None) -> None:
    parts = FakeParts()
    parts.history.found = [Found(3, 17, 5000, letter, "3:17:5000")]
    async with serving(parts) as client:
        (shown,) = (await (await client.get(PATH)).json())["dead_letters"]
    assert shown["webhook_id"] == name


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", Filter()),
        ("state=all", Filter(state="all")),
        ("state=sent&hook_id=a", Filter("a", state="sent")),
        ("task=t&url=u&organization_id=1&reason=r", Filter(task="t", url="u", organization_id="1", reason="r")),
        ("kind=task", Filter(kind="task")),
        ("since=1&until=2", Filter(between=Between(1000, 2000))),
    ],
)
async def test_which_are_listed(query: str, wanted: Filter) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        assert (await client.get(f"{PATH}?{query}")).status == 200
    assert parts.history.asked == [("letters", wanted, {}, 100)]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"letters": ["3:17", "0:1"]}, [(3, 17), (0, 1)]),
        ({"task": "t", "url": "u"}, Filter(task="t", url="u")),
        ({"kind": "record"}, Filter(kind="record")),
        ({"organization_id": "1", "since": 1}, Filter(organization_id="1", between=Between(1000, None))),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
async def test_which_are_sent_again_or_dropped(body: dict[str, Any], wanted: object, dry_run: bool) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        answer = await client.post(f"{PATH}/redrive", json={**body, "dry_run": dry_run, "force": True})
        assert (answer.status, await answer.json()) == (200 if dry_run else 202, {"redriven": 2, "skipped": 1})
        answer = await client.post(f"{PATH}/drop", json={**body, "dry_run": dry_run})
        assert (answer.status, await answer.json()) == (200, {"dropped": 2, "skipped": 1})
    assert parts.history.asked == [("redrive", wanted, True, dry_run), ("drop", wanted, dry_run)]


@pytest.mark.parametrize(
    "body",
    [{}, {"letters": ["1"]}, {"letters": ["1:1"], "task": "t"}, {"task": 1}, {"state": "all"}, {"since": "then"},
     {"task": "t", "dry_run": 1}, {"kind": "hook"}, {"kind": 1}, {"kind": []}],
)  # fmt: skip
async def test_what_is_refused(body: dict[str, Any]) -> None:
    parts = FakeParts()
    async with serving(parts) as client:
        for what in ("redrive", "drop"):
            assert (await client.post(f"{PATH}/{what}", json=body)).status == 400
        assert (await client.post(f"{PATH}/drop", json={"task": "t", "force": True})).status == 400
        assert (await client.get(f"{PATH}?state=closed")).status == 400
        assert (await client.get(f"{PATH}?kind=hook")).status == 400
    assert parts.history.asked == []
