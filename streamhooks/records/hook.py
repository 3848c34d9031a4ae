"""Hooks as users wish them; what the system found about one is its `HookState`, and neither overwrites the other."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self, cast, get_args

from streamhooks.errors import BrokenRecord
from streamhooks.records.bounds import LABELS, over_bounds, wrong_in_label
from streamhooks.records.fields import (
    LARGEST,
    Record,
    choice,
    hex_32,
    identity,
    is_number,
    listing,
    optional_identity,
    optional_number,
    optional_text,
    optional_whole,
    plain,
    text,
)
from streamhooks.records.hook_events import expand_events
from streamhooks.records.own_headers import own_headers
from streamhooks.records.secret import SEALED, check_secret

Status = Literal["active", "disabled"]

REVISION_HEADER: Final = "revision"
"""The header of a tombstone of `hooks` that has what `Hook.revision` is for a value."""

_URL = re.compile(r"https?://[^\s\x00-\x20\x7f]+", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")


class _Judged(Record):
    """A hook's place for what follows from its fields, and is none itself."""

    __slots__ = ("blocked",)

    blocked: str | None
    """Why nothing can be sent to it, so that what it would get waits; None if it can. Each delivery asks for it."""


@dataclass(frozen=True, slots=True)
class Hook(_Judged):
    """A hook as wished; the value of the topic `hooks`. What may hold credentials is left out of its repr."""

    id: str
    organization_id: str
    url: str
    events: tuple[str, ...]
    secret: str = field(repr=False)
    project_ids: tuple[str, ...] = ()
    """Sorted; empty means every project of the organization."""
    app_id: str | None = None
    """None for a service hook."""
    name: str | None = None
    """What people call it; this and the next are only shown, and 0.1.0 did not know them."""
    description: str | None = None
    version: int = 0
    status: Status = "active"
    headers: dict[str, str] | None = field(default=None, repr=False)
    timeout: float | None = None
    """Seconds; None here and below is what the settings say."""
    max_in_flight: int | None = None
    rate_limit: float | None = None
    """Deliveries a second over all workers."""
    retry_schedule: tuple[float, ...] | None = None
    """Seconds before each retry."""
    date_created: str = ""
    enabled_at: float = 0.0
    """Epoch seconds of when a user last enabled it: what the system found before that is forgiven."""
    resume: str | None = None
    """What becomes of what it missed until `resumed_at`: `skip`, `all`, or from when on, epoch seconds as a text."""
    resumed_at: float = 0.0
    """Epoch seconds of when a user decided that."""
    revision: int | None = None
    """One more than that of the record that it was made from; None if it was not written by the API of a worker."""
    previous_secret: str | None = field(default=None, repr=False)
    previous_secret_until: float | None = None
    """Epoch seconds: until then the previous secret signs too."""
    earlier_secret: str | None = field(default=None, repr=False)
    """The one before the previous one; 0.1.0 did not know it."""
    earlier_secret_until: float | None = None

    def __post_init__(self) -> None:
        """Look once at what does not change."""
        object.__setattr__(self, "blocked", self._why_blocked())

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields of a hook (docs/reference/hooks.md); raise BrokenRecord that names the field.

        Needed are `id`, `organization_id`, `url`, `events` and `secret`; the others have defaults. The URL's
        address is not checked here. A former secret and its end come together or not. A name that can't be shown is
        none: a hook is not given up for it.
        """
        app_id = optional_identity(fields, "app_id")
        previous_secret, previous_secret_until = _former_secret(fields, "previous_secret")
        earlier_secret, earlier_secret_until = _former_secret(fields, "earlier_secret")
        if fields.get("events") is None:
            raise BrokenRecord("events: must be a list")
        return cls(
            id=hex_32(fields, "id"),
            organization_id=identity(fields, "organization_id"),
            url=_url(fields),
            events=expand_events(listing(fields, "events"), app_id is not None),
            secret=check_secret(text(fields, "secret")),
            project_ids=_identities(fields, "project_ids"),
            app_id=app_id,
            name=_label(fields, "name"),
            description=_label(fields, "description"),
            version=optional_whole(fields, "version") or 0,
            status=_status(fields),
            headers=own_headers(fields),
            timeout=optional_number(fields, "timeout", positive=True),
            max_in_flight=optional_whole(fields, "max_in_flight", least=1),
            rate_limit=optional_number(fields, "rate_limit", positive=True),
            retry_schedule=_retry_schedule(fields),
            date_created=optional_text(fields, "date_created") or "",
            enabled_at=optional_number(fields, "enabled_at") or 0.0,
            resume=_resume(fields),
            resumed_at=optional_number(fields, "resumed_at") or 0.0,
            revision=optional_whole(fields, "revision", least=1),
            previous_secret=previous_secret,
            previous_secret_until=previous_secret_until,
            earlier_secret=earlier_secret,
            earlier_secret_until=earlier_secret_until,
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form, the secrets in clear."""
        return {
            **plain(self),
            "events": list(self.events),
            "project_ids": list(self.project_ids),
            "retry_schedule": None if self.retry_schedule is None else list(self.retry_schedule),
        }

    def written_at(self, timestamp: int) -> Self:
        """Return the hook as of a record with this timestamp (epoch milliseconds).

        Who writes hooks without us (GitOps) need not know `enabled_at` and `resumed_at`: the record that wishes for an
        active hook is then what enables it, and its `resume` is decided then.
        """
        if self.status != "active":
            return self
        written = max(timestamp, 0) / 1000
        resumed_at = self.resumed_at or (written if self.resume is not None else 0.0)
        return replace(self, enabled_at=self.enabled_at or written, resumed_at=resumed_at)

    @property
    def is_sealed(self) -> bool:
        """Whether a part of it is still encrypted, since no key opens it: nothing can be sent to it."""
        secrets = (self.secret, self.previous_secret, self.earlier_secret, *(self.headers or {}).values())
        return any(text is not None and text.startswith(SEALED) for text in secrets)

    @property
    def over_bounds(self) -> dict[str, str]:
        """The fields that are over their bound, each with that bound; headers only if they are in clear."""
        return dict(over_bounds(self.events, self.project_ids, None if self.is_sealed else self.headers))

    def _why_blocked(self) -> str | None:
        if self.is_sealed:
            return "no key of STREAMHOOKS_SECRET_KEYS opens its secrets"
        over = next(over_bounds(self.events, self.project_ids, self.headers), None)
        return None if over is None else f"over a bound: {over[0]} {over[1]}"


