"""What the views need of the rest of the system; the wiring hands it in."""

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
    from streamhooks.tasks.call import Call
    from streamhooks.tasks.endings import Limits
    from streamhooks.tasks.runs import ReadArguments


class Outbox(Protocol):
    """What writes to Kafka."""

    async def publish(self, topic: str, value: bytes | None, **options: Any) -> Published:
        """Publish and wait for the confirmation; `key` is among the options."""


class Scheduler(Protocol):
    """What runs pending calls."""

    def retry_now(self, partition: int, call_id: str) -> bool:
        """Run a waiting call now; False if there is none."""

    async def drop(self, partition: int, call_id: str) -> bool:
        """Settle a waiting call without running it; False if there is none, or it runs."""


class Parts(Protocol):
    """The parts of a running worker, as far as the views need them."""

    @property
    def settings(self) -> Settings:
        """Of this worker."""

    @property
    def topics(self) -> Topics:
        """The names of the topics."""

    @property
    def hooks(self) -> HooksTable:
        """All hooks."""

    @property
    def hook_writer(self) -> HookWriter:
        """What writes them."""

    @property
    def pending(self) -> Pending:
        """The pending calls of the owned partitions of `delayed`."""

    @property
    def scheduler(self) -> Scheduler:
        """What runs them."""

    @property
    def outbox(self) -> Outbox:
        """What writes to Kafka."""

    @property
    def keys(self) -> Keys:
        """What encrypts the secrets of hooks that are written."""

    @property
    def addresses(self) -> AddressPolicy:
        """Where deliveries may go."""

    @property
    def looks(self) -> Looks:
        """Bounds what looks into the topics at once."""

    @property
    def history(self) -> History:
        """What answers questions about the past."""

    @property
    def replays(self) -> Replays:
        """What answers about what a hook has still to get, and about replays."""

    @property
    def dead_letters(self) -> LetterDesk:
        """What answers about dead letters, sends them again, and drops them."""

    @property
    def clock(self) -> Callable[[], float]:
        """What gives epoch seconds."""

    @property
    def limits(self) -> Limits:
        """How often, and when, a delivery is tried again."""

    @property
    def partitions(self) -> int:
        """How many partitions `delayed` has."""

    @property
    def read_arguments(self) -> ReadArguments:
        """What gives a large pending call its arguments; False if they are gone, TimeoutError if Kafka is away."""

    @property
    def partition_of(self) -> Callable[[str], int]:
        """What gives the partition of a hook, in `delayed` and in `firings`."""

    def is_mine(self, topic: str, partition: int) -> bool:
        """Whether this worker owns the partition."""

    def is_whole(self, topic: str, partition: int) -> bool:
        """Whether all of an owned partition is known here: it was read, or recovered, to its end."""

    def owner_of(self, topic: str, partition: int) -> str | None:
        """The base URL of the partition's owner; None while partitions move."""

    async def oldest_undelivered(self) -> float | None:
        """The age of the oldest pending delivery here of an active hook, in seconds; None without any."""

    def workers(self) -> list[str]:
        """The base URLs of all workers, as far as this one knows."""

    def count(self, hook_id: str, rollup: int, starts: list[int]) -> list[tuple[int, int, int]]:
        """(fired, delivered, failed) in each of these buckets of an owned hook, epoch and rollup in seconds."""

    def latest_requests(self, hook_id: str) -> list[dict[str, Any]]:
        """The latest attempts of an owned hook, newest first."""

    async def learn(self, value: bytes | None) -> None:
        """Ask the schema registry, if there is one, for what is needed to read a record.

        Raises:
            RegistryAway: it does not answer.

        """

    def call_again(self, hook: Hook, record: Record, cause: Resent, id_of: str) -> Call | None:
        """The call that sends a source record to a hook once more; None if it does not fire the hook.

        `id_of` tells the call from others of the record.

        Raises:
            BrokenRecord: the record can't be read.

        """

    def not_ready(self) -> list[str]:
        """Why this worker should not get calls now; empty if it may."""

    async def refresh_gauges(self) -> None:
        """Bring the gauges up to date that are computed when somebody looks."""

    async def send_test(self, hook: Hook, event: str, body: bytes | None) -> dict[str, Any]:
        """Send a test of an event now, with a sample's body unless one is given; return what the API shows of it."""

    def sample_body(self, hook: Hook, event: str) -> bytes:
        """Return the body of a sample of this event."""
