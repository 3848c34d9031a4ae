"""A hook's secret: how it is generated, which ones are allowed, and how it is masked."""

from __future__ import annotations

import binascii
import secrets
from base64 import b64decode, b64encode
from typing import Final

from streamhooks.errors import BrokenRecord

SECRET_PREFIX: Final = "whsec_"
SECRET_BYTES: Final = (24, 64)
"""The decoded bytes that a new secret may have after `whsec_`, as Standard Webhooks allows."""

SEALED: Final = "fernet:"
"""The prefix of an encrypted text; see `records.sealing`."""

_LONGEST_SEALED = 4096


def generate_secret() -> str:
    """Return a new secret: `whsec_` and the base64 of 32 random bytes, the form of Standard Webhooks."""
    return SECRET_PREFIX + b64encode(secrets.token_bytes(32)).decode()


def check_secret(secret: str) -> str:
    """Return the secret if it is allowed; else raise BrokenRecord, without the secret in its text.

    An encrypted one is checked when it is decrypted.
    """
    if secret.startswith(SEALED) and len(secret) <= _LONGEST_SEALED:
        return secret
    if not 16 <= len(secret) <= 256:
        raise BrokenRecord("secret: must have 16 to 256 characters")
    if secret.startswith(SECRET_PREFIX):
        try:
            b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise BrokenRecord(f"secret: must be base64 after {SECRET_PREFIX}") from None
    return secret


def masked(secret: str) -> str:
    """Return the mask of a secret: it shows its kind, but neither its characters nor their number."""
    return (SECRET_PREFIX if secret.startswith(SECRET_PREFIX) else "") + "********"


def wrong_in_new_secret(secret: str) -> str | None:
    """Return what is wrong with a new secret that `check_secret` accepts."""
    if secret.startswith(SEALED):
        return f"must be plaintext, not {SEALED}…"
    if not secret.startswith(SECRET_PREFIX):
        return None
    low, high = SECRET_BYTES
    try:
        size = len(b64decode(secret.removeprefix(SECRET_PREFIX), validate=True))
    except (binascii.Error, ValueError):
        return f"must be base64 after {SECRET_PREFIX}"
    return None if low <= size <= high else f"must be the base64 of {low} to {high} bytes after {SECRET_PREFIX}"