def _url(fields: dict[str, Any]) -> str:
    url = text(fields, "url")
    if len(url) > 512 or not _URL.fullmatch(url):
        raise BrokenRecord("url: must be http or https and have at most 512 characters")
    return url


def _identities(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    return tuple(sorted({identity({name: value}, name) for value in listing(fields, name)}))


def _status(fields: dict[str, Any]) -> Status:
    if fields.get("status") is None:
        return "active"
    return cast(Status, choice(fields, "status", get_args(Status)))


def _label(fields: dict[str, Any], name: str) -> str | None:
    text = fields.get(name)
    return None if wrong_in_label(text, LABELS[name]) else cast(str, text)


def _resume(fields: dict[str, Any]) -> str | None:
    resume = optional_text(fields, "resume")
    if resume is None or resume in ("skip", "all") or _SECONDS.fullmatch(resume):
        return resume
    raise BrokenRecord("resume: must be skip, all, or a time")


def _former_secret(fields: dict[str, Any], name: str) -> tuple[str | None, float | None]:
    secret, until = optional_text(fields, name), optional_number(fields, f"{name}_until")
    if (secret is None) != (until is None):
        raise BrokenRecord(f"{name}: needs {name}_until, and the other way round")
    return secret, until


def _retry_schedule(fields: dict[str, Any]) -> tuple[float, ...] | None:
    if fields.get("retry_schedule") is None:
        return None
    delays = listing(fields, "retry_schedule")
    if not all(is_number(delay) and 0 <= delay <= LARGEST for delay in delays):
        raise BrokenRecord("retry_schedule: must hold seconds of at least 0")
    return tuple(float(delay) for delay in delays)
