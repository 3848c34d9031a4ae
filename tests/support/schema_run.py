"""Schemathesis, as a program that calls a worker by its OpenAPI document."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def schemathesis(base: str, token: str | None, examples: int, *options: str) -> list[str]:
    """Return the command that checks a worker; it ends with 0 if nothing was found."""
    header = ["-H", f"Authorization: Bearer {token}"] if token else []
    return [
        sys.executable, "-m", "schemathesis.cli", "run", f"{base}/openapi.json", "--max-examples", str(examples),
        "--seed", "1", "--no-color", "--continue-on-failure", "--no-shrink", "--generation-database", "none",
        # In their place there are two in `schema_checks`.
        "--exclude-checks", "positive_data_acceptance,negative_data_rejection", *header, *options,
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """Return its environment, with our own checks."""
    return os.environ | {"SCHEMATHESIS_HOOKS": "schema_checks", "PYTHONPATH": str(Path(__file__).parent)}


def findings(output: str) -> str:
    """Return its findings, without its progress."""
    return output[max(output.find("= FAILURES"), 0) :]
