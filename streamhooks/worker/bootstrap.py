"""Builds `streamhooks.app`, and prepares the process when it becomes a worker."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

import click
from dotenv import dotenv_values

import streamhooks
from streamhooks.errors import BadSettings, Refusal
from streamhooks.faust_patches.app import App
from streamhooks.kafka.clients import tls_context
from streamhooks.kafka.repeated_lines import limit_logs
from streamhooks.kafka.topics import ensure_topics
from streamhooks.masking import shown
from streamhooks.settings import Settings, load_settings, unknown_settings
from streamhooks.web.http.tls import client_context
from streamhooks.worker.app import create_app
from streamhooks.worker.garbage import collect_rarely
from streamhooks.worker.heap import keep_heap_small
from streamhooks.worker.open_files import allow_many
from streamhooks.worker.options import with_options

log = logging.getLogger(__name__)

_OUR_CODE = str(Path(streamhooks.__file__).parent)


def build_app() -> App:
    """Return the app of this process, for `faust -A streamhooks …`; `prepare` does what only a worker needs.

    Raises:
        Refusal: a setting is wrong.

    """
    collect_rarely()
    if logging.lastResort is not None:
        limit_logs([logging.lastResort])  # it writes the log until Faust has configured logging
    if sys.platform != "win32":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    return create_app(load_settings(), prepare)


def prepare(settings: Settings) -> tuple[Settings, dict[str, int]]:
    """Prepare this process and Kafka for a worker; blocks until Kafka answers and the topics exist.

    Returns: the settings with the options of the command line, and the partition count of each topic.

    Raises:
        Refusal: a setting or an option is wrong, Kafka does not answer, or a topic has a wrong configuration.

    """
    for name, nearest in unknown_settings({**os.environ, **dotenv_values(".env")}):
        log.warning("%s is not a setting and has no effect: did you mean %s?", shown(name), nearest)
    settings = with_options(settings, click.get_current_context(silent=True))
    # Report wrong TLS files here: a client would report them late and less clearly.
    tls_context(settings)
    client_context(settings.web_tls_ca)
    _make_folder(settings.data_dir)
    import_tasks(settings.task_modules)
    allow_many(settings.max_in_flight)
    keep_heap_small()
    return settings, ensure_topics(settings)


def import_tasks(modules: Iterable[str]) -> None:
    """Import the modules that define tasks; raise Refusal for one that can't be imported."""
    if not sys.flags.safe_path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # as `python -m` does: the program `faust` leaves it out
    for module in modules:
        try:
            importlib.import_module(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the module is the user's: it may raise anything, and call sys.exit
            if _is_not_there(module, error):
                raise Refusal(f"STREAMHOOKS_TASK_MODULES: there is no module {module!r}: {_cure_of(module)}") from None
            reason = " ".join(f"{type(error).__name__}: {error}".split())  # in one line
            text = f"STREAMHOOKS_TASK_MODULES: {module} can't be imported: {reason}"
            raise Refusal(f"{text} ({_place_of(error)})") from None


def _is_not_there(module: str, error: BaseException) -> bool:
    """Tell whether a module is not found itself; it may also import one that is not."""
    if not isinstance(error, ModuleNotFoundError):
        return module.startswith(".")
    return error.name is not None and f"{module}.".startswith(f"{error.name}.")


def _cure_of(module: str) -> str:
    name = module.removeprefix("./").removesuffix(".py").replace("/", ".")
    return f"write {name}" if name != module else f"is it in {Path.cwd()}, or installed?"


def _place_of(error: BaseException) -> str:
    """Return file and line of the code that caused an error at import: not ours, nor that of `import` itself."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [one for one in frames if not one.filename.startswith((_OUR_CODE, "<frozen importlib"))]
    frame = (theirs or frames)[-1]
    return f"{frame.filename}:{frame.lineno}"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSettings(f"STREAMHOOKS_DATA_DIR: {folder} can't be created: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadSettings(f"STREAMHOOKS_DATA_DIR: {folder} can't be written to")
