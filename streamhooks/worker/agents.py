"""The agents: one per topic that a worker consumes. They get its records in batches, as they were fetched."""

from __future__ import annotations

from functools import partial
from typing import Any

from streamhooks.faust_patches.app import App
from streamhooks.faust_patches.lanes import batches_of
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.topics import Sources, SourceTopic
from streamhooks.worker.around import AroundCounting, AroundDelivering
from streamhooks.worker.system import System


def add_agents(app: App, counting_app: App, sources: Sources) -> None:
    """Add the agents to the two apps, before these start."""
    for topic, source in sources.by_name.items():
        # A topic of one's own may be called `events`, and names of agents differ.
        name = source.value if isinstance(source, SourceKind) else f"own:{topic}"
        _add_agent(app, name, topic, source)

    @counting_app.agent(_source(counting_app, sources.topics.firings), name="firings")
    async def firings(stream: Any) -> None:
        """Count every attempt in the windowed tables, and keep the latest ones per hook."""
        parts = counting_app.parts
        assert isinstance(parts, AroundCounting)
        await parts.system.counting.follow(batches_of(stream))


def _add_agent(app: App, name: str, topic: str, source: SourceTopic) -> None:
    @app.agent(_source(app, topic), name=name)
    async def fires(stream: Any) -> None:
        """Fire the hooks that match the records of a source topic."""
        running = _system_of(app).running
        await running.intake.follow(batches_of(stream), partial(running.calls.of, source))


def _system_of(app: App) -> System:
    """Return the parts of the worker. They exist whenever an agent runs."""
    assert isinstance(app.parts, AroundDelivering)
    return app.parts.system


def _source(app: App, name: str) -> Any:
    """Return a topic whose records are not decoded by Faust: a broken one must not crash an agent."""
    app.plain_topics.add(name)
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
