from __future__ import annotations

import psutil


def ended(pid: int) -> bool:
    """Tell whether a process is gone, or dead and only not collected by its parent."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
