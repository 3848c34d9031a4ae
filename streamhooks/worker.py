"""What happens when somebody asks for `streamhooks.app`: settings are read, topics made, the parts wired."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from pathlib import Path

from streamhooks.errors import BadSettings
from streamhooks.heap import keep_heap_small
from streamhooks.kafka.clients import tls_context
from streamhooks.kafka.topics import ensure_topics
from streamhooks.mended.app import App
from streamhooks.open_files import allow_many
from streamhooks.repeated_lines import limit_logs
from streamhooks.settings import load_settings
from streamhooks.web.tls import client_context, server_context
from streamhooks.wiring import create_app


def build_app() -> App:
    """The app of this process, for `faust -A streamhooks worker`; blocks until Kafka answers and the topics are there.

    Raises:
        Refusal: a setting is wrong, Kafka does not answer, or a topic is not as it must be.

    """
    # Python looks for cycles after each 700 objects that were made and not freed: with a thousand deliveries in flight
    # that is all the time. There are few cycles, and they are still found.
    gc.set_threshold(20_000, 20, 20)
    if logging.lastResort is not None:
        limit_logs([logging.lastResort])  # what writes until Faust has set up the log
    settings = load_settings()
    # What is wrong with files of TLS is told before the first client stumbles over them.
    tls_context(settings)
    server_context(settings)
    client_context(settings.web_tls_ca)
    _make_folder(settings.data_dir)
    if sys.platform != "win32":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    allow_many(settings.max_in_flight)
    keep_heap_small()
    return create_app(settings, ensure_topics(settings))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSettings(f"STREAMHOOKS_DATA_DIR: {folder} can't be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadSettings(f"STREAMHOOKS_DATA_DIR: {folder} can't be written to")
