"""Every error that streamhooks raises on purpose.

StreamhooksError
├── BrokenRecord            a record can't be decoded or violates its schema
├── RegistryAway            the schema registry does not answer; the record may be fine
├── BadExpression           an expression can't be compiled, or costs too much
├── EvaluationFailed        an expression can't be evaluated with these values
│   └── MissingKey          it needs a key that is not there
├── BadUrl                  a hook's URL is not allowed (syntax, scheme, port, user name, address)
├── TooManySecrets          the secret of a hook can't be replaced yet
├── Busy                    too many API calls of this kind are running
├── NotOwner                 another worker owns a hook
├── Overtaken               another worker has changed a hook in the meantime
├── PublishError            a record was not written
│   ├── RecordTooLarge      the broker will never accept it
│   ├── WriteRefused        the broker rejects it for now: no permission, no such topic, …
│   ├── NotConfirmed        Kafka has not confirmed it in time; it may be written all the same
│   └── ProducerDead        this process can't write any more
└── Refusal                 the start ends with one line
    └── BadSettings         a setting has an invalid value
"""

from __future__ import annotations


class StreamhooksError(Exception):
    """The root of all errors of this package."""


class BrokenRecord(StreamhooksError):
    """A record can't be decoded or violates its schema; the text is the reason in the dead letter."""


class RegistryAway(StreamhooksError):
    """The schema registry does not answer; records that need it wait."""


class BadExpression(StreamhooksError):
    """An expression can't be compiled, or costs too much; the text says where and why."""


class EvaluationFailed(StreamhooksError):
    """An expression can't be evaluated with these values; the text is the reason in the dead letter."""


class MissingKey(EvaluationFailed):
    """An expression needs a key that is not there."""


class BadUrl(StreamhooksError):
    """A hook's URL is not allowed; the text is the reason in the API's answer or the dead letter."""


class TooManySecrets(StreamhooksError):
    """The secret of a hook can't be replaced before `until` (epoch seconds): two replaced ones still sign."""

    def __init__(self, until: float) -> None:
        super().__init__(until)
        self.until = until


class Busy(StreamhooksError):
    """Too many API calls of this kind are running; `what` is the kind's name in the metrics."""

    def __init__(self, what: str, text: str) -> None:
        super().__init__(text)
        self.what = what


class NotOwner(StreamhooksError):
    """Another worker owns a hook, or may own it, so this worker does not change it."""


class Overtaken(StreamhooksError):
    """A change of a hook has no effect: another worker has written the hook in the meantime."""


class PublishError(StreamhooksError):
    """A record was not written to Kafka."""


class RecordTooLarge(PublishError):
    """The broker will never accept this record, however often it is tried."""


class WriteRefused(PublishError):
    """The broker rejects a record for now. It may accept it once an operator has fixed the cause.

    `code` is Kafka's error code, as in `confluent_kafka.KafkaError`.
    """

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class NotConfirmed(PublishError):
    """Kafka has not confirmed a record in time. If it was on its way, it may be written all the same."""


class ProducerDead(PublishError):
    """Writing is no longer possible in this process. Another worker repeats the work that is not confirmed."""


class Refusal(StreamhooksError):
    """The worker or a command can't go on; the text is the one line that is shown."""


class BadSettings(Refusal):
    """A setting has an invalid value; the text names its variable."""
