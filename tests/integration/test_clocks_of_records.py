"""Records whose timestamps do not ascend: each is taken or left out by its own, wherever it lies."""

from __future__ import annotations

import json
import time

from installation import Hook, Installation, event
from support import eventually

MINUTE = 60_000
DAY = 24 * 60 * MINUTE


def replayed(one: Installation, hook: Hook, **asked: object) -> list[str]:
    """Count a replay, have it sent, and return the event ids that came, in the order in which they did."""
    before, path = len(hook.requests()), f"/api/hooks/{hook.id}/replay"
    counted = one.api.post(path, {**asked, "dry_run": True})
    assert counted.status == 200, counted
    begun = one.api.post(path, asked)
    assert begun.status == 202, begun
    assert begun.json["records"] == counted.json["records"]
    eventually(lambda: not one.api.get(f"/api/hooks/{hook.id}/missed").json["stretches"])
    found = [json.loads(request["body"])["event"]["event_id"] for request in hook.requests()[before:]]
    assert len(found) == counted.json["matches"]
    return found


def test_what_is_sent_again_and_listed_of_a_time(install, organization: str) -> None:
    one: Installation = install(partitions=1)
    one.add_worker()
    hook = one.create_hook(organization)
    now = int(time.time() * 1000)
    times = [
        now - 9 * DAY,
        now - 8 * DAY,
        now - 2 * DAY,
        now + 58 * MINUTE,
        *(now - DAY + number for number in range(50)),
    ]
    times.append(now - 8 * DAY)  # it came late
    names = [f"{number:032x}" for number in range(len(times))]
    for name, at in zip(names, times, strict=True):
        one.produce("events", "1", event(organization, event_id=name), timestamp=at)
    hook.received(55)

    def seconds(moment: int) -> float:
        return moment / 1000

    assert sorted(replayed(one, hook, **{"from": 0})) == names
    assert sorted(replayed(one, hook, **{"from": 0, "to": seconds(now)})) == names[:3] + names[4:]
    last_days = {"from": seconds(now - 3 * DAY), "to": seconds(now)}
    assert sorted(replayed(one, hook, **last_days)) == names[2:3] + names[4:54]
    old = {"from": seconds(now - 8 * DAY), "to": seconds(now - 7 * DAY)}
    assert sorted(replayed(one, hook, **old)) == [names[1], names[54]]
    assert replayed(one, hook, **{"from": seconds(now + DAY)}) == []
    assert len({request["id"] for request in hook.requests()}) == 55

    # The one from the future is found, with its attempts, which are older than it.
    explained = one.api.get("/api/explain", event_id=names[3])
    assert explained.status == 200, explained
    assert explained.json["source"] == f"{one.prefix}events:0:3"
    attempts = explained.json["hooks"][0]["attempts"]
    assert [attempt["outcome"] for attempt in attempts] == ["delivered", "delivered"]  # live, and of the first replay

    # A resume from a time: what is as late, whatever lies between.
    assert one.api.put(f"/api/hooks/{hook.id}", {"status": "disabled"}).status == 200
    missed = [now - 5 * DAY, now + 30 * MINUTE, now - 4 * DAY, now - 10 * MINUTE, now - 3 * DAY, now - 5 * MINUTE]
    later = [f"{number:032x}" for number in range(100, 106)]
    for name, at in zip(later, missed, strict=True):
        one.produce("events", "1", event(organization, event_id=name), timestamp=at)
    eventually(lambda: one.api.get(f"/api/hooks/{hook.id}/missed").json["records"] >= 6)
    before = len(hook.requests())
    wanted = {"status": "active", "resume": seconds(now - 20 * MINUTE)}
    assert one.api.put(f"/api/hooks/{hook.id}", wanted).status == 200
    eventually(lambda: not one.api.get(f"/api/hooks/{hook.id}/missed").json["stretches"])
    came = [json.loads(request["body"])["event"]["event_id"] for request in hook.requests()[before:]]
    assert sorted(came) == [later[1], later[3], later[5]]


def test_dead_letters_of_a_time(install, organization: str) -> None:
    one: Installation = install(partitions=1)
    one.add_worker()
    hook = one.create_hook(organization, behaviour="status=404")
    one.produce("events", "1", event(organization))
    one.dead_letter_of(hook)
    (letter,) = one.records("dead-letters")
    now = int(time.time() * 1000)
    for at in (now + 58 * MINUTE, now - 2 * DAY, now - 4 * DAY, now - DAY):
        one.produce("dead-letters", hook.id, letter.value(), timestamp=at)

    def listed(limit: int = 100, **asked: float) -> list[str]:
        found, cursor = [], {}
        while True:
            page = one.api.get("/api/dead-letters", hook_id=hook.id, limit=limit, **asked, **cursor).json
            found += [one["letter"] for one in page["dead_letters"]]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    assert sorted(listed()) == [f"0:{number}" for number in range(5)]
    spans = [
        ({"until": (now + MINUTE) / 1000}, ["0:0", "0:2", "0:3", "0:4"]),
        ({"since": (now - 3 * DAY) / 1000, "until": (now + MINUTE) / 1000}, ["0:0", "0:2", "0:4"]),
        ({"since": (now - 3 * DAY) / 1000, "until": (now - DAY) / 1000}, ["0:2"]),
        ({"since": (now + MINUTE) / 1000}, ["0:1"]),
        ({"since": (now - 3 * DAY) / 1000}, ["0:0", "0:1", "0:2", "0:4"]),
    ]
    for asked, expected in spans:
        assert sorted(listed(**asked)) == expected
        assert sorted(listed(limit=1, **asked)) == expected
        answer = one.api.post("/api/dead-letters/redrive", {**asked, "dry_run": True})
        assert answer.json == {"redriven": len(expected), "skipped": 0}
