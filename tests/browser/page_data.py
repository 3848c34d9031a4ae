"""Made-up data of a worker: hooks, and what a page has to show of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from streamhooks.records.hook import CREATABLE

if TYPE_CHECKING:
    from page_worker import PageWorker

JSON = dict[str, Any]
EVIL = "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"


def iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00", time.gmtime(seconds))


def hook(number: int, **fields: Any) -> JSON:
    return {
        **dict.fromkeys(CREATABLE),
        "id": f"{number:032x}",
        "organization_id": "1",
        "project_ids": [],
        "url": f"https://receiver-{number}.example.com/hooks/in",
        "events": ["event.created"],
        "secret": "whsec_********",
        "previous_secrets_until": [],
        "version": 0,
        "status": "active",
        "status_reason": None,
        "disabled_since": None,
        "failing_since": None,
        "paused_until": None,
        "breaker": "closed",
        "trouble": None,
        "date_created": iso(time.time() - 86_400),
        **fields,
    }


def full(worker: PageWorker) -> str:
    """Fill a worker with what a page has to show, much of it hostile; the id of the hook that it is about."""
    now = time.time()
    for number, fields in enumerate(
        (
            {"failing_since": iso(now - 7200), "breaker": "open", "trouble": "breaker_open"},
            {
                "status": "disabled",
                "status_reason": "410 Gone",
                "disabled_since": iso(now - 90_000),
                "trouble": "disabled_by_system",
            },
            {"paused_until": iso(now + 300), "trouble": "paused", "name": EVIL, "description": EVIL},
            {"app_id": "billing", "events": ["issue.created", "issue.resolved"], "project_ids": ["7", "9"]},
            {"url": f"http://evil.example/{quote(EVIL, safe='<>=()/')}"},
        ),
        1,
    ):
        worker.hooks[f"{number:032x}"].update(fields)
    one = f"{1:032x}"
    worker.attempts = [
        {
            "webhook_id": f"msg_{number:032x}", "attempt": number % 3 + 1, "at": int((now - number * 37) * 1000),
            "outcome": ("delivered", "retried", "delivered", "dead")[number % 4],
            "status": (200, 503, 204, None)[number % 4], "error": (None, None, None, "timeout after 5 s")[number % 4],
            "duration_ms": 12.5 + number, "source": f"streamhooks.events:3:{1200 - number}", "event": "event.created",
            "url": worker.hooks[one]["url"], "cause": ("live", "retry", "replay")[number % 3],
            **({"request": '{"project":{"slug":"web"},"event":{}}', "response": EVIL} if number % 2 else {}),
        }
        for number in range(12)
    ]  # fmt: skip
    worker.pending = [
        {
            "task": "streamhooks.deliver", "event": "event.created", "attempt": number + 2,
            "due": int((now + 60 * number + 20) * 1000), "created": int((now - 400) * 1000),
            "reason": "retry", "state": "waiting", "last": {"status": 503}, "source": f"streamhooks.events:3:{number}",
            "webhook_id": f"msg_{number}", "call_id": f"call-{number}",
        }
        for number in range(3)
    ]  # fmt: skip
    worker.letters = [
        {
            "letter": f"{number}:{number + 40}", "id": f"call-{number}", "webhook_id": f"msg_dead_{number}",
            "at": iso(now - 3600 * number - 60),
            "reason": ("503 after 6 attempts", f"an answer of {EVIL}", "404")[number % 3],
            "hook_id": (one, None)[number % 4 == 3], "task": "streamhooks.deliver", "attempts": 6, "state": "open",
            "url": (worker.hooks[one]["url"], None)[number % 4 == 3], "organization_id": "1",
            "last": {"status": 503}, "source": f"streamhooks.events:1:{number}", "redriven": number % 3,
            "truncated": False,
        }
        for number in range(5)
    ]  # fmt: skip
    worker.task_calls.calls = [
        {
            "call_id": f"call_{number}", "task": ("billing.close_month", f"shop.{EVIL}", "shop.send")[number % 3],
            "state": ("waiting", "queued", "running")[number // 3 % 3], "attempt": number % 4 + 1,
            "due": int((now + 60 * number) * 1000), "created": int((now - 400) * 1000), "reason": "retry",
            "last": {"error": f"ValueError: {EVIL}"} if number % 2 else None,
            "source": f"streamhooks.events:3:{number}" if number % 2 else None,
        }
        for number in range(120)
    ]  # fmt: skip
    worker.explained = {
        "source": "streamhooks.events:3:1200",
        "topic": "streamhooks.events",
        "timestamp": iso(now - 60),
        "record": {"event_id": "0e7a6ba24f8f4d1e9b1f1b7b4b1d2c3a", "organization": "1", "project": "7", "title": EVIL},
        "hooks": [
            {
                "hook_id": one, "url": worker.hooks[one]["url"], "matched": True,
                "why": "subscribed to event.created of every project", "webhook_id": "msg_1",
                "attempts": worker.attempts[1:3], "pending": worker.pending[:1],
            },
            {
                "hook_id": f"{2:032x}", "url": worker.hooks[f"{2:032x}"]["url"], "matched": False,
                "why": "disabled since yesterday: 410 Gone", "webhook_id": None, "attempts": [], "pending": [],
            },
            {
                "hook_id": f"{5:032x}", "url": worker.hooks[f"{5:032x}"]["url"], "matched": False,
                "why": "of another project: 9", "webhook_id": None, "attempts": [], "pending": [],
            },
        ],
    }  # fmt: skip
    return one
