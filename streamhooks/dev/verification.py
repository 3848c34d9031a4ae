"""Verify that streamhooks sent a webhook: the three signatures of docs/reference/payloads.md.

On purpose, this shares no code with the sender, so that each checks the other.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence

_PREFIX = "whsec_"
_TOLERANCE = 300.0
_INSTALLATION = re.compile(rb'"installation":\s*\{"uuid":\s*"([^"]*)"')


def hook_id(headers: Mapping[str, str], body: bytes) -> str | None:
    """Return the id of the hook that sent a request: a service hook's GUID, or the uuid in an app hook's body.

    None for a message hook, whose requests don't name it.
    """
    if guid := headers.get("X-ServiceHook-GUID"):
        return guid
    found = _INSTALLATION.search(body)
    return found[1].decode(errors="replace") if found else None


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float, tolerance: float = _TOLERANCE
) -> dict[str, bool]:
    """Return for each signature of a request whether it was made with one of `secrets`.

    headers -- looked up by their names in docs/reference/payloads.md (any case, if the mapping allows it).
    now, tolerance -- epoch seconds, seconds: a Standard Webhooks timestamp further away is rejected.
    The keys are `standard` (Standard Webhooks: base64 HMAC-SHA256 of `id.timestamp.body`), `service_hook` and
    `app_hook` (Sentry: hex HMAC-SHA256 of the body).
    """
    found = {}
    if "webhook-signature" in headers:
        found["standard"] = _standard(headers, body, secrets, now, tolerance)
    for name, header in (
        ("service_hook", "X-ServiceHook-Signature"),
        ("app_hook", "Sentry-Hook-Signature"),
    ):
        if header in headers:
            given = headers[header].encode()
            found[name] = any(
                hmac.compare_digest(hmac.digest(secret.encode(), body, "sha256").hex().encode(), given)
                for secret in secrets
            )
    return found


def _standard(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float, tolerance: float) -> bool:
    identifier, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not identifier or not timestamp.isascii() or not timestamp.isdigit():
        return False
    if abs(now - int(timestamp)) > tolerance:
        return False
    signed = f"{identifier}.{timestamp}.".encode() + body
    right = [b"v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256")) for secret in secrets]
    given = headers["webhook-signature"].encode().split()
    return any(hmac.compare_digest(one, other) for one in right for other in given)


def _key(secret: str) -> bytes:
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX))
        except binascii.Error:
            pass  # a custom secret that only looks like a generated one
    return secret.encode()
