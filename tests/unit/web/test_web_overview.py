from __future__ import annotations

import pytest
from support.web_parts import FakeParts, serving

from streamhooks.tasks.endings import Limits


@pytest.mark.parametrize(
    ("limits", "service_hook", "app"),
    [
        (Limits(300.0, None), [300.0] * 5, [300.0] * 3),
        (Limits(2.0, 1), [2.0], [2.0]),
        (Limits(2.0, 0), [], []),
        (Limits(300.0, None, (5.0, 60.0)), [5.0, 60.0], [5.0, 60.0]),
        (Limits(300.0, 3, (5.0, 60.0)), [5.0, 60.0, 60.0], [5.0, 60.0, 60.0]),
    ],
)
async def test_it_says_what_holds_for_a_hook_that_says_nothing(
    limits: Limits, service_hook: list[float], app: list[float]
) -> None:
    async with serving(FakeParts(limits=limits)) as client:
        found = await (await client.get("/api/overview")).json()
    assert found["defaults"] == {
        "timeout": 5.0,
        "max_in_flight": 50,
        "rate_limit": None,
        "retry_schedule": {"service_hook": service_hook, "app": app},
    }
