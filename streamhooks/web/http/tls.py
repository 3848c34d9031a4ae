"""TLS of the views: what they are served with, and what callers trust."""

from __future__ import annotations

import ssl
from pathlib import Path

from streamhooks.errors import BadSettings
from streamhooks.settings import Settings


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """What the views are served with; None without TLS.

    Raises:
        BadSettings: a file can't be read or is none; one line that names its variable.

    """
    if settings.web_tls_cert is None or settings.web_tls_key is None:
        return None
    _check("CERT", settings.web_tls_cert)
    _check("KEY", settings.web_tls_key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # With a password to give, nobody is asked for one.
        context.load_cert_chain(settings.web_tls_cert, settings.web_tls_key, password="")
    except OSError as error:  # ssl.SSLError is one
        raise BadSettings(f"STREAMHOOKS_WEB_TLS_CERT, _WEB_TLS_KEY: {_told(error)}") from None
    return context


def client_context(ca: Path | None) -> ssl.SSLContext:
    """What callers of the views trust: the authorities in a file, or those of the system.

    Raises:
        BadSettings: the file can't be read or is none.

    """
    if ca is None:
        return ssl.create_default_context()
    _check("CA", ca)
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise BadSettings(f"STREAMHOOKS_WEB_TLS_CA: {_told(error)}") from None


def _check(name: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise BadSettings(f"STREAMHOOKS_WEB_TLS_{name}: {path} can't be read: {error.strerror}") from None


def _told(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"it holds nothing in PEM that fits ({error.reason or error.args[-1]})"
    return str(error)
