"""TLS sessions that are resumed: a full handshake costs a worker as much CPU as many deliveries.

Neither asyncio nor uvloop resumes sessions. But both let the context make their `SSLObject`, and a context has a
documented place for the class of it, `sslobject_class`.
"""

from __future__ import annotations

import ssl
from collections import OrderedDict
from typing import ClassVar, NamedTuple

from streamhooks.times import steady

#: a certificate is verified again after so many seconds
SECONDS = 600.0
_MOST = 1024


class _Known(NamedTuple):
    """A session, and when the certificate behind it was verified."""

    session: ssl.SSLSession
    verified: float


class Sessions:
    """The latest session of each server name, of at most 1,024 names.

    OpenSSL compares the name with the certificate in full handshakes only. So a session is used for its name alone.
    """

    def __init__(self) -> None:
        self._by_name: OrderedDict[str, _Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> _Known | None:
        """Return what is known of a server, if its certificate was verified within the last ten minutes."""
        known = self._by_name.get(name)
        return known if known is not None and steady() - known.verified < SECONDS else None

    def keep(self, name: str, known: _Known) -> None:
        """Remember a session."""
        self._by_name[name] = known
        self._by_name.move_to_end(name)
        if len(self._by_name) > _MOST:
            self._by_name.popitem(last=False)


class ResumingObject(ssl.SSLObject):
    """One TLS connection. It begins with the session of an earlier one to the same name; see `remember`."""

    sessions: ClassVar[Sessions]
    _has_begun = False
    _known: _Known | None = None

    def do_handshake(self) -> None:
        """Go on with the handshake."""
        if not self._has_begun:
            self._has_begun = True
            self._known = self.sessions.get(self.server_hostname or "")
            if self._known is not None:
                self.session = self._known.session
        super().do_handshake()

    def remember(self) -> None:
        """Let the next connections resume this session. Tickets of TLS 1.3 come with the first response.

        Reading a session costs a third of a handshake, so a resumed one stays as it was, and so does one that another
        connection remembered meanwhile.
        """
        name = self.server_hostname or ""
        if self.session_reused or self.sessions.get(name) is not self._known:
            return
        session = self.session
        if session is not None and (session.has_ticket or session.id):
            self.sessions.keep(name, _Known(session, steady()))


def resume(context: ssl.SSLContext) -> None:
    """Let the connections of a context resume the sessions of earlier ones."""
    if not issubclass(context.sslobject_class, ResumingObject):
        context.sslobject_class = type("ResumingObject", (ResumingObject,), {"sessions": Sessions()})
