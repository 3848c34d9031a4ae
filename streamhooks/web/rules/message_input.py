"""The messages in a request: one or a list, each a Message or a CloudEvent (docs/reference/records.md)."""

from __future__ import annotations

from typing import Any, Final

from streamhooks.errors import BrokenRecord
from streamhooks.records.exact_json import BYTE_ORDER_MARK, dumps
from streamhooks.records.fields import OF_USERS
from streamhooks.records.message import Message
from streamhooks.records.packing import parse_json
from streamhooks.sources.messages import is_cloud_event, message_of_json
from streamhooks.sources.sending import ToSend
from streamhooks.web.http.problems import bad_fields, bad_request

#: messages of one call
MOST: Final = 500
#: bytes of a body; a record of that size is below the limit of a Kafka with its defaults
MAX_BODY: Final = 1_000_000
#: the media types of a body: any messages, one CloudEvent, a list of CloudEvents
MEDIA: Final = ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json")
#: invalid messages that an answer names
_TOLD: Final = 20
_FIELDS: Final = frozenset(Message.__slots__)


def read_messages(body: bytes, media: str) -> list[ToSend]:
    """Return the messages in a body of this media type, all of them valid.

    Raise ProblemError with 400, which names the fields, in a list after the index of the message: `[3].type`.
    """
    is_list = body.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] == b"["
    try:
        given = parse_json(body, OF_USERS + is_list)
    except BrokenRecord as broken:
        raise bad_request(str(broken)) from None
    of_events = media != MEDIA[0]
    if of_events and is_list != (media == MEDIA[2]):
        raise bad_request(f"{MEDIA[1]} is one CloudEvent, {MEDIA[2]} a list of them")
    messages, wrong = list[ToSend](), dict[str, str]()
    many = given if isinstance(given, list) else [given]
    if not 1 <= len(many) <= MOST:
        raise bad_request(f"a list must have 1 to {MOST} messages")
    for index, one in enumerate(many):
        try:
            messages.append(_checked(one, of_events=of_events))
        except BrokenRecord as broken:
            wrong |= _named(str(broken), f"[{index}]" if is_list else "")
            if len(wrong) == _TOLD:
                break
    if wrong:
        raise bad_fields(wrong)
    return messages


def _checked(given: Any, *, of_events: bool) -> ToSend:
    """Return the message in decoded JSON; raise BrokenRecord if it is none."""
    if of_events and isinstance(given, dict) and not is_cloud_event(given):
        raise BrokenRecord("specversion: a CloudEvent needs it")
    message = message_of_json(given)
    if not is_cloud_event(given) and (unknown := sorted(given.keys() - _FIELDS)):
        # On the topic it would be ignored. Here nobody but its sender can have meant something by it.
        raise BrokenRecord(f"{unknown[0][:100]}: unknown field")
    return ToSend(message.key, dumps(given), message.id)


def _named(text: str, place: str) -> dict[str, str]:
    """Return a problem `<field>: <reason>` by the place of the field; one without a field by that of the message."""
    # The name of an unknown field may be any text.
    field, separator, reason = text.rpartition(": ")
    if not separator:
        return {place or "detail": text}
    return {f"{place}.{field}" if place else field: reason}
