"""Folders that are fetched once for a user, however many processes want them."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def default_cache() -> Path:
    """Return the folder of this user's that outlives the run: `~/.cache/streamhooks`."""
    return Path.home() / ".cache" / "streamhooks"


def made_once(folder: Path, make: Callable[[Path], None], is_whole: Callable[[Path], bool] = Path.is_dir) -> None:
    """Fill a folder of a cache with `make(another folder)` if it isn't there, or isn't whole.

    Several processes may call this at once: one makes it, the others wait. What `make` raises is raised.
    """
    if is_whole(folder):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.parent / "lock"):
        if is_whole(folder):
            return
        # Only a whole folder gets the final name: what an interrupted one left behind is never used.
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        make(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the system frees it when the holder dies
        yield
