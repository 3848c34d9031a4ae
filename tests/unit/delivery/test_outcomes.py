from __future__ import annotations

import ast
from pathlib import Path

import pytest

import streamhooks
from streamhooks.delivery.client import Answer, Kind
from streamhooks.delivery.outcomes import Verdict, judge


def answered(status: int, *retry_after: str) -> Answer:
    return Answer(status, None, "answered", retry_after, "", 1)


GONE = {410}
PASSING = {408, 425, 429}


@pytest.mark.parametrize("status", range(100, 1000))
def test_every_status(status: int) -> None:
    if 200 <= status < 300:
        kind = "delivered"
    elif status in PASSING or 500 <= status < 600:
        kind = "retry"
    elif status in GONE:
        kind = "gone"
    else:
        kind = "rejected"
    assert judge(answered(status), 0) == Verdict(kind, None, f"status {status}")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "retry_after"),
    [(429, 7), (503, 7), (500, None), (408, None), (425, None), (200, None), (410, None)],
)
def test_who_may_say_when(status: int, retry_after: float | None) -> None:
    assert judge(answered(status, "7", "9"), 0).retry_after == retry_after


def test_dates_are_held_against_now() -> None:
    answer = answered(503, "Thu, 01 Jan 1970 00:01:00 GMT")
    assert judge(answer, 50).retry_after == 10
    assert judge(answer, 61) == Verdict("retry", None, "status 503")


@pytest.mark.parametrize("kind", ["timeout", "connection", "dns", "tls", "garbage"])
def test_no_answer_is_retried(kind: Kind) -> None:
    assert judge(Answer(None, f"{kind}: why", kind, (), "", 1), 0) == Verdict("retry", None, f"{kind}: why")


def test_denied_is_not_retried() -> None:
    answer = Answer(None, "denied: 127.0.0.1 is loopback", "denied", (), "", 1)
    assert judge(answer, 0) == Verdict("rejected", None, "denied: 127.0.0.1 is loopback")


def test_that_a_hook_is_gone_is_decided_here_alone() -> None:
    package = Path(streamhooks.__file__).parent
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value == 410 and "dev" not in path.parts
    }
    assert found == {"delivery/outcomes.py"}
