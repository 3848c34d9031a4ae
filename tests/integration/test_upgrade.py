"""A worker starts on topics that version 0.1.0 wrote: nothing of it is lost, and nothing is sent twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from installation import Hook, Installation, event
from support import eventually
from support.recording import DAY_MS, Recording

RECORDED = Path(__file__).parents[1] / "recorded" / "0.1.0.jsonl"
#: what the first success changes
PASSING = {"failing_since", "breaker", "paused_until"}


def ids_of(hook: Hook) -> set[str]:
    return {request["id"] for request in hook.requests()}


def dead_ids(recording: Recording, hook: Hook) -> set[str]:
    letters = [json.loads(record["value"]) for record in recording.records if record["topic"] == "dead-letters"]
    return {letter["webhook_id"] for letter in letters if letter["hook_id"] == hook.id}


def test_a_worker_starts_on_what_0_1_0_wrote(install: Callable[..., Installation]) -> None:
    recording = Recording.read(RECORDED)
    known = recording.known
    one = install(partitions=4, retry_delay=1, secret_keys=",".join(known["secret_keys"]))
    one.prefix = recording.prefix
    hooks = {
        name: Hook(hook["id"], known["secrets"][name][-1], hook["path"], one.receiver)
        for name, hook in known["hooks"].items()
    }
    for hook in hooks.values():
        one.receiver.learn(hook.id, hook.secret)
    service, failing, refused, off = (hooks[name] for name in ("service", "failing", "refused", "off"))
    late, place = len(known["late"]), one.receiver.base.removeprefix("http://")
    recording.write(one.brokers, place, int(time.time() * 1000))
    one.add_worker()

    # Hooks are what they were, with what was found about them.
    shown = {hook["id"]: hook for hook in one.api.get("/api/hooks").json["hooks"]}
    assert shown.keys() == {hook["id"] for hook in known["shown"]}
    for before in known["shown"]:
        before["url"] = before["url"].replace(known["receiver"], place)
        kept = before.keys() - PASSING
        assert {name: shown[before["id"]][name] for name in kept} == {name: before[name] for name in kept}
    assert {name for name, hook in hooks.items() if shown[hook.id]["status"] == "disabled"} == {"off", "gone"}
    assert one.api.get(f"/api/hooks/{known['deleted']}").status == 404

    # What was pending is delivered under its ids, and so is what came while no worker ran.
    failing.received(len(known["pending"]) + late)
    assert ids_of(failing) > set(known["pending"])
    service.received(late)
    assert ids_of(service) == set(known["late"])

    # Secrets and custom headers open; the secret that was rotated away signs, too.
    (first, *_) = service.requests()
    assert first["headers"]["x-team"] == "shop"
    assert first["headers"]["authorization"] == "Bearer of-the-receiver"
    assert len(first["headers"]["webhook-signature"].split()) == 2

    # Counters and latest requests go on from where they were.
    def totals(hook: Hook) -> tuple[int, int, int]:
        return one.totals(hook, since=int(time.time()) - 2 * DAY_MS // 1000, resolution="1h")

    eventually(lambda: totals(service) == (15 + late, 15 + late, 0))
    eventually(lambda: totals(failing) == (2 * 15 + late, 15 + late, 15))
    eventually(lambda: totals(refused) == (15 + late, late, 15))
    assert totals(hooks["app"]) == tuple(known["totals"]["app"])
    latest = one.latest(service)
    assert {attempt["id"] for attempt in latest} == {attempt["id"] for attempt in known["latest"]} | set(known["late"])

    # Dead letters are listed, and redriven under their ids.
    listed = one.api.get("/api/dead-letters", limit=len(known["dead_letters"])).json["dead_letters"]
    assert [{name: letter[name] for name in known["dead_letters"][0]} for letter in listed] == known["dead_letters"]
    letters = [letter["letter"] for letter in listed if letter["hook_id"] == refused.id]
    answer = one.api.post("/api/dead-letters/redrive", {"letters": letters})
    assert answer.json == {"redriven": len(letters), "skipped": 0}, answer
    refused.received(len(letters) + late)
    assert ids_of(refused) > dead_ids(recording, refused)
    eventually(lambda: totals(refused)[1] == len(letters) + late)

    # What a disabled hook missed is sent under the ids that 0.1.0 would have sent.
    assert one.api.put(f"/api/hooks/{off.id}", {"status": "active", "resume": "all"}).status == 200
    off.received(len(known["missed"]) + late)
    assert ids_of(off) > set(known["missed"])
    eventually(lambda: one.api.get(f"/api/hooks/{off.id}/missed").json["stretches"] == [])

    # New records flow, and nothing that was delivered came again.
    one.produce("events", "11", event(known["organization"]))
    service.received(late + 1)
    off.received(len(known["missed"]) + late + 1)
    assert not ids_of(service) & {attempt["id"] for attempt in known["latest"]}
    assert hooks["app"].requests() == hooks["gitops"].requests() == []
    assert all(request["verified"] for hook in hooks.values() for request in hook.requests())
