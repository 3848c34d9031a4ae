"""A worker without a Kafka: calls are kept until the test runs them.

The code of a real worker encodes, decodes, runs, retries and gives up the calls. Only its surroundings are replaced:
the broker by a list, the clock by one that moves only when calls run, and endpoints by `answers`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from streamhooks.delivery.client import Answer
from streamhooks.records.call import DelayedCall
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.formats import decode
from streamhooks.tasks import sending
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import NOTE_FINDING
from streamhooks.tasks.endings import Ending, EndingKind
from streamhooks.testing.kafka import Sender
from streamhooks.testing.parts import Parts

#: the most runs per call of `run`: more are taken for an endless loop
MOST_RUNS = 10_000


class GivenUp(AssertionError):
    """A call unexpectedly became a dead letter."""


@dataclass(frozen=True, slots=True)
class KeptCall:
    """A call that waits: `attempt` counts from 1, and it is due at `at`, in seconds since the test began."""

    task: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Run(KeptCall):
    """A run of a call, and its outcome.

    `outcome` is done, ignored, retry, dead, expired, or dropped (its hook is gone or disabled). `retry_at` is in
    seconds since the test began.
    """

    outcome: str = "done"
    reason: str = ""
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request to a hook, sent at `at`, in seconds since the test began."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    at: float


class LocalWorker:
    """Keeps the calls that are made inside of its `with` block, and runs them when `run` is called.

    `hooks` are the fields of hooks, as in the topic `hooks`. The clock begins at the time of day.
    """

    def __init__(self, hooks: Iterable[Mapping[str, Any]] = ()) -> None:
        self._parts = Parts(hooks, self._post, self._ended)
        self._began = self._parts.now
        self.calls: list[KeptCall] = []
        self.runs: list[Run] = []
        self.webhooks: list[Webhook] = []
        #: the statuses of the next responses of endpoints, in order; further ones are 200
        self.answers: list[int] = []

    def __enter__(self) -> Self:
        sending.bind(
            Sender(self._parts.kafka, lambda: self._parts.now, lambda made: self.calls.append(self._kept(made)))
        )
        return self

    def __exit__(self, *_error: object) -> None:
        sending.bind(None)

    @property
    def now(self) -> float:
        """Return the time, in seconds since the test began. Only `run` moves it."""
        return self._at(self._parts.now)

    @property
    def waiting(self) -> list[KeptCall]:
        """Return the waiting calls by due time."""
        kafka, entries = self._parts.kafka, self._parts.waiting()
        return [self._kept(decode(DelayedCall, kafka.value_of(entry)), entry.due) for entry in entries]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """Return the dead letters of calls that were given up, with their `reason`."""
        return self._parts.dead_letters

    def run(self, seconds: float = math.inf, *, check: bool = True) -> list[Run]:
        """Run the calls that become due within `seconds`, one after another, each with the clock at its due time.

        Nothing sleeps. `run(0)` runs the calls that are due now. Without `seconds` it ends when no call waits. Returns
        the runs.

        Raises:
            GivenUp: a call became a dead letter; with `check=False` it is only added to `dead_letters`.
            RuntimeError: the calls do not end, or this is an async test, which must await `run_async`.

        """
        if _is_async():
            raise RuntimeError("this test has an event loop: await run_async() instead of run()")
        return asyncio.run(self.run_async(seconds, check=check))

    async def run_async(self, seconds: float = math.inf, *, check: bool = True) -> list[Run]:
        """Do as `run` does, in the event loop of an async test."""
        parts, first, letters = self._parts, len(self.runs), len(self.dead_letters)
        until = parts.now + seconds * 1000
        runners, runs = parts.make_runners()
        try:
            while (entry := parts.next_due(until)) is not None:
                if len(self.runs) - first >= MOST_RUNS:
                    raise RuntimeError(
                        f"calls still wait after {MOST_RUNS} runs, for example one of {entry.call().task}"
                    )
                await parts.run(entry, runners, runs)
        finally:
            runs.cancel()
        if until < math.inf:
            parts.now = int(until)
        if check and (given_up := self.dead_letters[letters:]):
            raise GivenUp("; ".join(f"{one.task['name'] if one.task else one.id}: {one.reason}" for one in given_up))
        return self.runs[first:]

    # --- what the test sees

    def _at(self, ms: int) -> float:
        return (ms - self._began) / 1000

    def _kept(self, call: DelayedCall, due: int | None = None) -> KeptCall:
        return KeptCall(call.task, call.args, call.kwargs, call.attempt, self._at(call.due if due is None else due))

    def _ended(self, call: Call, ending: Ending) -> None:
        if call.task == NOTE_FINDING:  # calls of the worker itself, not of the test
            return
        is_again, now = ending.kind is EndingKind.RETRY, self._parts.now
        retry_at = self._at(now + int(ending.delay * 1000)) if is_again else None
        what = call.task, call.args, call.kwargs, call.attempt
        self.runs.append(Run(*what, self._at(now), ending.kind.value, ending.reason, retry_at))

    async def _post(
        self, url: str, headers: dict[str, str], body: bytes, _seconds: float, _organization: str
    ) -> Answer:
        self.webhooks.append(Webhook(url, headers, body, self.now))
        return Answer(self.answers.pop(0) if self.answers else 200, None, "answered", (), "", 0)


def _is_async() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
