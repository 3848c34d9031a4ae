"""Every error that streamhooks raises on purpose.

StreamhooksError
├── BrokenRecord            a record that can't be decoded or breaks its schema
├── RegistryAway            the schema registry gives no answer; the record may be fine
├── BadUrl                  a hook's URL that may not be used (syntax, scheme, port, userinfo, address)
├── Busy                    too many such calls of the API run at this moment
├── UnpublishableRecord     the broker will never take this record (too large)
│   └── NotPermitted        … as long as nobody gives us the permission
└── Refusal                 the start ends with one line
    └── BadSettings         a setting has a wrong value
"""

from __future__ import annotations


class StreamhooksError(Exception):
    """The root of all errors of this package."""


class BrokenRecord(StreamhooksError):
    """A record can't be decoded or breaks its schema; the text says why, for the dead letter."""


class RegistryAway(StreamhooksError):
    """The schema registry gives no answer: what needs it waits."""


class BadUrl(StreamhooksError):
    """A hook's URL may not be used; the text says why, for the API's answer or the dead letter."""


class Busy(StreamhooksError):
    """Too many such calls of the API run at this moment; `what` names their kind in the metrics."""

    def __init__(self, what: str, text: str) -> None:
        super().__init__(text)
        self.what = what


class UnpublishableRecord(StreamhooksError):
    """The broker will never take a record of ours, however often it is tried."""


class NotPermitted(UnpublishableRecord):
    """We may not write to a topic; that is for an operator to mend, and then goes on."""


class Refusal(StreamhooksError):
    """The worker can't start; the text is the one line that is shown."""


class BadSettings(Refusal):
    """A setting has a wrong value; the text names its variable."""
