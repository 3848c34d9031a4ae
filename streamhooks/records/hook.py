"""The desired state of hooks. The observed state is in `HookState`; neither overwrites the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import partial
from typing import Any, Final, Self

from streamhooks.errors import BrokenRecord
from streamhooks.records.bounds import over_bounds
from streamhooks.records.fields import Record, hex_32, number, plain, text, whole
from streamhooks.records.hook_events import SENTRY, Format
from streamhooks.records.hook_fields import (
    SAID,
    Fact,
    HookField,
    Input,
    Option,
    Users,
    changeable,
    creatable,
    internal,
    seen,
)
from streamhooks.records.hook_values import (
    APP,
    EVENTS,
    FILTER,
    FORMAT,
    HEADERS,
    HOOK_ID,
    ORGANIZATION,
    PROJECTS,
    SECRET,
    STATUS,
    URL,
    VERSION,
    Status,
    read_end_of_secret,
    read_replaced_secret,
    read_resume,
)
from streamhooks.records.secret import SEALED
from streamhooks.records.value import DELAYS, above_zero, line, number_between, whole_up_to

REVISION_HEADER: Final = "revision"
"""The header of a tombstone of `hooks` with its revision, as `Hook.revision` is that of a value."""


class _Judged(Record):
    """The slot of a hook for a value that is derived from its fields and is not a field itself."""

    __slots__ = ("blocked",)

    blocked: str | None
    """Why nothing can be sent to it, so its deliveries wait; None if it is not blocked. Each delivery asks for it."""


@dataclass(frozen=True, slots=True)
class Hook(_Judged):
    """The desired state of a hook; the value of the topic `hooks`. Its repr leaves out what may contain credentials."""

    id: str = field(metadata=seen(hex_32, HOOK_ID))
    organization_id: str = field(metadata=creatable(ORGANIZATION, is_needed=True))
    url: str = field(
        metadata=changeable(
            URL, is_needed=True, input=Input("URL", placeholder="https://example.com/hook", place="main")
        )
    )
    events: tuple[str, ...] = field(
        metadata=changeable(
            EVENTS,
            is_needed=True,
            option=Option("--event", "EVENT", "Such as event.created or issue.*; repeatable."),
            input=Input("Events", place="main"),
        )
    )
    secret: str = field(
        repr=False,
        metadata=changeable(
            SECRET,
            option=Option(
                "--secret",
                "TEXT",
                "16 to 256 characters, or whsec_ and the base64 of 24 to 64 bytes; `-` reads a line from stdin.",
            ),
            input=Input("Your own secret", "If empty, one is generated and shown once.", place="new"),
        ),
    )
    project_ids: tuple[str, ...] = field(
        default=(),
        metadata=changeable(
            PROJECTS,
            option=Option("--project", "ID", "Repeatable; all projects by default."),
            input=Input("Projects", "Ids; empty means every project of the organization.", place="main"),
        ),
    )
    """Sorted; empty means every project of the organization."""
    app_id: str | None = field(default=None, metadata=creatable(APP))
    """None for a service hook."""
    name: str | None = field(
        default=None,
        metadata=changeable(
            line(100, "for people; only displayed"),
            option=Option("--name", "TEXT", "For people; only displayed."),
            input=Input("Name", "For people; may be empty.", place="main"),
        ),
    )
    """For people, like `description`; only displayed, and unknown to 0.1.0."""
    description: str | None = field(
        default=None,
        metadata=changeable(
            line(1000, "for people, in one line"),
            option=Option("--description", "TEXT", "What it is for, in one line."),
            input=Input("Description", place="main"),
        ),
    )
    version: int = field(default=0, metadata=changeable(VERSION))
    format: Format = field(
        default=SENTRY,
        metadata=changeable(
            FORMAT,
            option=Option("--format", "FORMAT", "Of the payloads: sentry (default), standard, cloudevents or data."),
            input=Input("Format", "Of the payloads.", place="main"),
            fact=Fact("Format"),
        ),
    )
    """Of the payloads; unknown to 0.1.0."""
    status: Status = field(default="active", metadata=changeable(STATUS))
    headers: dict[str, str] | None = field(
        default=None,
        repr=False,
        metadata=changeable(
            HEADERS,
            option=Option("--header", "'NAME: VALUE'", "Custom header; repeatable."),
            input=Input("Custom headers", "One per line.", "X-Tenant: 7"),
            fact=Fact("Custom headers", without="none"),
        ),
    )
    timeout: float | None = field(
        default=None,
        metadata=changeable(
            above_zero(30),
            unit="s",
            has_setting=True,
            option=Option("--timeout", "SECONDS", "Timeout of a whole request."),
            input=Input("Timeout (seconds)"),
            fact=Fact("Timeout"),
        ),
    )
    """Seconds; None, here and below, means the value of the settings."""
    max_in_flight: int | None = field(
        default=None,
        metadata=changeable(
            whole_up_to(10_000),
            has_setting=True,
            option=Option("--max-in-flight", "N", "Maximum deliveries in flight per worker."),
            input=Input("Maximum deliveries in flight per worker"),
            fact=Fact("Maximum in flight"),
        ),
    )
    rate_limit: float | None = field(
        default=None,
        metadata=changeable(
            number_between(0.001, 100_000),
            unit="per second",
            option=Option("--rate-limit", "N", "Deliveries per second over all workers."),
            input=Input("Maximum deliveries per second over all workers", "Empty: no limit."),
            fact=Fact("Rate limit", without="none"),
        ),
    )
    """Deliveries per second over all workers."""
    retry_schedule: tuple[float, ...] | None = field(
        default=None,
        metadata=changeable(
            DELAYS,
            unit="s",
            has_setting=True,
            option=Option("--retry-schedule", "S,S,…", "Seconds before each retry: 5,60,3600."),
            input=Input("Seconds before each retry", placeholder="10, 60, 600"),
            fact=Fact("Retries"),
        ),
    )
    filter: str | None = field(
        default=None,
        metadata=changeable(
            FILTER,
            option=Option("--filter", "CEL", "Only messages for which this is true: message.data.total > 100."),
            input=Input("Filter", "CEL. Empty: every message.", "message.data.total > 100", place="main"),
            fact=Fact("Filter"),
        ),
    )
    """An expression of CEL; docs/filters.md."""
    date_created: str = field(
        default="", metadata=seen(partial(text, empty=True), {"type": "string", "description": "ISO 8601"})
    )
    enabled_at: float = field(default=0.0, metadata=internal(number))
    """When a user last enabled it, epoch seconds: what the system observed before that no longer counts."""
    resume: str | None = field(default=None, metadata=internal(read_resume))
    """The decision about records missed before `resumed_at`: `skip`, `all`, or the epoch seconds, as a text, from which
    they are sent."""
    resumed_at: float = field(default=0.0, metadata=internal(number))
    """When a user made that decision, epoch seconds."""
    revision: int | None = field(
        default=None,
        metadata=seen(
            partial(whole, least=1),
            {"type": "integer", "minimum": 1, "description": "of the desired state; in quotes it is the ETag"},
        ),
    )
    """One more than that of the record that it was made from; None if the API of a worker did not write it."""
    previous_secret: str | None = field(default=None, repr=False, metadata=internal(read_replaced_secret))
    previous_secret_until: float | None = field(default=None, metadata=internal(read_end_of_secret))
    """Until when the previous secret still signs, epoch seconds."""
    earlier_secret: str | None = field(default=None, repr=False, metadata=internal(read_replaced_secret))
    """The secret before the previous one; unknown to 0.1.0."""
    earlier_secret_until: float | None = field(default=None, metadata=internal(read_end_of_secret))

    def __post_init__(self) -> None:
        """Derive once what does not change."""
        object.__setattr__(self, "blocked", self._why_blocked())

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields of a hook (docs/reference/hooks.md); raise BrokenRecord naming the field.

        `id`, `organization_id`, `url`, `events` and `secret` are required; the others have defaults. The address of the
        URL is not checked here. A replaced secret needs its end, and vice versa. A name that can't be shown is read as
        null: it does not make the hook broken.
        """
        if fields.get("events") is None:  # reported first, whatever else is wrong
            raise BrokenRecord("events: must be a list")
        # Absent and null mean the same: most fields have a default, and are then not read at all.
        return cls(
            **{name: read(fields, name) for name, needed, read in _READ if needed or fields.get(name) is not None}
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form, with the secrets as this hook has them."""
        made = plain(self)
        for name in _LISTS:
            if made[name] is not None:
                made[name] = list(made[name])
        return made

    def written_at(self, timestamp: int) -> Self:
        """Return the hook as of a record with this timestamp (epoch milliseconds).

        Programs that write hooks without the API (GitOps) may leave out `enabled_at` and `resumed_at`. Then the record
        with `status: active` enables the hook at its timestamp, and its `resume` is decided at that time.
        """
        if self.status != "active":
            return self
        written = max(timestamp, 0) / 1000
        resumed_at = self.resumed_at or (written if self.resume is not None else 0.0)
        if self.enabled_at and resumed_at == self.resumed_at:
            return self
        return replace(self, enabled_at=self.enabled_at or written, resumed_at=resumed_at)

    @property
    def is_sealed(self) -> bool:
        """Tell whether a part of it is still encrypted, since no key can decrypt it: then nothing is sent to it."""
        if not self.headers and self.previous_secret is None and self.earlier_secret is None:
            return self.secret.startswith(SEALED)  # by far the most common case
        secrets = (self.secret, self.previous_secret, self.earlier_secret, *(self.headers or {}).values())
        return any(text is not None and text.startswith(SEALED) for text in secrets)

    @property
    def over_bounds(self) -> dict[str, str]:
        """Return the fields that are over their bound, each with that bound; headers only if they are plaintext."""
        return dict(over_bounds(self.events, self.project_ids, None if self.is_sealed else self.headers))

    def _why_blocked(self) -> str | None:
        if self.is_sealed:
            return "no key of STREAMHOOKS_SECRET_KEYS can decrypt its secrets"
        if self.filter is not None and self.format == SENTRY:
            return "it has a filter, which hooks of the format sentry can't have"
        over = next(over_bounds(self.events, self.project_ids, self.headers), None)
        return None if over is None else f"over a bound: {over[0]} {over[1]}"


FIELDS: Final[Mapping[str, HookField]] = {one.name: one.metadata[SAID] for one in fields(Hook)}
"""The HookField of each field by name, in the order of the record."""


def names_for(*users: Users) -> tuple[str, ...]:
    """Return the fields that these `users` values allow, in the order of the record."""
    return tuple(name for name, said in FIELDS.items() if said.users in users)


CHANGEABLE: Final = tuple(sorted(names_for("change"), key=lambda name: FIELDS[name].value.kind != "line"))
"""The fields that users may set at any time; name and description come first."""

CREATABLE: Final = (*names_for("create"), *CHANGEABLE)

_READ: Final = tuple((one.name, one.default is MISSING, FIELDS[one.name].value.read) for one in fields(Hook))
_LISTS: Final = tuple(one.name for one in fields(Hook) if str(one.type).startswith("tuple"))
