"""The process around the app: it ends when asked to, in order if possible, and its log stays readable."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import threading
from typing import Any, NoReturn

import faust

from streamhooks.errors import Refusal
from streamhooks.faust_patches import signals
from streamhooks.faust_patches.app import App
from streamhooks.faust_patches.ending import BEYOND_GRACE, end_within
from streamhooks.kafka.repeated_lines import limit_logs
from streamhooks.masking import mask_logs

log = logging.getLogger(__name__)


class Worker(faust.Worker):
    """A Faust worker that exits with code 0 whenever a signal ended it, and ends in any case.

    Deliveries in flight get the app's `grace`.
    """

    _asked = False
    _crashed_before = False

    def on_setup_root_logger(self, logger: logging.Logger, level: int) -> None:
        """Mask and shorten everything that is logged, and limit repeated lines."""
        super().on_setup_root_logger(logger, level)
        mask_logs()
        limit_logs(logger.handlers)
        threading.excepthook = _thread_ended

    def install_signal_handlers(self) -> None:
        """Handle signals directly, not only while the loop runs."""
        signals.handle(self._end)
        if sys.platform != "win32":
            self.loop.add_signal_handler(signal.SIGUSR1, self._on_sigusr1)
            self.loop.add_signal_handler(signal.SIGUSR2, self._on_sigusr2)

    def _end(self, number: signal.Signals) -> None:
        if self._asked:
            return
        self._asked = True
        self._crashed_before = self.crashed or self.app.crashed
        end_within(self.app.grace + BEYOND_GRACE, lambda: int(self._crashed_before))
        with contextlib.suppress(RuntimeError):  # the loop is closed, and the process is ending
            self.loop.call_soon_threadsafe(self._stop_in_order, number)

    def _stop_in_order(self, number: signal.Signals) -> None:
        self._flag_as_shutdown_by_signal()
        self._schedule_shutdown(number)

    async def _sentinel_task(self) -> None:
        """Wait until what was cancelled has ended, for a second at most. Mode waits for the whole second."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left, timeout=1.0)

    def execute_from_commandline(self) -> NoReturn:
        """Run until the end; exit with code 0 if a signal asked for it, whatever failed after that."""
        try:
            super().execute_from_commandline()
        except BaseException as error:
            if not self._asked or self._crashed_before:
                raise
            if not isinstance(error, SystemExit):
                log.warning("an error occurred while stopping", exc_info=error)
            sys.exit(0)
        finally:
            signals.ignore()
        raise AssertionError  # for mypy: it never returns


def prepared_worker(app: App, **options: Any) -> Worker:
    """Prepare an app, and return its worker; a Refusal ends the process before Faust prints anything."""
    try:
        app.prepare()
    except Refusal as refusal:
        sys.exit(f"streamhooks: {refusal}")
    return Worker(app, **options)


def _thread_ended(args: Any) -> None:
    # Python's own hook writes the traceback in pieces, each of which would be a line of the log.
    name = args.thread.name if args.thread is not None else "?"
    if args.exc_type is not SystemExit:
        log.error("the thread %s ended", name, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))
