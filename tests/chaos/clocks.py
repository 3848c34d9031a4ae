"""A worker's clock that can be shifted while it runs: an injected shift, see `site/sitecustomize.py`."""

from __future__ import annotations

import struct
from pathlib import Path

_SITE = Path(__file__).with_name("site")


class Clock:
    """The shift of one worker's clock; it outlives the worker's process, as a machine's clock does."""

    def __init__(self, path: Path) -> None:
        """Use a file for it."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack("d", 0.0))

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment that the worker's process needs."""
        return {"CHAOS_CLOCK": str(self._path), "PYTHONPATH": str(_SITE)}

    def shift(self, seconds: float) -> None:
        """Set it ahead of the machine's clock by this much from now on; negative: behind it."""
        # In place: the process has it mapped.
        with self._path.open("r+b", buffering=0) as file:
            file.write(struct.pack("d", seconds))
