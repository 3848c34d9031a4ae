"""The records that users' systems write: events, alerts and changes of resources."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from streamhooks.errors import BrokenRecord
from streamhooks.records.datetimes import check_datetime
from streamhooks.records.fields import (
    OF_USERS,
    Record,
    hex_32,
    identity,
    mapping,
    optional_identity,
    optional_mapping,
    optional_text,
    plain,
    text,
)

# A sender becomes a header of the delivery, so it is limited to what a header can carry.
_NAME = re.compile(r"[\x21-\x7e]{1,200}")
_FINAL_ID = re.compile(r"[0-9a-f]{32}")
_NOTHING: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Event(Record):
    """An event of a project. Build it with `from_fields`, which checks what the properties rely on."""

    deepest: ClassVar[int] = OF_USERS
    exact: ClassVar[bool] = True

    fields: dict[str, Any]
    """The record as given, with unknown fields. Every id is a text, and `event_id` is in lower case."""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check an Event (docs/reference/records.md) and keep all fields; raise BrokenRecord naming the field.

        `data` and `group` may be absent or null. The given dict is not changed, and must not be afterwards.
        """
        if _is_in_final_form(fields):
            check_datetime(fields)
            return cls(fields)
        organization = mapping(fields, "organization")
        text(organization, "slug", "organization.")
        project = mapping(fields, "project")
        text(project, "slug", "project.")
        text(project, "name", "project.")
        text(fields, "type")
        check_datetime(fields)
        optional_mapping(fields, "data")
        checked = {
            **fields,
            "event_id": hex_32(fields, "event_id"),
            "organization": {**organization, "id": identity(organization, "id", "organization.")},
            "project": {**project, "id": identity(project, "id", "project.")},
        }
        if checked.get("data", checked) is None:
            del checked["data"]
        group = optional_mapping(fields, "group")
        if group is not None:
            checked["group"] = {**group, "id": identity(group, "id", "group.")}
        return cls(checked)

    def to_fields(self) -> dict[str, Any]:
        """Return the fields themselves, not a copy."""
        return self.fields

    @property
    def event_id(self) -> str:
        """Return the id: 32 hex characters in lower case."""
        value: str = self.fields["event_id"]
        return value

    @property
    def key(self) -> str:
        """Return the key of the record in its topic."""
        return self.project_id

    @property
    def type(self) -> str:
        """Return the type: `error`, `default`, …."""
        value: str = self.fields["type"]
        return value

    @property
    def datetime(self) -> str | float:
        """Return the time as given: ISO 8601 text or epoch seconds."""
        value: str | float = self.fields["datetime"]
        return value

    @property
    def organization_id(self) -> str:
        """Return the id of the organization."""
        value: str = self.fields["organization"]["id"]
        return value

    @property
    def organization_slug(self) -> str:
        """Return the slug of the organization."""
        value: str = self.fields["organization"]["slug"]
        return value

    @property
    def project_id(self) -> str:
        """Return the id of the project."""
        value: str = self.fields["project"]["id"]
        return value

    @property
    def project(self) -> dict[str, Any]:
        """Return the project with at least `id`, `slug` and `name`."""
        value: dict[str, Any] = self.fields["project"]
        return value

    @property
    def group(self) -> dict[str, Any] | None:
        """Return the group with at least its `id`, or None."""
        value: dict[str, Any] | None = self.fields.get("group")
        return value

    @property
    def group_id(self) -> str | None:
        """Return the id of the group, or None without a group."""
        group = self.group
        return None if group is None else str(group["id"])

    def summary(self) -> dict[str, Any]:
        """Return the ids of the record and related ones, without any content that users wrote."""
        return {
            "event_id": self.event_id,
            "type": self.type,
            "organization_id": self.organization_id,
            "project_id": self.project_id,
            "group_id": self.group_id,
        }


