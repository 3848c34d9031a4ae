"""Signatures of a body: Sentry's hex HMAC and that of Standard Webhooks."""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from functools import lru_cache

SECRET_PREFIX = "whsec_"


def legacy_signature(secret: str, body: bytes) -> str:
    """Return the hex HMAC-SHA256 of the body, as in Sentry's two signature headers.

    The key is the whole text of the secret in UTF-8, including a prefix `whsec_`. The header has room for one
    signature, so during a rotation the caller passes the current secret.
    """
    return hmac.digest(secret.encode(), body, "sha256").hex()


def standard_signature(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature` (Standard Webhooks): `v1,<base64>` per secret, separated by spaces.

    It signs `<webhook_id>.<timestamp>.<body>`, with the timestamp in whole epoch seconds. After a rotation, the
    signatures of the replaced secrets in force follow that of the current one.
    """
    content = f"{webhook_id}.{timestamp}.".encode() + body
    return " ".join(["v1," + b64encode(hmac.digest(_key(s), content, "sha256")).decode() for s in secrets])


@lru_cache(maxsize=16_384)
def _key(secret: str) -> bytes:
    """Return the decoded bytes of a `whsec_` secret, else the UTF-8 bytes of the whole text."""
    if secret.startswith(SECRET_PREFIX):
        try:
            # A lenient decoder drops invalid characters; the key could become empty, and anybody could sign with that.
            key = b64decode(secret[len(SECRET_PREFIX) :], validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if key:
            return key
    return secret.encode()
