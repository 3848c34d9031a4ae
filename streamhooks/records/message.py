"""Any event of any team: a type, an organization and data. The value of the topic `messages`.

CloudEvents, and records of topics of one's own, become messages as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from streamhooks.errors import BrokenRecord
from streamhooks.records.datetimes import moment_of
from streamhooks.records.fields import OF_USERS, Record, identity, optional_identity, text
from streamhooks.records.hook_events import LONGEST_TYPE, is_type
from streamhooks.times import iso

LONGEST_ID: Final = 256

# It may become an attribute of a CloudEvent, and a part of a header.
_ID = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Message(Record):
    """An event of any team."""

    deepest: ClassVar[int] = OF_USERS
    exact: ClassVar[bool] = True

    type: str
    """Such as `order.paid`: segments of letters, digits, `_` and `-`, with dots between them."""
    organization_id: str
    data: Any
    """Any JSON value; None is null."""
    project_id: str | None = None
    id: str | None = None
    """The producer's id of the event. The `webhook-id` does not follow from it."""
    timestamp: float | None = None
    """When it happened, epoch seconds; None for the timestamp of the record."""
    source: str | None = None
    """Where it happened: the `source` of a CloudEvent."""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields of a message (docs/reference/records.md); raise BrokenRecord naming the field."""
        return cls(
            type=message_type(fields),
            organization_id=identity(fields, "organization_id"),
            data=fields.get("data"),
            project_id=optional_identity(fields, "project_id"),
            id=_optional_name(fields, "id"),
            timestamp=_optional_moment(fields),
            source=_optional_name(fields, "source"),
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form; what is None is left out, but for `data`."""
        fields = {"type": self.type, "organization_id": self.organization_id, "data": self.data}
        if self.project_id is not None:
            fields["project_id"] = self.project_id
        if self.id is not None:
            fields["id"] = self.id
        if self.timestamp is not None:
            fields["timestamp"] = iso(self.timestamp)
        if self.source is not None:
            fields["source"] = self.source
        return fields

    @property
    def key(self) -> str:
        """Return the key of the record in its topic."""
        return self.organization_id if self.project_id is None else self.project_id

    def summary(self) -> dict[str, Any]:
        """Return the ids of the record and related ones, without any content that users wrote."""
        return {
            "type": self.type,
            "organization_id": self.organization_id,
            "project_id": self.project_id,
            "id": self.id,
        }


def message_type(fields: dict[str, Any]) -> str:
    """Return the type of a message; raise BrokenRecord if it is none."""
    value = text(fields, "type")
    if not is_type(value):
        raise BrokenRecord(
            f"type: must be segments of letters, digits, _ and - with dots between them, of at most {LONGEST_TYPE} "
            "characters together"
        )
    return value


def _optional_name(fields: dict[str, Any], name: str) -> str | None:
    if fields.get(name) is None:
        return None
    value = text(fields, name)
    if len(value) > LONGEST_ID or not _ID.fullmatch(value):
        raise BrokenRecord(f"{name}: must have at most {LONGEST_ID} characters, none of them a control character")
    return value


def _optional_moment(fields: dict[str, Any]) -> float | None:
    value = fields.get("timestamp")
    if value is None:
        return None
    found = moment_of(value)
    if found is None:
        raise BrokenRecord("timestamp: must be RFC 3339 or epoch seconds")
    return found
