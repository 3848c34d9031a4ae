"""Each row of the table in docs/reference/outcomes.md: what comes back, and what becomes of the delivery."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest
from installation import Hook, Installation, coordinates, event, hook_record
from support import eventually
from support.raw_endpoint import raw_endpoint

from streamhooks.dev.ports import free_port

SETTINGS = {"retry_delay": 0.3, "max_retries": 2, "request_timeout": 1}


def fire(installation: Installation, organization: str) -> str:
    return coordinates(installation.produce("events", "11", event(organization)))


def outcomes(installation: Installation, hook: Hook, count: int) -> list[tuple[int, str]]:
    """Return (attempt, outcome) of the latest requests, oldest first, as soon as there are so many."""
    eventually(lambda: len(installation.latest(hook)) >= count)
    return sorted((one["attempt"], one["outcome"]) for one in installation.latest(hook))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_delivered(installation: Installation, organization: str, status: int) -> None:
    hook = installation.create_hook(organization, behaviour=f"status={status}")
    fire(installation, organization)
    assert outcomes(installation, hook, 1) == [(1, "delivered")]
    eventually(lambda: installation.totals(hook) == (1, 1, 0))


def test_the_status_line_decides(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, behaviour="big=5000000")
    fire(installation, organization)
    assert outcomes(installation, hook, 1) == [(1, "delivered")]


@pytest.mark.parametrize(
    "behaviour",
    ["status=408", "status=425", "status=429", "status=500", "status=502", "status=503", "status=599", "reset",
     "garbage", "hang", "drip"],
)  # fmt: skip
def test_retried_until_it_is_taken(installation: Installation, organization: str, behaviour: str) -> None:
    hook = installation.create_hook(organization, behaviour=f"{behaviour}&fail=2")
    fire(installation, organization)
    requests = hook.received(3)
    assert len({request["id"] for request in requests}) == 1
    # Signed anew each time, but the same bytes.
    assert len({request["body"] for request in requests}) == 1
    assert outcomes(installation, hook, 3) == [(1, "retried"), (2, "retried"), (3, "delivered")]
    eventually(lambda: installation.totals(hook) == (3, 1, 2))
    eventually(lambda: installation.pending(hook) == [])
    assert installation.dead_letters(lambda letter: letter["hook_id"] == hook.id) == []


@pytest.mark.parametrize("stray", [200, 410, 503])
def test_a_stray_answer_decides_no_delivery(installation: Installation, organization: str, stray: int) -> None:
    """Neither of the hook whose endpoint sent it, nor of another organization's at the same host and port."""
    came: list[str] = []

    def answer(path: str, body: bytes) -> bytes:
        came.append(path)
        # Busy when it is asked for the second time.
        status = 503 if path == "/one" and came.count(path) == 2 else 200
        return b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok" % status

    with raw_endpoint(answer) as endpoint:
        hooks = {}
        for path, owner in (("/one", organization), ("/two", f"{organization}-2")):
            hooks[path] = installation.create_hook(owner)
            wish = {"url": endpoint.url(path)}
            assert installation.api.put(f"/api/hooks/{hooks[path].id}", wish).status == 200
            fire(installation, owner)
            assert outcomes(installation, hooks[path], 1) == [(1, "delivered")]
        endpoint.blurt(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\nstray" % stray)
        fire(installation, organization)
        assert outcomes(installation, hooks["/one"], 3) == [(1, "delivered"), (1, "retried"), (2, "delivered")]
        fire(installation, f"{organization}-2")
        assert outcomes(installation, hooks["/two"], 2) == [(1, "delivered"), (1, "delivered")]
    assert {path: came.count(path) for path in hooks} == {"/one": 3, "/two": 2}
    for hook in hooks.values():
        assert installation.api.get(f"/api/hooks/{hook.id}").json["status"] == "active"


ODD_HEADS = {
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "no-colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\nok",
    "long": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 20_000 + b"\r\nContent-Length: 2\r\n\r\nok",
}


def test_the_status_line_of_a_faulty_head_decides(installation: Installation, organization: str) -> None:
    came: list[str] = []

    def answer(path: str, body: bytes) -> bytes:
        came.append(path)
        return ODD_HEADS[path.partition("?")[0].rpartition("/")[2]]

    with raw_endpoint(answer) as endpoint:
        hooks = {}
        for name in ODD_HEADS:
            target = f"/a%2fb/../{name}?sig=a%2Fb%3D"
            hooks[target] = installation.create_hook(organization)
            wish = {"url": endpoint.url(target)}
            assert installation.api.put(f"/api/hooks/{hooks[target].id}", wish).status == 200
        fire(installation, organization)
        for hook in hooks.values():
            assert outcomes(installation, hook, 1) == [(1, "delivered")]
    # As it was registered, byte for byte.
    assert sorted(came) == sorted(hooks)


@pytest.mark.parametrize(
    ("behaviour", "last"),
    [("status=500", {"status": 500}), ("hang", None), ("reset", None)],
)
def test_given_up_when_the_retries_are_used_up(
    installation: Installation, organization: str, behaviour: str, last: dict | None
) -> None:
    hook = installation.create_hook(organization, behaviour=behaviour)
    source = fire(installation, organization)
    letter = installation.dead_letter_of(hook)
    assert letter["reason"].startswith("retries used up")
    assert letter["attempts"] == 3
    assert letter["last"] == last or (last is None and letter["last"]["error"])
    assert letter["source"] == source
    assert letter["redriven"] == 0
    assert letter["truncated"] is False
    assert letter["raw"] is None
    assert abs(letter["at"] / 1000 - time.time()) < 120
    assert letter["task"]["name"].endswith("process_service_hook")
    assert letter["task"]["args"][0] == hook.id
    assert letter["task"]["args"][1]["organization"]["id"] == organization
    assert outcomes(installation, hook, 3) == [(1, "retried"), (2, "retried"), (3, "dead")]
    assert len({request["id"] for request in hook.requests()}) == 1
    eventually(lambda: installation.totals(hook) == (3, 0, 3))
    eventually(lambda: installation.pending(hook) == [])


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{port}/refused", "http://nobody.invalid/hook"],
    ids=["refused", "no such name"],
)
def test_nobody_there(installation: Installation, organization: str, url: str) -> None:
    hook = installation.create_hook(organization)
    wish = {"url": url.format(port=free_port())}
    assert installation.api.put(f"/api/hooks/{hook.id}", wish).status == 200
    fire(installation, organization)
    letter = installation.dead_letter_of(hook)
    assert letter["reason"].startswith("retries used up")
    assert letter["attempts"] == 3
    latest = eventually(lambda: len(found := installation.latest(hook)) == 3 and found)
    assert {one["status"] for one in latest} == {None}
    assert all(one["error"] for one in latest)


