"""What is said of a field of a hook, once and beside its type (`hook.Hook`).

Its reading, its bounds, the OpenAPI document, what the API takes and shows, the options of the command line, the fields
of its file and the page's form follow.
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
"""What users may do with a field: set it at any time, set it once, or see it; what is not seen is none of the API's."""


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
    """`more` is folded, `new` only there as long as there is no hook."""


@dataclass(frozen=True, slots=True)
class Fact:
    """The line of the page among what is said of a hook."""

    title: str
    without: str = ""
    """What it says of a hook that has none; without it there is no such line then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookField:
    """What is said of a field."""

    value: Value
    users: Users
    is_needed: bool = False
    """Whether a new hook must be given one."""
    has_setting: bool = False
    """Whether a setting of the worker says what holds for a hook that has none."""
    unit: str = ""
    """Of the number, or of each."""
    option: Option | None = None
    input: Input | None = None
    fact: Fact | None = None

    @property
    def schema_shown(self) -> Schema:
        """JSON Schema of what is shown."""
        return self.value.schema if self.value.stored is None else self.value.stored


def changeable(value: Value, **said: Any) -> Mapping[str, HookField]:
    """Return the metadata of a field that users may set at any time; `said` is what HookField has besides."""
    return {SAID: HookField(value=value, users="change", **said)}


def creatable(value: Value, **said: Any) -> Mapping[str, HookField]:
    """Return the metadata of a field that users may set when they make a hook."""
    return {SAID: HookField(value=value, users="create", **said)}


def seen(read: Read, schema: Schema) -> Mapping[str, HookField]:
    """Return the metadata of a field that users see, as `schema` says."""
    return {SAID: HookField(value=Value("other", read, schema), users="see")}


def internal(read: Read) -> Mapping[str, HookField]:
    """Return the metadata of a field that users don't see."""
    return {SAID: HookField(value=Value("other", read, {}), users="nothing")}
