"""The observed state of a hook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from streamhooks.records.fields import Record, hex_32, optional_number, optional_text, plain


@dataclass(frozen=True, slots=True)
class HookState(Record):
    """The observed state of a hook; a value of the topic `hook-states`. Times are epoch seconds."""

    id: str
    status_reason: str | None = None
    disabled_since: float | None = None
    upheld_at: float | None = None
    """Records of the hook up to this time have not undone the disabling; 0.1.0 did not write it."""
    failing_since: float | None = None
    paused_until: float | None = None
    """By the writer's clock; `paused_for` takes precedence."""
    open_since: float | None = None
    """Since when its breaker is open."""
    breaker_told_at: float | None = None
    """When a notice last reported that it opened; 0.1.0 did not write it."""
    sealed_since: float | None = None
    """Since when no key can decrypt its secrets, or it is over a bound (see `Hook.blocked`)."""
    warned_at: float | None = None
    paused_for: float | None = None
    """How long its endpoint is not called, in seconds from the time of writing; 0.1.0 did not write it."""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields; raise BrokenRecord naming the field. All but `id` have defaults."""
        return cls(
            id=hex_32(fields, "id"),
            status_reason=optional_text(fields, "status_reason"),
            disabled_since=optional_number(fields, "disabled_since"),
            upheld_at=optional_number(fields, "upheld_at"),
            failing_since=optional_number(fields, "failing_since"),
            paused_until=optional_number(fields, "paused_until"),
            open_since=optional_number(fields, "open_since"),
            breaker_told_at=optional_number(fields, "breaker_told_at"),
            sealed_since=optional_number(fields, "sealed_since"),
            warned_at=optional_number(fields, "warned_at"),
            paused_for=optional_number(fields, "paused_for"),
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return plain(self)