@dataclass(frozen=True, slots=True)
class Alert(Record):
    """A rule that fired for an event."""

    deepest: ClassVar[int] = OF_USERS
    exact: ClassVar[bool] = True

    event: Event
    rule: str
    app_id: str | None = None
    additional_payload_key: str | None = None
    additional_payload: Any | None = None

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields of an Alert (docs/reference/records.md); raise BrokenRecord naming the field."""
        event_fields = mapping(fields, "event")
        try:
            event = Event.from_fields(event_fields)
        except BrokenRecord as broken:
            raise BrokenRecord(f"event.{broken}") from None
        key = optional_text(fields, "additional_payload_key")
        payload = fields.get("additional_payload")
        if key == "":
            raise BrokenRecord("additional_payload_key: must not be empty")
        if key is None and payload is not None:
            raise BrokenRecord("additional_payload: needs additional_payload_key")
        if payload is None:
            key = None  # as in Sentry: a key without a payload is left out
        return cls(event, text(fields, "rule", empty=True), optional_identity(fields, "app_id"), key, payload)

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return {**plain(self), "event": self.event.fields}

    @property
    def key(self) -> str:
        """Return the key of the record in its topic."""
        return self.event.key

    @property
    def organization_id(self) -> str:
        """Return the id of the event's organization."""
        return self.event.organization_id

    def summary(self) -> dict[str, Any]:
        """Return the ids of the record and related ones, without any content that users wrote."""
        return {**self.event.summary(), "rule": self.rule, "app_id": self.app_id}


@dataclass(frozen=True, slots=True)
class ResourceChange(Record):
    """A resource of any sender that was created, changed, resolved, …."""

    deepest: ClassVar[int] = OF_USERS
    exact: ClassVar[bool] = True

    action: str
    sender: str
    instance_id: str
    organization_id: str
    organization_slug: str
    project_id: str | None = None
    instance: dict[str, Any] | None = None
    actor: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    """The whole `data` to send. Without it, the resource is sent under its name."""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields of a change (docs/reference/records.md); raise BrokenRecord naming the field."""
        organization = mapping(fields, "organization")
        return cls(
            action=_name(fields, "action"),
            sender=_name(fields, "sender"),
            instance_id=identity(fields, "instance_id"),
            organization_id=identity(organization, "id", "organization."),
            organization_slug=text(organization, "slug", "organization."),
            project_id=optional_identity(fields, "project_id"),
            instance=optional_mapping(fields, "instance"),
            actor=optional_mapping(fields, "actor"),
            data=optional_mapping(fields, "data"),
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form, with `organization` an object again."""
        return {
            "action": self.action,
            "sender": self.sender,
            "instance_id": self.instance_id,
            "organization": {"id": self.organization_id, "slug": self.organization_slug},
            "project_id": self.project_id,
            "instance": self.instance,
            "actor": self.actor,
            "data": self.data,
        }

    @property
    def key(self) -> str:
        """Return the key of the record in its topic."""
        return f"{self.sender}:{self.instance_id}"

    def summary(self) -> dict[str, Any]:
        """Return the ids of the record and related ones, without any content that users wrote."""
        return {
            "action": self.action,
            "sender": self.sender,
            "instance_id": self.instance_id,
            "organization_id": self.organization_id,
            "project_id": self.project_id,
            "has_instance": self.instance is not None,
        }


def _is_in_final_form(fields: dict[str, Any]) -> bool:
    """Tell whether the fields of an event, except `datetime`, are valid and need no change; most are so.

    False says nothing: the careful reading decides. It takes four times as long.
    """
    try:
        organization, project, group = fields["organization"], fields["project"], fields.get("group")
        ids = [organization["id"], project["id"]]
        if group is not None:
            ids.append(group["id"])
        texts = [*ids, organization["slug"], project["slug"], project["name"], fields["type"]]
        "".join(texts)
        return (
            all(texts)
            and "".join(ids).isascii()
            and _FINAL_ID.fullmatch(fields["event_id"]) is not None
            and type(fields.get("data", _NOTHING)) is dict
        )
    except (KeyError, TypeError):
        return False


def _name(fields: dict[str, Any], name: str) -> str:
    value = text(fields, name)
    if _NAME.fullmatch(value):
        return value
    raise BrokenRecord(f"{name}: must be at most 200 visible ASCII characters")
