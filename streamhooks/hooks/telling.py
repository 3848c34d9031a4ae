"""How a worker reports what it observed about a hook to the hook's owner."""

from __future__ import annotations

from collections.abc import Callable

#: how long a worker waits before it repeats a report, in seconds
TOLD = 15.0

Tell = Callable[[str, str, dict[str, object]], None]
"""Takes the kind of a finding (`disabled`, `breaker`, …), the hook's id, and the fields of the finding."""
