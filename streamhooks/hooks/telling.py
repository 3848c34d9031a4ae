"""How a worker reports what it observed about a hook to the hook's owner."""

from __future__ import annotations

from collections.abc import Callable

from streamhooks.hooks.findings import What

#: how long a worker waits before it reports the same finding to the owner again, in seconds
TOLD = 15.0

Tell = Callable[[What, str, dict[str, object]], None]
"""Takes what was found, the hook's id, and the fields of the finding."""
