"""The topics of an installation: their names, how they are created, and what must hold between them."""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, TopicMetadata

from streamhooks.errors import BadSettings, Refusal
from streamhooks.kafka.clients import client_config
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.settings import Settings
from streamhooks.times import steady

log = logging.getLogger(__name__)

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topics:
    """The full names of the topics, with the prefix."""

    prefix: str

    def __getattr__(self, name: str) -> str:
        try:
            return self.prefix + NAMES[name]
        except KeyError:
            raise AttributeError(name) from None


NAMES = {
    name.replace("-", "_"): name
    for name in (
        "events",
        "alerts",
        "resource-changes",
        "messages",
        "resources",
        "hooks",
        "hook-states",
        "delayed",
        "firings",
        "notices",
        "dead-letters",
        "letter-states",
        "counting-fired-10s-changelog",
        "counting-fired-1h-changelog",
        "counting-fired-1d-changelog",
    )
}

_NO_CONTROLLER = (
    KafkaError._TIMED_OUT,  # noqa: SLF001 - its public name
    KafkaError._TRANSPORT,  # noqa: SLF001 - its public name
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - its public name
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NOT_CONTROLLER,
)

#: topic configurations that differ from the broker's defaults
CONFIGS: Mapping[str, Mapping[str, str]] = {
    "resources": {"cleanup.policy": "compact"},
    "hooks": {"cleanup.policy": "compact"},
    "hook-states": {"cleanup.policy": "compact"},
    # A settled call leaves a record and a tombstone: cleaned early, so that a restart reads little.
    "delayed": {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.3",
        "segment.ms": "600000",
        "segment.bytes": "67108864",
    },
    # Records carry the time of their attempts, even if the broker's default is the time of arrival.
    "firings": {"retention.ms": str(7 * DAY_MS), "message.timestamp.type": "CreateTime"},
    # A cell is written while its window is open, and needed while its rollup keeps it.
    "counting-fired-10s-changelog": {
        "cleanup.policy": "compact,delete",
        "retention.ms": str(DAY_MS // 12),
        "segment.ms": "600000",
    },
    "counting-fired-1h-changelog": {"cleanup.policy": "compact,delete", "retention.ms": str(8 * DAY_MS)},
    "counting-fired-1d-changelog": {"cleanup.policy": "compact,delete", "retention.ms": str(92 * DAY_MS)},
    "dead-letters": {"retention.ms": str(30 * DAY_MS)},
    # States of letters that are gone become tombstones.
    "letter-states": {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.3"},
}

#: errors that mean an administrator has to create the topic
_FORBIDDEN = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)

#: each pair must have equal partition counts, since equal partitions are read together
COPARTITIONED = (
    ("delayed", "firings"),
    ("firings", "letter-states"),
    ("resources", "resource-changes"),
    *(("firings", f"counting-fired-{rollup}-changelog") for rollup in ("10s", "1h", "1d")),
)


def admin_client(settings: Settings, tell: Callable[[KafkaError], object] | None = None) -> AdminClient:
    """Return an admin client; when it is polled, `tell` is called with errors of its connections.

    Raises:
        BadSettings: no client can be made with these settings.

    """
    try:
        return AdminClient(client_config(settings) | ({"error_cb": tell} if tell else {}))
    except KafkaException as error:
        text = "STREAMHOOKS_BROKERS, _SECURITY_PROTOCOL, _SASL_*, _TLS_*"
        raise BadSettings(f"{text}: {error.args[0].str()}") from None


class _Kafka:
    """Asks the installation's Kafka for its topics, and explains why it does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._errors: deque[KafkaError] = deque(maxlen=10)
        self.admin = admin_client(settings, self._errors.append)

    def topics(self, timeout: float) -> Mapping[str, TopicMetadata]:
        """Return all topics that we may see; raise Refusal if it does not answer in `timeout` seconds."""
        try:
            found: Mapping[str, TopicMetadata] = self.admin.list_topics(timeout=timeout).topics
        except KafkaException as error:
            self.admin.poll(0)
            text = f"Kafka at {self._settings.bootstrap_servers} (STREAMHOOKS_BROKERS) does not answer"
            raise Refusal(f"{text}: {self._reason(error.args[0])}") from None
        return found

    def _reason(self, error: KafkaError) -> str:
        # "All brokers are down" explains nothing; the errors before it do.
        reasons = [one.str() for one in self._errors if one.code() != KafkaError._ALL_BROKERS_DOWN]  # noqa: SLF001
        if reasons:
            return re.sub(r" \(after \d+ms in state \w+\)", "", reasons[-1])
        # Brokers that require a password close a connection without one.
        return f"{error.str()} (is STREAMHOOKS_SECURITY_PROTOCOL={self._settings.security_protocol} right?)"


def topics_to_make(settings: Settings) -> list[NewTopic]:
    """Return all topics of an installation, as they are created where none exists."""
    return [_new_topic(name, {}, settings) for name in NAMES.values()]


def ensure_topics(settings: Settings, *, wait: float = 60.0) -> dict[str, int]:
    """Create the missing topics and check the others; blocks.

    Returns: the number of partitions of each topic, by its name without the prefix.

    Raises:
        Refusal: Kafka did not answer within `wait` seconds, or a topic is not as it must be.

    """
    kafka = _Kafka(settings)
    present = _present(kafka, settings, wait)
    missing = [_new_topic(name, present, settings) for name in NAMES.values() if name not in present]
    _create(kafka.admin, missing, settings, wait)
    deadline = steady() + wait
    while missing and not set(NAMES.values()) <= (present := _present(kafka, settings, wait)).keys():
        if steady() > deadline:
            raise Refusal("the created topics do not appear")
        time.sleep(0.1)
    _check(present, settings)
    made = {topic.topic for topic in missing}
    compacted = [name for name, config in CONFIGS.items() if "compact" in config.get("cleanup.policy", "")]
    _warn_of_retention(
        kafka.admin, [topic for name in compacted if (topic := settings.topic_prefix + name) not in made]
    )
    return present


def present_topics(settings: Settings, wait: float) -> Collection[str]:
    """Return the names of all topics of the settings' Kafka; raise Refusal if it does not answer in `wait` seconds."""
    return set(_Kafka(settings).topics(max(wait, 0.1)))


def _create(admin: AdminClient, missing: list[NewTopic], settings: Settings, wait: float) -> None:
    deadline = steady() + wait
    left = {topic.topic: topic for topic in missing}
    forbidden: list[str] = []
    while left:
        for name, future in admin.create_topics([*left.values()], request_timeout=30).items():
            try:
                future.result()
                log.info("created topic %s", name)
            except KafkaException as error:
                if _is_soon_over(error.args[0]) and steady() < deadline:
                    continue
                if error.args[0].code() in _FORBIDDEN:
                    forbidden.append(name)
                elif error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    numbers = f"{settings.partitions} and {settings.replication}"
                    text = f"the topic {name} can't be created (STREAMHOOKS_PARTITIONS, _REPLICATION: {numbers})"
                    raise Refusal(f"{text}: {error.args[0].str()}") from None
            del left[name]
        if left:
            log.warning("waiting for brokers that can host new topics")
            time.sleep(1.0)
    if forbidden:
        raise Refusal(
            f"this user is not allowed to create the topics {', '.join(forbidden)}: an administrator has to do it "
            "(`streamhooks topics commands` prints the commands), or they exist and this user may not see them"
        )


def _is_soon_over(error: KafkaError) -> bool:
    """Tell whether there is no controller yet, or it has fenced the brokers: just after a start or a long pause."""
    return error.code() in _NO_CONTROLLER or bool(
        error.code() == KafkaError.INVALID_REPLICATION_FACTOR and "fenced" in error.str()
    )


def _warn_of_retention(admin: AdminClient, compacted: list[str]) -> None:
    """Warn of topics that we did not create, and that delete what they must keep."""
    resources = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in compacted]
    for resource, future in admin.describe_configs(resources, request_timeout=10).items() if resources else ():
        try:
            policy = future.result()["cleanup.policy"].value
        except KafkaException as error:  # for example without permission
            log.debug("the configuration of %s can't be read: %s", resource.name, error.args[0].str())
            continue
        if "compact" not in policy:
            text = "the topic %s has cleanup.policy=%s and needs compact: records older than its retention are lost"
            log.warning(text, resource.name, policy)


