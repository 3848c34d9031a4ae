"""Messages: how a record becomes one, and the message that each of Sentry's records is for message hooks.

CloudEvents 1.0 come in the two modes of the Kafka protocol binding 1.0.2, sections 3.2 and 3.3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from streamhooks.delivery.payloads import change_event, resource_change_data, resource_name
from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import Record
from streamhooks.records.datetimes import moment_of
from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.formats import SINGLE_OBJECT, Registry, decode, decode_any
from streamhooks.records.hook_events import EVENT_ALERT, EVENT_CREATED
from streamhooks.records.ids import source_id
from streamhooks.records.message import Message

_CONTENT_TYPE: Final = "content-type"
_STRUCTURED: Final = "application/cloudevents+json"
_VERSION: Final = "1.0"
#: the attributes that are read, by the fields of a message; the rest may be anything
_ATTRIBUTES: Final = {
    "type": "type",
    "organization_id": "organizationid",
    "project_id": "projectid",
    "id": "id",
    "timestamp": "time",
    "source": "source",
}


def read_message(record: Record, registry: Registry | None) -> Message:
    """Return the message in a record of `messages`: a Message, or a CloudEvent; raise BrokenRecord for what is none."""
    if record.headers:
        # Kafka's headers may have no value.
        headers = {name.lower(): value for name, value in record.headers if value is not None}
        if "ce_specversion" in headers:
            return _cloud_event(_attributes(headers), _binary_data(headers, record, registry))
        content_type = _content_type(headers)
        if content_type == _STRUCTURED:
            return _structured(decode_any(record.value, registry))
        if content_type.startswith("application/cloudevents"):
            raise BrokenRecord(f"{_CONTENT_TYPE}: of CloudEvents, {_STRUCTURED} is read, and the binary mode")
    value = record.value
    if value is not None and b'"specversion"' in value and not value.startswith(SINGLE_OBJECT):
        fields = decode_any(value, registry)
        if isinstance(fields, dict) and is_cloud_event(fields):
            return _structured(fields)
    return decode(Message, value, registry)


def message_of_json(value: Any) -> Message:
    """Return the message in decoded JSON, as `read_message` does: a Message, or a CloudEvent if it has `specversion`.

    Raises:
        BrokenRecord: it is none; the text begins with the field that is wrong, if it is one.

    """
    if not isinstance(value, dict):
        raise BrokenRecord("it is not a JSON object")
    return _structured(value) if is_cloud_event(value) else Message.from_fields(value)


def is_cloud_event(fields: dict[str, Any]) -> bool:
    """Tell whether decoded JSON is a CloudEvent in structured mode."""
    return fields.get("specversion") is not None


def sent_message(message: Message, record: Record) -> Message:
    """Return the message of a record as it is sent: with an id and a timestamp, of the record if it has none itself."""
    if message.id is not None and message.timestamp is not None:
        return message
    return replace(
        message,
        id=message.id or source_id(record.topic, record.partition, record.offset, record.timestamp),
        # Kafka's -1 is no timestamp.
        timestamp=max(record.timestamp, 0) / 1000 if message.timestamp is None else message.timestamp,
    )


def message_of(source: Event | Alert | ResourceChange | Message) -> Message | None:
    """Return the message that a record of users is; None for a change whose resource must be looked up."""
    if isinstance(source, Message):
        return source
    if isinstance(source, Event):
        return _of_event(source, EVENT_CREATED, source.fields)
    if isinstance(source, Alert):
        data: dict[str, Any] = {"event": source.event.fields, "rule": source.rule}
        if source.additional_payload_key is not None:
            data[source.additional_payload_key] = source.additional_payload
        return _of_event(source.event, EVENT_ALERT, data)
    if source.data is None and source.instance is None:
        return None
    of_change = resource_change_data(resource_name(source.sender), source.instance)
    return message_of_change(
        change_event(source.sender, source.action),
        source.organization_id,
        source.project_id,
        of_change if source.data is None else source.data,
    )


def message_of_change(event: str, organization_id: str, project_id: str | None, data: dict[str, Any]) -> Message:
    """Return the message of a change; `event` is `<resource>.<action>`."""
    return Message(event, organization_id, data, project_id)


def _of_event(event: Event, type_: str, data: dict[str, Any]) -> Message:
    at = event.datetime
    return Message(type_, event.organization_id, data, event.project_id, event.event_id, moment_of(at))


def _structured(fields: Any) -> Message:
    if not isinstance(fields, dict):
        raise BrokenRecord("the value is not a JSON object")
    if fields.get("data_base64") is not None:
        raise BrokenRecord("data_base64: data must be JSON")
    return _cloud_event(fields, fields.get("data"))


def _content_type(headers: dict[str, bytes], default: bytes = b"") -> str:
    """Return the media type, without its parameters."""
    return headers.get(_CONTENT_TYPE, default).partition(b";")[0].strip().lower().decode(errors="replace")


def _attributes(headers: dict[str, bytes]) -> dict[str, Any]:
    read = ("specversion", *_ATTRIBUTES.values())
    try:
        return {name: headers[header].decode() for name in read if (header := f"ce_{name}") in headers}
    except UnicodeDecodeError:
        raise BrokenRecord("the headers of a CloudEvent must be UTF-8") from None


def _binary_data(headers: dict[str, bytes], record: Record, registry: Registry | None) -> Any:
    content_type = _content_type(headers, b"application/json")
    if record.value == b"":
        return None
    if content_type not in ("application/json", "application/avro") and not content_type.endswith("+json"):
        raise BrokenRecord(f"{_CONTENT_TYPE}: data must be JSON")
    return decode_any(record.value, registry)


def _cloud_event(attributes: dict[str, Any], data: Any) -> Message:
    if attributes.get("specversion") != _VERSION:
        raise BrokenRecord(f"specversion: must be {_VERSION}")
    for name, told in (("id", "id"), ("source", "source"), ("organizationid", "organization_id")):
        if attributes.get(name) in (None, ""):
            raise BrokenRecord(f"{name}: a CloudEvent needs it" + (f", for the {told}" if name != told else ""))
    try:
        return Message.from_fields(
            {"data": data, **{field: attributes.get(name) for field, name in _ATTRIBUTES.items()}}
        )
    except BrokenRecord as broken:
        field, separator, reason = str(broken).partition(": ")
        raise BrokenRecord(f"{_ATTRIBUTES.get(field, field)}{separator}{reason}") from None
