"""The program of a guard (see `dev.guard`). It runs beside each process under guard, so it imports next to nothing."""

import os
import signal
import sys
import time

DISMISSED = b"dismissed"
_GRACE = 5.0


def main(pid: int, folder: str | None) -> None:
    """Wait for the end of the input. Unless it dismisses this guard, kill a process, and remove a folder if given."""
    # A Ctrl-C or a SIGTERM to all processes must not end the guard before the guarded process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.stdin.buffer.read() == DISMISSED:
        return
    deadline = time.monotonic() + _GRACE
    try:
        while time.monotonic() < deadline:  # in a container without an init, dead processes remain as zombies
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
    except ProcessLookupError:
        pass
    if folder:
        import shutil  # most guards are dismissed

        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
