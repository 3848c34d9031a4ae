"""`streamhooks send message` by a worker's API: calls of many messages, and what is told of each."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from streamhooks.cli import api
from streamhooks.cli.posting import post
from streamhooks.cli.records import read_items
from streamhooks.sources.kinds import SourceKind

PATH = "/api/messages"


def message(number: int, size: int = 0) -> dict[str, Any]:
    return {"type": "order.paid", "organization_id": 1, "id": str(number), "data": "x" * size}


def lines(*messages: dict[str, Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in messages)


def written(first: int, count: int) -> dict[str, Any]:
    places = [f"a.messages:0:{offset}" for offset in range(first, first + count)]
    return {"messages": [{"id": None, "status": "written", "coordinates": place} for place in places]}


def sizes(worker_api) -> list[int]:
    return [len(body) for _, _, body in worker_api.made("POST")]


def test_the_options_of_a_worker_send_by_it(worker_api) -> None:
    worker_api.say("POST", PATH, written(7, 1), status=201)
    options = ("--type", "order.paid", "--organization", "1", "--data", "[1.50]")
    for place in (("send", "message", "--url", worker_api.base), ("--url", worker_api.base, "send", "message")):
        result = worker_api.run(*place, *options, "--token", "a-token")
        assert (result.exit_code, result.stdout) == (0, "a.messages:0:7\n"), result.output
    call = worker_api.calls[0]
    assert call.headers["Authorization"] == "Bearer a-token"
    assert call.body == [{"type": "order.paid", "organization_id": "1", "data": [1.5]}]


def test_the_environment_alone_does_not(worker_api) -> None:
    env = {"STREAMHOOKS_BROKERS": "127.0.0.1:1"}
    result = worker_api.run("send", "message", "-", "--wait", "0.1", input=lines(message(1)), env=env)
    assert "(STREAMHOOKS_BROKERS) does not answer" in result.stderr
    assert worker_api.calls == []


def test_many_are_sent_in_calls_of_500_and_of_a_megabyte(worker_api) -> None:
    worker_api.say("POST", PATH, written(0, 500), written(500, 500), written(1000, 1), status=201)
    result = worker_api.run("send", "message", "-", "--url", worker_api.base, input=lines(*map(message, range(1001))))
    assert result.stdout.splitlines() == [f"a.messages:0:{offset}" for offset in range(1001)]
    assert sizes(worker_api) == [500, 500, 1]
    worker_api.calls.clear()
    worker_api.say("POST", PATH, written(0, 2), written(2, 1), status=201)
    three = lines(*[message(number, 400_000) for number in range(3)])
    assert worker_api.run("send", "message", "-", "-q", "--url", worker_api.base, input=three).stdout == (
        f"3 records written to {worker_api.base}\n"
    )
    assert sizes(worker_api) == [2, 1]


def test_with_skip_bad_each_is_sent_as_it_arrives(worker_api) -> None:
    worker_api.say("POST", PATH, written(0, 1), status=201)
    text = lines(message(1), {"type": "order paid"}, message(2))
    result = worker_api.run("send", "message", "-", "--skip-bad", "--url", worker_api.base, input=text)
    assert (result.exit_code, len(result.stdout.splitlines())) == (1, 2)
    assert "2: type: must be segments" in result.stderr
    assert sizes(worker_api) == [1, 1]


def test_what_became_of_each_is_told(worker_api) -> None:
    shown = written(0, 1)["messages"]
    for state in ("refused", "unknown"):
        shown.append({"id": None, "status": state, "coordinates": None, "error": "for a reason"})
    answer = {"detail": "2 of 3", "maybe_applied": True, "messages": shown}
    worker_api.say("POST", PATH, (503, answer), headers={"Retry-After": "0"})
    result = worker_api.run("send", "message", "-", "--url", worker_api.base, input=lines(*map(message, range(3))))
    assert result.stdout == "a.messages:0:0\n"
    assert result.stderr.splitlines() == [
        "2: refused: for a reason", "3: unknown: for a reason", "Error: 2 records not known to be written",
    ]  # fmt: skip
    assert (result.exit_code, sizes(worker_api)) == (1, [3])


def test_only_what_was_surely_not_written_is_sent_again(worker_api) -> None:
    worker_api.say(
        "POST", PATH, (429, {"detail": "busy"}), (503, {"detail": "not now"}), (201, written(0, 1)),
        headers={"Retry-After": "0"},
    )  # fmt: skip
    result = worker_api.run("send", "message", "-", "--url", worker_api.base, input=lines(message(1)))
    assert (result.exit_code, result.stdout, sizes(worker_api)) == (0, "a.messages:0:0\n", [1, 1, 1])


def test_a_refused_call_names_the_numbers_of_the_file(worker_api) -> None:
    worker_api.say("POST", PATH, (400, {"[1].colour": "unknown field"}))
    text = "\n" + lines(*map(message, range(2)))
    result = worker_api.run("send", "message", "-", "--url", worker_api.base, input=text)
    assert result.stderr == "Error: 3: colour: unknown field: from number 2 on, nothing was written\n"


@pytest.mark.parametrize(
    ("status", "said", "left"),
    [
        (403, "not allowed: no", "nothing was written"),
        (401, "requires a token", "nothing was written"),
        (500, "with 500", "they may or may not be written"),
    ],
)
def test_other_problems_end_it(worker_api, status: int, said: str, left: str) -> None:
    worker_api.say("POST", PATH, (status, {"detail": "no"}))
    result = worker_api.run("send", "message", "-", "--url", worker_api.base, input=lines(message(1)))
    assert result.exit_code == 1
    assert said in result.stderr
    assert f"from number 1 on, {left}" in result.stderr


def test_a_worker_that_is_away_leaves_it_open(worker_api) -> None:
    result = worker_api.run("send", "message", "-", "--url", "http://127.0.0.1:1", input=lines(message(1)))
    assert "no worker answers at http://127.0.0.1:1" in result.stderr
    assert "from number 1 on, they may or may not be written" in result.stderr


def test_one_that_is_too_large_is_told_and_the_others_are_sent(worker_api) -> None:
    worker_api.say("POST", PATH, (201, written(0, 1)), (413, {"detail": "too large"}), (201, written(1, 1)))
    client = api.Api(worker_api.base)
    text = lines(message(1), message(2, 1_000_000), message(3))
    found = [outcome for _, outcome in post(client, read_items(SourceKind.MESSAGES, io.BytesIO(text.encode())))]
    assert [isinstance(one, str) for one in found] == [False, True, False]
    assert "too large" in str(found[1])
