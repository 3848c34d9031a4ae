"""TLS of the views: the server's certificate, and the authorities that callers trust."""

from __future__ import annotations

import ssl
from pathlib import Path

from streamhooks.errors import BadSettings
from streamhooks.settings import Settings


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the TLS context of the views; None without TLS.

    Raise BadSettings with one line that names the variable if a file can't be read or is not PEM.
    """
    if settings.web_tls_cert is None or settings.web_tls_key is None:
        return None
    _check("CERT", settings.web_tls_cert)
    _check("KEY", settings.web_tls_key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # With a password given, OpenSSL does not ask for one at the terminal.
        context.load_cert_chain(settings.web_tls_cert, settings.web_tls_key, password="")
    except OSError as error:  # ssl.SSLError is one
        raise BadSettings(f"STREAMHOOKS_WEB_TLS_CERT, _WEB_TLS_KEY: {_reason(error)}") from None
    return context


def client_context(ca: Path | None) -> ssl.SSLContext:
    """Return the TLS context of callers: it trusts the authorities in a file, or those of the system.

    Raise BadSettings if the file can't be read or is not PEM.
    """
    if ca is None:
        return ssl.create_default_context()
    _check("CA", ca)
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise BadSettings(f"STREAMHOOKS_WEB_TLS_CA: {_reason(error)}") from None


def _check(name: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise BadSettings(f"STREAMHOOKS_WEB_TLS_{name}: {path} can't be read: {error.strerror}") from None


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"not the expected PEM ({error.reason or error.args[-1]})"
    return str(error)
