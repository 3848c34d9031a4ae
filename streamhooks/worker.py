"""What happens when somebody asks for `streamhooks.app`: settings are read, topics made, the parts wired."""

from __future__ import annotations

import asyncio
import sys

from streamhooks.kafka.topics import ensure_topics
from streamhooks.mended.app import App
from streamhooks.open_files import allow_many
from streamhooks.settings import load_settings
from streamhooks.wiring import create_app


def build_app() -> App:
    """The app of this process, for `faust -A streamhooks worker`; blocks until Kafka answers and the topics are there.

    Raises:
        Refusal: a setting is wrong, Kafka does not answer, or a topic is not as it must be.

    """
    settings = load_settings()
    if sys.platform != "win32":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    allow_many(settings.max_in_flight)
    return create_app(settings, ensure_topics(settings))
