"""The description of a hook's field, given once, beside its type (`hook.Hook`).

These follow from it: how the field is read, its bounds, the OpenAPI document, what the API accepts and shows, the
options of the command line, the fields of its file, and the page's form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from streamhooks.records.json_schema import Schema
from streamhooks.records.value import Read, Value

SAID: Final = "said"
"""The key of a HookField in the metadata of its field."""

Users = Literal["change", "create", "see", "nothing"]
"""What users may do with a field: set it at any time, set it once, see it, or nothing. The API hides the last kind."""


@dataclass(frozen=True, slots=True)
class Option:
    """The option of `hooks add` and `hooks edit`."""

    flag: str
    metavar: str
    help: str


@dataclass(frozen=True, slots=True)
class Input:
    """The input of the page's form."""

    label: str
    hint: str = ""
    placeholder: str = ""
    place: Literal["main", "more", "new"] = "more"
    """`more` is collapsed; `new` is shown only for a new hook."""


@dataclass(frozen=True, slots=True)
class Fact:
    """The line of the page that shows the field of a hook."""

    title: str
    without: str = ""
    """What it shows for a hook without a value; if empty, that hook has no such line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookField:
    """The description of a field."""

    value: Value
    users: Users
    is_needed: bool = False
    """Whether a new hook needs it."""
    has_setting: bool = False
    """Whether a setting of the worker is the default."""
    unit: str = ""
    """The unit of the number, or of each number of a list."""
    option: Option | None = None
    input: Input | None = None
    fact: Fact | None = None

    @property
    def schema_shown(self) -> Schema:
        """Return the JSON Schema of the value as it is shown."""
        return self.value.schema if self.value.stored is None else self.value.stored


def changeable(value: Value, **said: Any) -> Mapping[str, HookField]:
    """Return the metadata of a field that users may set at any time; `said` are the other fields of HookField."""
    return {SAID: HookField(value=value, users="change", **said)}


def creatable(value: Value, **said: Any) -> Mapping[str, HookField]:
    """Return the metadata of a field that users may set when they create a hook."""
    return {SAID: HookField(value=value, users="create", **said)}


def seen(read: Read, schema: Schema) -> Mapping[str, HookField]:
    """Return the metadata of a field that users only see, with this schema."""
    return {SAID: HookField(value=Value("other", read, schema), users="see")}


def internal(read: Read) -> Mapping[str, HookField]:
    """Return the metadata of a field that users don't see."""
    return {SAID: HookField(value=Value("other", read, {}), users="nothing")}
