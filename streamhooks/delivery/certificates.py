"""Which certificates of endpoints are taken."""

from __future__ import annotations

import ssl
from functools import cache


def verifying(context: ssl.SSLContext | None = None) -> ssl.SSLContext:
    """Return the context, or one that trusts the system's authorities, changed so that certificates need a SAN.

    A name in the subject alone (CN) is no proof: authorities have not checked it for years (RFC 9525).
    """
    context = context or _of_the_system()
    context.hostname_checks_common_name = False
    return context


@cache
def _of_the_system() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
