"""Every error that streamhooks raises on purpose.

StreamhooksError
├── BrokenRecord            a record that can't be decoded or breaks its schema
├── RegistryAway            the schema registry gives no answer; the record may be fine
├── BadUrl                  a hook's URL that may not be used (syntax, scheme, port, userinfo, address)
├── TooManySecrets          a further secret of a hook can't be replaced yet
├── Busy                    too many such calls of the API run at this moment
├── NotHome                 another worker is the home of a hook
├── Overtaken               another worker has changed a hook meanwhile
├── PublishError            a record of ours was not written
│   ├── RecordTooLarge      the broker will never take it
│   ├── WriteRefused        the broker does not take it now: no permission, no such topic, …
│   └── ProducerDead        this process can write nothing any more
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


class TooManySecrets(StreamhooksError):
    """A further secret of a hook can't be replaced before `until` (epoch seconds): former ones sign still."""

    def __init__(self, until: float) -> None:
        super().__init__(until)
        self.until = until


class Busy(StreamhooksError):
    """Too many such calls of the API run at this moment; `what` names their kind in the metrics."""

    def __init__(self, what: str, text: str) -> None:
        super().__init__(text)
        self.what = what


class NotHome(StreamhooksError):
    """Another worker is the home of a hook, or may be: it is not changed here."""


class Overtaken(StreamhooksError):
    """A change of a hook changes nothing: another worker has written it meanwhile."""


class PublishError(StreamhooksError):
    """A record of ours was not written."""


class RecordTooLarge(PublishError):
    """The broker will never take a record of ours, however often it is tried."""


class WriteRefused(PublishError):
    """The broker does not take a record of ours now; it may later, when an operator has mended something.

    `code` is Kafka's, a number of `confluent_kafka.KafkaError`.
    """

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class ProducerDead(PublishError):
    """Nothing can be written by this process any more: what is not confirmed is done again by another one."""


class Refusal(StreamhooksError):
    """The worker can't start; the text is the one line that is shown."""


class BadSettings(Refusal):
    """A setting has a wrong value; the text names its variable."""