def _present(kafka: _Kafka, settings: Settings, wait: float) -> dict[str, int]:
    deadline = steady() + wait
    while True:
        try:
            found = kafka.topics(5.0)
            break
        except Refusal as refusal:
            if steady() > deadline:
                raise
            log.warning("waiting for Kafka: %s", shown(refusal, LONGEST_TEXT))
    prefix = settings.topic_prefix
    return {
        name: len(found[prefix + name].partitions)
        for name in NAMES.values()
        if prefix + name in found and found[prefix + name].partitions
    }


def _new_topic(name: str, present: Mapping[str, int], settings: Settings) -> NewTopic:
    partners = {partner for pair in COPARTITIONED if name in pair for partner in pair}
    if name.endswith("-changelog") or name == "letter-states":
        partners |= {"delayed"}
    # An existing partner decides, since the user may have created it.
    known = [present[partner] for partner in sorted(partners) if partner in present]
    partitions = 1 if name == "hooks" else known[0] if known else settings.partitions
    return NewTopic(
        settings.topic_prefix + name,
        num_partitions=partitions,
        replication_factor=settings.replication,
        config=dict(CONFIGS.get(name, {})),
    )


def _check(present: Mapping[str, int], settings: Settings) -> None:
    if present["hooks"] != 1:
        raise Refusal(f"the topic {settings.topic_prefix}hooks has {present['hooks']} partitions, but must have 1")
    for one, other in COPARTITIONED:
        if present[one] != present[other]:
            names = f"{settings.topic_prefix}{one} and {settings.topic_prefix}{other}"
            raise Refusal(
                f"the topics {names} must have the same number of partitions, "
                f"but have {present[one]} and {present[other]}"
            )
