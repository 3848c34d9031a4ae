"""What the filter of a hook means for its deliveries (docs/filters.md).

A record is judged when its hooks are found. A call that comes from elsewhere, such as `delayed`, is judged when it
runs, by the filter of that time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from streamhooks.filters.bounds import LARGEST_JUDGED
from streamhooks.filters.judging import Subject, subject_of
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.metrics import FILTERED
from streamhooks.records.hook import Hook
from streamhooks.records.message import Message
from streamhooks.tasks.call import Call
from streamhooks.tasks.endings import Ending, EndingKind, dead, log_given_up
from streamhooks.webhooks.tasks import process_message

log = logging.getLogger(__name__)

#: the task whose argument after the hook's id is a message; other hooks have no filter
OF_MESSAGES: Final = process_message.name

NO_MATCH: Final = "the filter of its hook does not let it pass"
FAILED: Final = "the filter of its hook can't be evaluated"


def let_through(
    hooks: Iterable[Hook], message: Message, is_active: Callable[[str], bool]
) -> Iterator[tuple[Hook, bool]]:
    """Yield each hook that gets the message, and whether that is certain: else the run of its call decides.

    The message is converted only if a hook has a filter, and once for all of them. A disabled hook is not judged: what
    it misses goes by the filter that it has when it is enabled again. When the filters have cost too much for one turn
    of the loop, the runs of the other calls decide, each in a turn of its own.
    """
    subject: Subject | None = None
    for hook in hooks:
        if hook.filter is None or not is_active(hook.id):
            yield hook, hook.filter is None
            continue
        if subject is None:
            subject = subject_of(message)
        if subject.cost > LARGEST_JUDGED:
            yield hook, False
            continue
        kind = subject.judge(hook.filter).kind
        if kind == "no_match":
            FILTERED.labels(kind).inc()
        else:
            yield hook, kind == "match"


def is_undecided(call: Call, hook: Hook) -> bool:
    """Tell whether the filter of its hook still has to be asked about a call."""
    return hook.filter is not None and not call.is_fit and call.task == OF_MESSAGES


def kept_back(call: Call, hook: Hook) -> Ending | None:
    """Ask the filter of its hook about a call; return how the call ends, None if its message passes."""
    if hook.filter is None:
        return None
    verdict = subject_of(_message_of(call.args[1])).judge(hook.filter)
    if verdict.kind == "match":
        return None
    FILTERED.labels(verdict.kind).inc()
    if verdict.kind == "failed":
        reason = f"{FAILED}: {verdict.why}"
        log_given_up(call, reason)
        return dead(reason)
    reason = f"{NO_MATCH}: {verdict.why}"
    log.info(
        "dropped: webhook_id=%s attempt=%d hook=%s: %s",
        shown(call.webhook_id), call.attempt, shown(hook.id), shown(reason, LONGEST_TEXT),
    )  # fmt: skip
    return Ending(EndingKind.FILTERED, reason)


def _message_of(argument: Any) -> Message:
    return argument if isinstance(argument, Message) else Message.from_fields(argument)
