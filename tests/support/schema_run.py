"""Schemathesis, as a program that calls a worker by what its OpenAPI document says."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def schemathesis(base: str, token: str | None, examples: int, *options: str) -> list[str]:
    """The command that checks a worker; it ends with 0 if nothing was found."""
    header = ["-H", f"Authorization: Bearer {token}"] if token else []
    return [
        sys.executable, "-m", "schemathesis.cli", "run", f"{base}/openapi.json", "--max-examples", str(examples),
        "--seed", "1", "--no-color", "--continue-on-failure", "--no-shrink", "--generation-database", "none",
        # In their place there are those of `schema_checks`.
        "--exclude-checks", "positive_data_acceptance,negative_data_rejection", *header, *options,
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """Its variables, with our own checks."""
    return os.environ | {"SCHEMATHESIS_HOOKS": "schema_checks", "PYTHONPATH": str(Path(__file__).parent)}


def findings(output: str) -> str:
    """What it found, without how it went."""
    return output[max(output.find("= FAILURES"), 0) :]
