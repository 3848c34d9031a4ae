"""Folders that are fetched once per user, however many processes need them."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def default_cache() -> Path:
    """Return this user's folder that outlives the run: `~/.cache/streamhooks`."""
    return Path.home() / ".cache" / "streamhooks"


def made_once(folder: Path, make: Callable[[Path], None], is_whole: Callable[[Path], bool] = Path.is_dir) -> None:
    """Fill a folder of the cache with `make(another folder)` if it is missing or incomplete.

    Several processes may call this at once: one fills it, the others wait. Exceptions of `make` are passed on.
    """
    if is_whole(folder):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.parent / "lock"):
        if is_whole(folder):
            return
        # Only a complete folder gets the final name, so that the rest of an interrupted run is never used.
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        make(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the system releases it when the holder dies
        yield
