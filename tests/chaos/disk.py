"""A small file system for a broker's data, which can be full."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_ROOMY = "4g"


class SmallDisk:
    """A file system in memory. Raises OSError if this machine does not let us make one."""

    def __init__(self, folder: Path) -> None:
        """Mount it on a folder, which is made."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={_ROOMY}", "chaos", str(folder))

    def fill(self) -> None:
        """Leave no room: it becomes as small as what is on it."""
        for _ in range(50):
            found = os.statvfs(self._folder)
            try:
                self._resize(str((found.f_blocks - found.f_bfree) * found.f_frsize))
            except OSError:  # meanwhile there is more on it
                continue
            return
        raise OSError(f"{self._folder} could not be made full")

    def make_room(self) -> None:
        """Let it be large again."""
        self._resize(_ROOMY)

    def close(self) -> None:
        """Unmount it; what was on it is gone."""
        _run("umount", "--lazy", str(self._folder))

    def _resize(self, size: str) -> None:
        _run("mount", "-o", f"remount,size={size}", str(self._folder))


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")
