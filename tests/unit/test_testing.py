"""The kit for tests of own tasks: what a test sees with it is what happens with a Kafka."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from support.examples import EVENT

from streamhooks import NextTask, RetryTaskError, instrumented_task, retry
from streamhooks.records.weight import LARGE
from streamhooks.tasks import sending
from streamhooks.tasks.process import PROCESS
from streamhooks.testing import GivenUp, KeptCall, LocalWorker, Run
from streamhooks.webhooks.tasks import process_service_hook

SEEN: list[Any] = []
HOOK = {
    "id": "a" * 32,
    "organization_id": "1",
    "url": "https://user.example/in",
    "events": ["event.created"],
    "secret": "a secret of the tests",
}


@instrumented_task(name="tests.note")
async def note(*args: Any, **kwargs: Any) -> None:
    SEEN.append((args, kwargs))


@instrumented_task(name="tests.flaky", default_retry_delay=60, max_retries=2)
@retry(on=(ConnectionError,), ignore=(KeyError,))
async def flaky(*errors: str) -> None:
    SEEN.append(errors)
    known = {"away": ConnectionError("away"), "key": KeyError("k"), "soon": RetryTaskError("soon", countdown=5)}
    if len(SEEN) <= len(errors):
        raise known.get(errors[len(SEEN) - 1], ValueError("a defect"))


@instrumented_task(name="tests.blocking")
def blocking(value: int) -> None:
    note.delay(value)
    NextTask(note, [value + 1], countdown=3600).schedule()


@instrumented_task(name="tests.awaiting")
async def awaiting() -> None:
    await note.delay("confirmed")


@instrumented_task(name="tests.endless")
async def endless() -> None:
    endless.apply_async(countdown=1)


@pytest.fixture
def worker() -> Iterator[LocalWorker]:
    SEEN.clear()
    with LocalWorker([HOOK]) as one:
        yield one


def test_calls_wait_until_they_are_run(worker: LocalWorker) -> None:
    handle = note.delay(1, key="value")
    note.apply_async(["later"], countdown=3600)
    assert handle.result(1) == handle.id
    assert worker.calls == [KeptCall("tests.note", [1], {"key": "value"}), KeptCall("tests.note", ["later"], at=3600)]
    assert worker.waiting == worker.calls
    assert SEEN == []
    assert worker.run(0) == [Run("tests.note", [1], {"key": "value"})]
    assert worker.waiting == worker.calls[1:]
    assert worker.run(3599) == []
    assert worker.now == 3599
    assert worker.run(1) == [Run("tests.note", ["later"], at=3600)]
    assert SEEN == [((1,), {"key": "value"}), (("later",), {})]
    assert worker.waiting == []


def test_retries_happen_in_no_time(worker: LocalWorker) -> None:
    flaky.delay("away", "soon")
    ran = worker.run()
    assert [(run.attempt, run.at, run.outcome, run.retry_at) for run in ran] == [
        (1, 0, "retry", 60),
        (2, 60, "retry", 65),
        (3, 65, "done", None),
    ]
    assert [run.reason for run in ran] == ["ConnectionError: away", "RetryTaskError: soon", ""]
    assert worker.now == 65


def test_a_retry_waits_as_long_as_the_test_says(worker: LocalWorker) -> None:
    flaky.delay("away")
    worker.run(0)
    assert worker.waiting == [KeptCall("tests.flaky", ["away"], attempt=2, at=60)]


@pytest.mark.parametrize(
    ("errors", "runs", "reason"),
    [
        (["away"] * 3, 3, "retries used up: ConnectionError: away"),
        (["a defect"], 1, "ValueError: a defect"),
    ],
)
def test_what_is_given_up_fails_the_test(
    worker: LocalWorker, errors: list[str], runs: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    flaky.delay(*errors)
    with caplog.at_level(logging.WARNING), pytest.raises(GivenUp, match=f"tests.flaky: {reason}"):
        worker.run()
    assert "Traceback" in caplog.text
    assert [run.outcome for run in worker.runs] == ["retry"] * (runs - 1) + ["dead"]
    (letter,) = worker.dead_letters
    assert (letter.reason, letter.attempts) == (reason, runs)
    assert letter.task == {"name": "tests.flaky", "args": errors, "kwargs": {}}
    assert worker.run() == []


def test_what_a_test_expects_to_be_given_up(worker: LocalWorker) -> None:
    flaky.delay("a defect")
    assert [run.outcome for run in worker.run(check=False)] == ["dead"]


def test_an_ignored_error(worker: LocalWorker) -> None:
    flaky.delay("key")
    assert [(run.outcome, run.reason) for run in worker.run()] == [("ignored", "'k'")]


def test_calls_of_tasks(worker: LocalWorker) -> None:
    blocking.delay(1)
    awaiting.delay()
    assert [(run.task, run.args, run.at) for run in worker.run()] == [
        ("tests.blocking", [1], 0),
        ("tests.awaiting", [], 0),
        ("tests.note", [1], 0),
        ("tests.note", ["confirmed"], 0),
        ("tests.note", [2], 3600),
    ]


async def test_in_the_event_loop_of_a_test(worker: LocalWorker) -> None:
    loop = asyncio.get_running_loop()

    @instrumented_task(name="tests.loop")
    async def of_loop() -> None:
        SEEN.append(asyncio.get_running_loop())

    await of_loop.delay()
    with pytest.raises(RuntimeError, match=r"await run_async\(\)"):
        worker.run()
    await worker.run_async()
    assert [loop] == SEEN


# --- what is as with a Kafka


def test_arguments_are_what_json_makes_of_them(worker: LocalWorker) -> None:
    given = [1]
    note.delay(given, (2, 3), {"a": None})
    given.append(4)
    worker.run()
    assert SEEN == [(([1], [2, 3], {"a": None}), {})]
    with pytest.raises(TypeError):
        note.delay(object())


def test_a_time_may_be_given_in_many_forms(worker: LocalWorker) -> None:
    note.apply_async(["timedelta"], countdown=timedelta(minutes=1))
    note.apply_async(["eta"], eta=datetime.now(UTC) + timedelta(minutes=3))
    note.apply_async(["past"], eta=datetime(2020, 1, 1, tzinfo=UTC))
    NextTask(note, ["next"], countdown=timedelta(minutes=2)).schedule()
    assert [call.args for call in worker.waiting] == [["past"], ["timedelta"], ["next"], ["eta"]]
    assert [round(call.at / 60) for call in worker.waiting] == [0, 1, 2, 3]


def test_an_expired_call_does_not_run(worker: LocalWorker) -> None:
    note.apply_async(["in time"], countdown=59, expires=60)
    note.apply_async(["late"], countdown=60, expires=timedelta(minutes=1))
    note.apply_async(["late"], expires=datetime(2020, 1, 1, tzinfo=UTC))
    assert [(run.args, run.at, run.outcome) for run in worker.run()] == [
        (["late"], 0, "expired"),
        (["in time"], 59, "done"),
        (["late"], 60, "expired"),
    ]
    assert SEEN == [(("in time",), {})]
    assert worker.waiting == worker.dead_letters == []


def test_a_retry_expires_too(worker: LocalWorker) -> None:
    flaky.apply_async(["away", "away"], expires=90)
    assert [(run.at, run.outcome) for run in worker.run()] == [(0, "retry"), (60, "retry"), (120, "expired")]


def test_a_task_that_no_worker_knows(worker: LocalWorker) -> None:
    sending.send("tests.unknown", [], {}, 0.0)
    with pytest.raises(GivenUp, match=r"unknown task tests\.unknown"):
        worker.run()


def test_what_is_too_large(worker: LocalWorker) -> None:
    with pytest.raises(Exception, match="more than 1000000 bytes"):
        note.delay("x" * 1_000_000).result(1)

    @instrumented_task(name="tests.large")
    async def large() -> None:
        note.delay("x" * 1_000_000)

    large.delay()
    with pytest.raises(GivenUp, match="a call that it made can't be stored"):
        worker.run()
    assert [(run.task, run.outcome) for run in worker.runs] == [("tests.large", "dead")]


def test_a_large_call_is_read_again(worker: LocalWorker) -> None:
    text = "x" * 2 * LARGE
    note.delay(text)
    assert worker.waiting == worker.calls == [KeptCall("tests.note", [text])]
    worker.run()
    assert [((text,), {})] == SEEN


def test_calls_that_do_not_end(worker: LocalWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamhooks.testing.local_worker.MOST_RUNS", 20)
    endless.delay()
    assert len(worker.run(5)) == 6
    with pytest.raises(RuntimeError, match=r"tests\.endless"):
        worker.run()


def test_nothing_is_left_behind() -> None:
    with LocalWorker():
        note.delay(1)
    assert PROCESS._worker is None


# --- webhooks


def test_a_webhook_is_signed_and_tried_again(worker: LocalWorker) -> None:
    process_service_hook.delay(HOOK["id"], EVENT)
    worker.answers = [503, 200]
    worker.run()
    first, again = worker.webhooks
    assert (first.url, first.at, again.at) == (HOOK["url"], 0, 300)
    for one in (first, again):
        sent = datetime.fromtimestamp(int(one.headers["webhook-timestamp"]), UTC)
        signature = Verifier(HOOK["secret"].encode()).sign(one.headers["webhook-id"], sent, one.body.decode())
        assert one.headers["webhook-signature"] == signature
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert json.loads(first.body)["event"]["event_id"] == EVENT["event_id"]
    assert time.time() - 60 < int(first.headers["webhook-timestamp"]) <= time.time()


def test_a_hook_that_wants_no_more(worker: LocalWorker) -> None:
    worker.answers = [410]
    process_service_hook.delay(HOOK["id"], EVENT)
    with pytest.raises(GivenUp, match="status 410"):
        worker.run()
    process_service_hook.delay(HOOK["id"], EVENT)
    worker.run()
    assert len(worker.webhooks) == 1
    assert [call.task for call in worker.waiting] == ["streamhooks.process_service_hook"]


def test_a_hook_that_there_is_not(worker: LocalWorker) -> None:
    process_service_hook.delay("b" * 32, EVENT)
    assert [run.outcome for run in worker.run()] == ["dropped", "done"]
    assert worker.webhooks == []


def test_a_rate_holds_back_without_waiting() -> None:
    with LocalWorker([HOOK | {"rate_limit": 0.1}]) as worker:
        for _ in range(3):
            process_service_hook.delay(HOOK["id"], EVENT)
        worker.run()
    assert [round(one.at) for one in worker.webhooks] == [0, 10, 20]
