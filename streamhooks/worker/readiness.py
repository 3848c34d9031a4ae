"""The reasons why a worker should not get requests now."""

from __future__ import annotations

from streamhooks.counting.agent import Counting
from streamhooks.faust_patches.app import App
from streamhooks.kafka.counts import Watch
from streamhooks.worker.knowledge import Knowledge
from streamhooks.worker.running import Running


class Readiness:
    """Collects the reasons from the parts of a worker."""

    def __init__(
        self, app: App, counting_app: App, known: Knowledge, running: Running, counting: Counting, watch: Watch
    ) -> None:
        self._app = app
        self._counting_app = counting_app
        self._known = known
        self._running = running
        self._counting = counting
        self._watch = watch

    def not_ready(self) -> list[str]:
        """Return why this worker should not get requests now; empty if it is ready."""
        known = self._known
        reasons = [f"delivering: {reason}" for reason in self._app.gate.reasons]
        reasons += [f"counting: {reason}" for reason in self._counting_app.gate.reasons]
        if not known.hooks_reader.is_ready():
            reasons.append("the hooks are being read")
        if not reasons and self._app.owns(known.topics.delayed) and not known.delayed_reader.is_ready():
            reasons.append("the pending calls are being read")
        if known.registry is not None and known.registry.trouble:
            reasons.append(known.registry.trouble)
        if not reasons and not known.letters_reader.is_ready():
            reasons.append("the states of dead letters are being read")
        reasons += [reader.trouble for reader in known.readers if reader.trouble is not None]
        reasons += known.existence.troubles + self._running.troubles
        return reasons + self._counting.troubles + self._watch.troubles
