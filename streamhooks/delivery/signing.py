"""Signatures of a body: Sentry's hex HMAC and that of Standard Webhooks."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

SECRET_PREFIX = "whsec_"

_BLOCK = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))

_Key = tuple["_Hash", "_Hash"]
"""The two hashes of an HMAC (RFC 2104) after the first block of each."""


def legacy_signature(secret: str, body: bytes) -> str:
    """Return the hex HMAC-SHA256 of the body, as in Sentry's two signature headers.

    The key is the whole text of the secret in UTF-8, including a prefix `whsec_`. The header has room for one
    signature, so during a rotation the caller passes the current secret.
    """
    return _hmac(_legacy(secret), body).hex()


def standard_signature(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature` (Standard Webhooks): `v1,<base64>` per secret, separated by spaces.

    It signs `<webhook_id>.<timestamp>.<body>`, with the timestamp in whole epoch seconds. After a rotation, the
    signatures of the replaced secrets in force follow that of the current one.
    """
    content = f"{webhook_id}.{timestamp}.".encode() + body
    signatures = ""
    for secret in secrets:
        signature = binascii.b2a_base64(_hmac(_standard(secret), content), newline=False).decode()
        signatures += f" v1,{signature}" if signatures else f"v1,{signature}"
    return signatures


def _hmac(key: _Key, content: bytes) -> bytes:
    """Return the HMAC-SHA256 of the content. `hmac.digest` takes twice the time: it prepares the key each time."""
    inner, outer = key[0].copy(), key[1].copy()
    inner.update(content)
    outer.update(inner.digest())
    return outer.digest()


def _prepared(key: bytes) -> _Key:
    block = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))


@lru_cache(maxsize=16_384)
def _legacy(secret: str) -> _Key:
    return _prepared(secret.encode())


@lru_cache(maxsize=16_384)
def _standard(secret: str) -> _Key:
    """Return the key of a `whsec_` secret: its decoded bytes, else the UTF-8 bytes of the whole text."""
    if secret.startswith(SECRET_PREFIX):
        try:
            # A lenient decoder drops invalid characters; the key could become empty, and anybody could sign with that.
            key = b64decode(secret[len(SECRET_PREFIX) :], validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if key:
            return _prepared(key)
    return _prepared(secret.encode())
