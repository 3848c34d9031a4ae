"""Look up the hook that a call is about."""

from __future__ import annotations

from streamhooks.records.hook import Hook
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.problems import kafka_answers, not_found


async def found_hook(parts: Parts, hook_id: str) -> Hook:
    """Return the hook, even if another worker created it a moment ago.

    Raise ProblemError: 404 if it does not exist, 503 if Kafka does not answer.
    """
    if parts.hooks.get(hook_id) is None and not parts.hooks.revisions.is_gone(hook_id):
        async with kafka_answers():
            await parts.hook_writer.read_to_end(hook_id)
    return known_hook(parts, hook_id)


def known_hook(parts: Parts, hook_id: str) -> Hook:
    """Return the hook; raise ProblemError with 404 if this worker does not know it."""
    hook = parts.hooks.get(hook_id)
    if hook is None:
        raise not_found("hook")
    return hook
