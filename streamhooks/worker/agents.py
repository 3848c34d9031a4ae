"""The agents: one per topic that a worker consumes. They get its records in batches, as they were fetched."""

from __future__ import annotations

from functools import partial
from typing import Any

from streamhooks.faust_patches.app import App
from streamhooks.faust_patches.lanes import batches_of
from streamhooks.kafka.topics import Topics
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.topics import Sources
from streamhooks.worker.around import AroundCounting, AroundDelivering
from streamhooks.worker.system import System


def add_agents(app: App, counting_app: App, sources: Sources) -> None:
    """Add the agents to the two apps, before these start."""
    for kind in SourceKind:
        _add_agent(app, kind, sources.topics)
    for own in sources.own:
        _add_own_agent(app, own.topic)

    @counting_app.agent(_source(counting_app, sources.topics.firings), name="firings")
    async def firings(stream: Any) -> None:
        """Count every attempt in the windowed tables, and keep the latest ones per hook."""
        parts = counting_app.parts
        assert isinstance(parts, AroundCounting)
        await parts.system.counting.follow(batches_of(stream))


def _add_agent(app: App, kind: SourceKind, topics: Topics) -> None:
    @app.agent(_source(app, kind.topic(topics)), name=kind.value)
    async def fires(stream: Any) -> None:
        """Fire the hooks that match the records of a source topic."""
        running = _system_of(app).running
        await running.intake.follow(batches_of(stream), partial(running.calls.of, kind))


def _add_own_agent(app: App, topic: str) -> None:
    # It may be called `events`, and the names of agents differ.
    @app.agent(_source(app, topic), name=f"own:{topic}")
    async def fires(stream: Any) -> None:
        """Fire the hooks that match the records of a topic of one's own."""
        running = _system_of(app).running
        pausing = running.pausing[topic]
        await running.intake.follow(pausing.let_through(batches_of(stream)), partial(running.calls.of, pausing))


def _system_of(app: App) -> System:
    """Return the parts of the worker. They exist whenever an agent runs."""
    assert isinstance(app.parts, AroundDelivering)
    return app.parts.system


def _source(app: App, name: str) -> Any:
    """Return a topic whose records are not decoded by Faust: a broken one must not crash an agent."""
    app.plain_topics.add(name)
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