@pytest.mark.parametrize("status", [300, 301, 302, 304, 308, 400, 401, 404, 418, 451])
def test_not_retried(installation: Installation, organization: str, status: int) -> None:
    elsewhere = installation.path()
    redirect = f"redirect={elsewhere}&" if status < 400 else ""
    hook = installation.create_hook(organization, behaviour=f"{redirect}status={status}")
    source = fire(installation, organization)
    letter = installation.dead_letter_of(hook)
    assert (letter["attempts"], letter["last"], letter["source"]) == (1, {"status": status}, source)
    assert str(status) in letter["reason"]
    assert outcomes(installation, hook, 1) == [(1, "dead")]
    eventually(lambda: installation.totals(hook) == (1, 0, 1))
    assert len(hook.requests()) == 1
    assert installation.receiver.requests(elsewhere) == []


def test_gone_disables_the_hook(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, behaviour="gone")
    fire(installation, organization)
    letter = installation.dead_letter_of(hook)
    assert (letter["attempts"], letter["last"]) == (1, {"status": 410})
    shown = eventually(
        lambda: (found := installation.api.get(f"/api/hooks/{hook.id}").json)["status"] == "disabled" and found
    )
    assert "410" in shown["status_reason"]
    assert shown["disabled_since"]
    # It gets nothing more, until its owner enables it.
    other = installation.create_hook(organization)
    fire(installation, organization)
    fire(installation, organization)
    other.received(2)
    assert len(hook.requests()) == 1
    wish = {"status": "active", "url": installation.receiver.url(hook.path), "resume": "skip"}
    answer = installation.api.put(f"/api/hooks/{hook.id}", wish)
    assert (answer.status, answer.json["status"]) == (200, "active")
    fire(installation, organization)
    hook.received(2)


