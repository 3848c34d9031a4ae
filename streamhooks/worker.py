"""What happens when somebody asks for `streamhooks.app`: settings are read, topics made, the parts wired."""

from __future__ import annotations

import asyncio
import gc
import sys

from streamhooks.kafka.topics import ensure_topics
from streamhooks.mended.app import App
from streamhooks.settings import load_settings
from streamhooks.wiring import create_app


def build_app() -> App:
    """The app of this process, for `faust -A streamhooks worker`; blocks until Kafka answers and the topics are there.

    Raises:
        Refusal: a setting is wrong, Kafka does not answer, or a topic is not as it must be.

    """
    # Python looks for cycles after each 700 objects that were made and not freed: with a thousand deliveries in flight
    # that is all the time. There are few cycles, and they are still found.
    gc.set_threshold(20_000, 20, 20)
    settings = load_settings()
    if sys.platform != "win32":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    return create_app(settings, ensure_topics(settings))
