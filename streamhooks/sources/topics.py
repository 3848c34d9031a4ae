"""The source topics of an installation by name: ours, with the prefix, and topics of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from streamhooks.kafka.topics import Topics
from streamhooks.records.hook import Hook
from streamhooks.sources.kinds import OF_USERS, SourceKind
from streamhooks.sources.own import OwnTopic

SourceTopic = SourceKind | OwnTopic


@dataclass(frozen=True)
class Sources:
    """All source topics of an installation. Made once, when a worker starts."""

    topics: Topics
    own: tuple[OwnTopic, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, SourceTopic]:
        """Return all source topics by their full names."""
        return {kind.topic(self.topics): kind for kind in SourceKind} | {one.topic: one for one in self.own}

    @cached_property
    def of_users(self) -> Mapping[str, SourceTopic]:
        """Return the source topics that users write, by their full names."""
        return {name: one for name, one in self.by_name.items() if one in OF_USERS or one in self.own}

    def of(self, topic: str) -> SourceTopic | None:
        """Return what source a topic is, by its full name; None if it is none of this installation."""
        return self.by_name.get(topic)

    def named(self, name: str) -> str | None:
        """Return the full name of a topic that users write, given with or without the prefix; None if it is none."""
        if name in self.of_users:
            return name
        return self.topics.prefix + name if name in OF_USERS else None

    def firing(self, hook: Hook) -> list[str]:
        """Return the topics that users write, and whose records can fire a hook."""
        return [name for name, one in self.of_users.items() if one.can_fire(hook)]
