"""Functions that read one field each; the records are built with them.

Each takes the decoded fields and a name. It returns the value in its one form, or raises BrokenRecord with
`<field>: <reason>`. The reason does not contain the value, which may be large or secret. `where` is the path to the
fields when they are not those of the record itself, such as `organization.`. Absent and null mean the same.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self, TypeGuard

from streamhooks.errors import BrokenRecord
from streamhooks.records.exact_json import ExactNumber, dumps, is_unicode

LARGEST = 2**63 - 1
"""The largest integer that fits into the Avro form of a record."""

# orjson reads 1,024 levels of JSON but writes only 254. What users send is nested inside our records (an event in the
# arguments of a call in a dead letter), so its limit is lower.
OF_USERS = 200
OF_OURS = 250

# Characters of an id that is written as a number, with its sign.
_LONGEST_ID = 200

_HEX_32 = re.compile(r"[0-9a-fA-F]{32}")


class Record(ABC):
    """The interface of every record of docs/reference/records.md; the subclasses are frozen dataclasses."""

    __slots__ = ()

    deepest: ClassVar[int] = OF_OURS
    """How many levels deep its JSON may be nested."""
    exact: ClassVar[bool] = False
    """Whether it contains values of users, whose numbers and texts are sent unchanged: see `exact_json`."""

    @classmethod
    @abstractmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Build the record from decoded JSON; raise BrokenRecord with `<field>: <reason>`."""

    @abstractmethod
    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the record's JSON form, in their order."""

    def to_json(self) -> bytes:
        """Return the record as compact JSON; raise orjson.JSONEncodeError for values that JSON does not have."""
        return dumps(self.to_fields())


def plain(record: Record) -> dict[str, Any]:
    """Return the fields of a flat dataclass with slots, unchanged."""
    names: tuple[str, ...] = record.__slots__
    return {name: getattr(record, name) for name in names}


def identity(fields: dict[str, Any], name: str, where: str = "") -> str:
    """Read an id: a non-empty text, or an integer, which becomes a text. A bool is not an id."""
    value = fields.get(name)
    if type(value) is str and value and is_unicode(value):
        return value
    if type(value) is int:
        return str(value)
    if isinstance(value, ExactNumber) and value.is_integer and len(value.text) <= _LONGEST_ID:
        return value.text
    raise BrokenRecord(f"{where}{name}: must " + ("not be empty" if value == "" else "be an id (a text or an integer)"))


def optional_identity(fields: dict[str, Any], name: str, where: str = "") -> str | None:
    """Read an id that may be null."""
    return None if fields.get(name) is None else identity(fields, name, where)


def hex_32(fields: dict[str, Any], name: str) -> str:
    """Read 32 hex characters; return them in lower case."""
    value = fields.get(name)
    if isinstance(value, str) and _HEX_32.fullmatch(value):
        return value.lower()
    raise BrokenRecord(f"{name}: must be 32 hex characters")


def text(fields: dict[str, Any], name: str, where: str = "", *, empty: bool = False) -> str:
    """Read a text; `empty` allows an empty one."""
    value = fields.get(name)
    if isinstance(value, str) and (value or empty):
        return value
    raise BrokenRecord(f"{where}{name}: must " + ("not be empty" if value == "" else "be a text"))


def optional_text(fields: dict[str, Any], name: str, where: str = "") -> str | None:
    """Read a text that may be null or empty."""
    return None if fields.get(name) is None else text(fields, name, where, empty=True)


def choice(fields: dict[str, Any], name: str, allowed: tuple[str, ...], where: str = "") -> str:
    """Read one of the allowed texts."""
    value = fields.get(name)
    if isinstance(value, str) and value in allowed:
        return allowed[allowed.index(value)]  # an equal text, of which there is one
    raise BrokenRecord(f"{where}{name}: must be one of {', '.join(allowed)}")


def whole(fields: dict[str, Any], name: str, where: str = "", *, least: int = 0) -> int:
    """Read an integer from `least` to `LARGEST`."""
    value = fields.get(name)
    if type(value) is int and least <= value <= LARGEST:
        return value
    raise BrokenRecord(f"{where}{name}: must be a whole number of at least {least}")


def optional_whole(fields: dict[str, Any], name: str, where: str = "", *, least: int = 0) -> int | None:
    """Read an integer that may be null."""
    return None if fields.get(name) is None else whole(fields, name, where, least=least)


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether this is a finite number; a bool is not."""
    return type(value) is int or (type(value) is float and math.isfinite(value))


def number(fields: dict[str, Any], name: str, where: str = "", *, positive: bool = False) -> float:
    """Read a finite number of at least 0, or above 0 if `positive`."""
    value = fields.get(name)
    if is_number(value) and (value > 0 if positive else value >= 0) and value <= LARGEST:
        return float(value)
    raise BrokenRecord(f"{where}{name}: must be a number " + ("above 0" if positive else "of at least 0"))


def optional_number(fields: dict[str, Any], name: str, where: str = "", *, positive: bool = False) -> float | None:
    """Read a number that may be null."""
    return None if fields.get(name) is None else number(fields, name, where, positive=positive)


def mapping(fields: dict[str, Any], name: str, where: str = "") -> dict[str, Any]:
    """Read an object."""
    value = fields.get(name)
    if isinstance(value, dict):
        return value
    raise BrokenRecord(f"{where}{name}: must be an object")


def optional_mapping(fields: dict[str, Any], name: str, where: str = "") -> dict[str, Any] | None:
    """Read an object that may be null."""
    return None if fields.get(name) is None else mapping(fields, name, where)


def listing(fields: dict[str, Any], name: str, where: str = "") -> list[Any]:
    """Read a list; without the field it is empty."""
    value = fields.get(name)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise BrokenRecord(f"{where}{name}: must be a list")


def yes_or_no(fields: dict[str, Any], name: str) -> bool:
    """Read a bool; without the field it is false."""
    value = fields.get(name)
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    raise BrokenRecord(f"{name}: must be true or false")
