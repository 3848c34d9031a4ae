"""Which of the hooks that a source record asks for get it, by their filters (docs/filters.md)."""

from __future__ import annotations

from streamhooks.errors import BrokenRecord
from streamhooks.filters.judging import Verdict, subject_of
from streamhooks.hooks.matching import Ask, matches
from streamhooks.kafka.reader import Record
from streamhooks.records.hook import Hook
from streamhooks.records.message import Message
from streamhooks.sources.messages import message_of, sent_message
from streamhooks.sources.rules import DeliveryParts, Source, UserRecord, asks, delivery_of
from streamhooks.webhooks.filtering import OF_MESSAGES


def delivered_message(delivery: DeliveryParts | None) -> Message | None:
    """Return the message that is delivered; None if it is something else, or not known yet."""
    if delivery is None or delivery[0] != OF_MESSAGES:
        return None
    message: Message = delivery[1][0]
    return message


def verdict_of(hook: Hook, source: Source, ask: Ask, record: Record) -> Verdict | None:
    """Return how the filter of a hook judges what it gets of a record; None without a filter.

    It is also None for a change whose resource must be looked up: that is judged when it is known.
    """
    message = delivered_message(delivery_of(source, ask, record)) if hook.filter is not None else None
    return None if message is None or hook.filter is None else subject_of(message).judge(hook.filter)


def would_send(hook: Hook, source: Source, record: Record) -> bool:
    """Tell whether a record fires a hook, and passes its filter as far as that can be told now."""
    for ask in asks(source):
        if matches(hook, ask):
            verdict = verdict_of(hook, source, ask, record)
            return verdict is None or verdict.kind == "match"
    return False


def known_message(source: UserRecord, record: Record) -> Message:
    """Return a record as the message that message hooks get; raise BrokenRecord if its data is not known yet."""
    message = message_of(source)
    if message is None:
        raise BrokenRecord("its resource must be looked up")
    return sent_message(message, record)
