"""The certificates of endpoints that are accepted, and the TLS sessions that are resumed."""

from __future__ import annotations

import ssl
from functools import cache

from streamhooks.delivery.sessions import resume


def verifying(context: ssl.SSLContext | None = None) -> ssl.SSLContext:
    """Change the context so that certificates need a SAN and sessions are resumed, and return it.

    By default, it is one with the system's authorities. A name in the subject alone (CN) proves nothing: authorities
    have not checked it for years (RFC 9525).
    """
    context = context or _of_the_system()
    context.hostname_checks_common_name = False
    resume(context)
    return context


@cache
def _of_the_system() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