def test_many_that_hear_it_is_gone_are_one_notice(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, behaviour="gone&delay=0.5")
    for _ in range(10):
        fire(installation, organization)
    # As many as are on their way when the first is answered; later ones find the hook disabled.
    eventually(lambda: len(installation.dead_letters(lambda letter: letter["hook_id"] == hook.id)) >= 2)
    # By the time that a later one is told, all about the first hook is.
    last = installation.create_hook(organization, behaviour="gone")
    fire(installation, organization)
    eventually(lambda: [notice["what"] for notice in notices(installation, last)] == ["disabled"])
    (notice,) = notices(installation, hook)
    assert notice["what"] == "disabled"
    assert "410" in notice["why"]


def notices(installation: Installation, hook: Hook) -> list[dict]:
    found = [json.loads(record.value()) for record in installation.records("notices")]
    return [notice for notice in found if notice["hook_id"] == hook.id]


def test_who_writes_a_hook_by_hand_enables_it_by_a_resume(installation: Installation, organization: str) -> None:
    path = installation.path()
    gone = installation.receiver.url(f"{path}?gone")
    hook_id = installation.write_hook(organization, url=gone)
    fire(installation, organization)
    shown = f"/api/hooks/{hook_id}"
    eventually(lambda: installation.api.get(shown).json["status"] == "disabled")
    moved = installation.receiver.url(f"{path}/moved")
    installation.produce("hooks", hook_id, hook_record(hook_id, organization, url=moved, resume="skip"))
    eventually(lambda: (found := installation.api.get(shown).json)["url"] == moved and found["status"] == "active")
    fire(installation, organization)
    eventually(lambda: len(installation.receiver.requests(f"{path}/moved")) == 1)


def test_another_payload_version(installation: Installation, organization: str) -> None:
    path = installation.path()
    hook_id = installation.write_hook(organization, version=1, url=installation.receiver.url(path))
    source = fire(installation, organization)
    letter = installation.dead_letter_of(hook_id)
    assert letter["reason"] == "unsupported payload version"
    assert (letter["attempts"], letter["source"]) == (1, source)
    assert installation.receiver.requests(path) == []


def test_retry_after_in_seconds(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, behaviour="status=503&retry_after=2&fail=1")
    fire(installation, organization)
    first, second = hook.received(2)
    assert second["time"] - first["time"] >= 1.99  # due times are whole milliseconds


def test_retry_after_as_a_date(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    at = int(time.time()) + 3
    installation.receiver.behave(hook.path, status=429, retry_after=formatdate(at, usegmt=True), fail=1)
    fire(installation, organization)
    _, second = hook.received(2)
    assert second["time"] >= at


@pytest.mark.parametrize("nonsense", ["-5", "inf", "soon", "Sun, 06 Nov 1994 08:49:37 GMT"])
def test_retry_after_that_says_nothing(installation: Installation, organization: str, nonsense: str) -> None:
    hook = installation.create_hook(organization)
    installation.receiver.behave(hook.path, status=429, retry_after=nonsense, fail=1)
    fire(installation, organization)
    hook.received(2)
    assert outcomes(installation, hook, 2) == [(1, "retried"), (2, "delivered")]


def test_a_schedule_by_setting_and_one_of_a_hook(install, organization: str) -> None:
    one: Installation = install(retry_schedule="0.2,1.5")
    one.add_worker()
    hook = one.create_hook(organization, behaviour="status=500")
    impatient = one.create_hook(organization, behaviour="status=500", retry_schedule=[0.1])
    fire(one, organization)
    assert one.dead_letter_of(hook)["attempts"] == 3
    assert one.dead_letter_of(impatient)["attempts"] == 2
    first, second, third = (request["time"] for request in hook.requests())
    assert second - first >= 0.19  # due times are whole milliseconds
    assert third - second >= 1.49
