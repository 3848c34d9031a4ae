from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from streamhooks import RetryTaskError
from streamhooks.records.fields import LARGEST
from streamhooks.tasks.when import due_at, expires_at

NOW = 1_000_000
IN_10_S = datetime.fromtimestamp(NOW / 1000 + 10, UTC)


@pytest.mark.parametrize(
    ("countdown", "eta", "due"),
    [
        (None, None, NOW),
        (0, None, NOW),
        (-5, None, NOW),
        (1.5, None, NOW + 1500),
        (timedelta(minutes=1), None, NOW + 60_000),
        (timedelta.max, None, NOW + 86_400_000_000_000_000),
        (LARGEST // 1000, None, LARGEST),
        (None, IN_10_S, NOW + 10_000),
        (None, IN_10_S.astimezone(timezone(timedelta(hours=5))), NOW + 10_000),
        (None, datetime(1960, 1, 1, tzinfo=UTC), NOW),
    ],
)
def test_due(countdown: Any, eta: Any, due: int) -> None:
    assert due_at(NOW, countdown, eta) == due


@pytest.mark.parametrize(
    ("expires", "at"),
    [
        (None, None),
        (0, NOW),
        (-5000, 0),
        (1.5, NOW + 1500),
        (timedelta(minutes=1), NOW + 60_000),
        (IN_10_S, NOW + 10_000),
        (datetime(1960, 1, 1, tzinfo=UTC), 0),
    ],
)
def test_expires(expires: Any, at: int | None) -> None:
    assert expires_at(NOW, expires) == at


@pytest.mark.parametrize(
    ("given", "error", "why"),
    [
        ({"countdown": "60"}, TypeError, "countdown: must be seconds or a timedelta, not str"),
        ({"countdown": True}, TypeError, "countdown: must be seconds"),
        ({"countdown": IN_10_S}, TypeError, "countdown: must be seconds"),
        ({"countdown": math.nan}, ValueError, "countdown: must be a finite number"),
        ({"countdown": 1e300}, ValueError, "countdown: must be a finite number"),
        ({"eta": 10}, TypeError, "eta: must be a datetime, not int"),
        ({"eta": datetime(2027, 1, 1)}, ValueError, "eta: has no time zone"),
        ({"eta": IN_10_S, "countdown": 0}, ValueError, "give one of them"),
        ({"expires": "soon"}, TypeError, "expires: must be seconds or a timedelta, not str"),
        ({"expires": math.inf}, ValueError, "expires: must be a finite number"),
        ({"expires": datetime(2027, 1, 1)}, ValueError, "expires: has no time zone"),
    ],
)
def test_what_is_no_time(given: dict[str, Any], error: type[Exception], why: str) -> None:
    find = (
        partial(expires_at, NOW) if "expires" in given else partial(due_at, NOW, **dict.fromkeys(("countdown", "eta")))
    )
    with pytest.raises(error, match=why):
        find(**given)


def test_a_task_may_ask_for_a_timedelta() -> None:
    assert RetryTaskError(countdown=timedelta(minutes=1)).countdown == 60
    assert RetryTaskError(countdown=-1).countdown == 0
    assert RetryTaskError().countdown is None
    with pytest.raises(TypeError):
        RetryTaskError(countdown="60")  # type: ignore[arg-type]
