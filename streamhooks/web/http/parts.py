"""The parts of a worker that the views need; `worker.views` implements them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from streamhooks.backlog.replays import Replays
    from streamhooks.dead_letters.desk import LetterDesk
    from streamhooks.delayed.pending import Pending
    from streamhooks.delivery.addresses import AddressPolicy
    from streamhooks.history.history import History
    from streamhooks.hooks.table import HooksTable
    from streamhooks.hooks.writer import HookWriter
    from streamhooks.kafka.looks import Looks
    from streamhooks.kafka.publisher import Published
    from streamhooks.kafka.reader import Record
    from streamhooks.kafka.topics import Topics
    from streamhooks.records.call import Resent
    from streamhooks.records.hook import Hook
    from streamhooks.records.sealing import Keys
    from streamhooks.settings import Settings
    from streamhooks.sources.sending import MessageSender
    from streamhooks.sources.topics import Sources
    from streamhooks.tasks.call import Call
    from streamhooks.tasks.endings import Limits
    from streamhooks.tasks.runs import ReadArguments


class Outbox(Protocol):
    """Writes to Kafka."""

    async def publish(self, topic: str, value: bytes | None, **options: Any) -> Published:
        """Publish a record, and return when the broker has confirmed it; `key` is one of the options."""


class Scheduler(Protocol):
    """Runs pending calls."""

    def retry_now(self, partition: int, call_id: str) -> bool:
        """Run a waiting call now; return False if there is none."""

    async def drop(self, partition: int, call_id: str) -> bool:
        """Settle a waiting call without running it; return False if there is none, or it is running."""


class Parts(Protocol):
    """The parts of a running worker, as far as the views need them."""

    @property
    def settings(self) -> Settings:
        """Return the settings of this worker."""

    @property
    def topics(self) -> Topics:
        """Return the names of the topics."""

    @property
    def sources(self) -> Sources:
        """Return the source topics."""

    @property
    def hooks(self) -> HooksTable:
        """Return all hooks."""

    @property
    def hook_writer(self) -> HookWriter:
        """Return the writer of hooks."""

    @property
    def pending(self) -> Pending:
        """Return the pending calls of the owned partitions of `delayed`."""

    @property
    def scheduler(self) -> Scheduler:
        """Return the scheduler of pending calls."""

    @property
    def outbox(self) -> Outbox:
        """Return the writer of records."""

    @property
    def message_sender(self) -> MessageSender:
        """Return what writes the messages that callers send."""

    @property
    def keys(self) -> Keys:
        """Return the keys that encrypt the secrets of hooks."""

    @property
    def addresses(self) -> AddressPolicy:
        """Return the addresses to which deliveries may go."""

    @property
    def looks(self) -> Looks:
        """Return the bound of simultaneous searches of topics."""

    @property
    def history(self) -> History:
        """Return the history: records, explanations and attempts."""

    @property
    def replays(self) -> Replays:
        """Return the backlogs of hooks, and replays."""

    @property
    def dead_letters(self) -> LetterDesk:
        """Return the dead letters, to list, resend and drop them."""

    @property
    def clock(self) -> Callable[[], float]:
        """Return the clock, which gives epoch seconds."""

    @property
    def limits(self) -> Limits:
        """Return how often, and when, a delivery is retried."""

    @property
    def partitions(self) -> int:
        """How many partitions `delayed` has."""

    @property
    def read_arguments(self) -> ReadArguments:
        """What gives a large pending call its arguments; False if they are gone, TimeoutError if Kafka is away."""

    @property
    def partition_of(self) -> Callable[[str], int]:
        """Return the function that gives the partition of a hook in `delayed` and in `firings`."""

    def is_mine(self, topic: str, partition: int) -> bool:
        """Tell whether this worker owns the partition."""

    def is_whole(self, topic: str, partition: int) -> bool:
        """Tell whether this worker has read or recovered an owned partition to its end."""

    def owner_of(self, topic: str, partition: int) -> str | None:
        """Return the base URL of the partition's owner; None during a rebalance."""

    async def oldest_undelivered(self) -> float | None:
        """Return the age of the oldest pending delivery of an active hook, in seconds; None without any."""

    def workers(self) -> list[str]:
        """Return the base URLs of all known workers."""

    def count(self, hook_id: str, rollup: int, starts: list[int]) -> list[tuple[int, int, int]]:
        """Return (fired, delivered, failed) per bucket of an owned hook; `rollup` and epoch `starts` in seconds."""

    def latest_requests(self, hook_id: str) -> list[dict[str, Any]]:
        """Return the latest attempts of an owned hook, newest first."""

    async def learn(self, value: bytes | None) -> None:
        """Fetch the schema of a record from the schema registry, if one is configured.

        Raises:
            RegistryAway: the registry does not answer.

        """

    def call_again(self, hook: Hook, record: Record, cause: Resent, id_of: str) -> Call | None:
        """Return the call that sends a source record to a hook again; None if the record does not fire the hook.

        `id_of` distinguishes the call from others of the record.

        Raises:
            BrokenRecord: the record can't be read.

        """

    def not_ready(self) -> list[str]:
        """Return why this worker should not get requests now; empty if it is ready."""

    async def refresh_gauges(self) -> None:
        """Update the gauges that are computed when the metrics are read."""

    async def send_test(self, hook: Hook, event: str, body: bytes | None) -> dict[str, Any]:
        """Send a test of an event now, with `body` or that of a sample; return the attempt as the API shows it."""

    def sample_body(self, hook: Hook, event: str) -> bytes:
        """Return the body of a sample of this event."""
