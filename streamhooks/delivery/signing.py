"""Signatures of a body: Sentry's hex HMAC and that of Standard Webhooks."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

SECRET_PREFIX = "whsec_"


def legacy_signature(secret: str, body: bytes) -> str:
    """Return the hex HMAC-SHA256 of the body, as in Sentry's two signature headers.

    The key is the whole text of the secret in UTF-8, including a prefix `whsec_`. The header has room for one
    signature, so during a rotation the caller passes the current secret.
    """
    return _signed(_legacy(secret), body).hex()


def standard_signature(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature` (Standard Webhooks): `v1,<base64>` per secret, separated by spaces.

    It signs `<webhook_id>.<timestamp>.<body>`, with the timestamp in whole epoch seconds. After a rotation, the
    signatures of the replaced secrets in force follow that of the current one.
    """
    content = f"{webhook_id}.{timestamp}.".encode() + body
    signatures = ""
    for secret in secrets:
        signature = binascii.b2a_base64(_signed(_standard(secret), content), newline=False).decode()
        signatures += f" v1,{signature}" if signatures else f"v1,{signature}"
    return signatures


def _signed(key: HMAC, content: bytes) -> bytes:
    """Return the HMAC of the content. To copy a prepared key takes half the time of `hmac.digest`."""
    signature = key.copy()
    signature.update(content)
    return signature.finalize()


@lru_cache(maxsize=16_384)
def _legacy(secret: str) -> HMAC:
    return HMAC(secret.encode(), SHA256())


@lru_cache(maxsize=16_384)
def _standard(secret: str) -> HMAC:
    """Return the key of a `whsec_` secret: its decoded bytes, else the UTF-8 bytes of the whole text."""
    if secret.startswith(SECRET_PREFIX):
        try:
            # A lenient decoder drops invalid characters; the key could become empty, and anybody could sign with that.
            key = b64decode(secret[len(SECRET_PREFIX) :], validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if key:
            return HMAC(key, SHA256())
    return HMAC(secret.encode(), SHA256())
