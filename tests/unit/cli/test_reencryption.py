"""`streamhooks hooks reencrypt` against a topic in memory, with somebody else who writes at the worst moments."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import CliRunner
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.cli import main
from streamhooks.cli.reencryption import Outcome, reencrypt
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.records.formats import decode
from streamhooks.records.hook import Hook
from streamhooks.records.sealing import BOUND, Keys

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))
KEYS = Keys([NEW, OLD])
NOW = 1_700_000_000.0


def hook(number: int = 1, **fields) -> Hook:
    return Hook.from_fields(
        {
            "id": f"{number:032x}",
            "organization_id": "1",
            "url": "https://example.com/",
            "events": ["event.created"],
            "secret": f"hunter2hunter2-{number}",
            **fields,
        }
    )


class Topic:
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.before_write: Callable[[], None] = lambda: None
        self.after_write: Callable[[], None] = lambda: None
        self.writes = 0

    def put(self, key: str, value: bytes | None, headers=()) -> int:
        self.records.append(Record("hooks", 0, len(self.records), 0, key.encode(), value, headers))
        return len(self.records) - 1

    def read(self, start: int) -> list[Record]:
        return self.records[start:]

    def write(self, wanted) -> list[int]:
        self.writes += 1
        self.before_write()
        offsets = [self.put(record.key.decode(), value, record.headers) for record, value in wanted]
        self.after_write()
        return offsets

    def last(self, number: int) -> Hook | None:
        value = next(r.value for r in reversed(self.records) if r.key == f"{number:032x}".encode())
        return None if value is None else decode(Hook, value)

    def run(self) -> Outcome:
        return reencrypt(self.read, self.write, KEYS, now=NOW)


def put(topic: Topic, one: Hook, key: str | None = None) -> None:
    topic.put(one.id, Keys([key] if key else []).encrypted(one).to_json())


def test_all_are_under_the_first_key_afterwards() -> None:
    topic = Topic()
    put(topic, hook(1))
    put(topic, hook(1, timeout=3))
    put(topic, hook(2), OLD)
    put(topic, hook(3), NEW)
    put(topic, hook(4))
    topic.put(hook(4).id, None)
    put(topic, hook(5), LOST)
    topic.put("nonsense", b"{")
    topic.put("another's key", hook(6).to_json())
    before = len(topic.records)
    assert topic.run() == Outcome(2, 1, (hook(5).id,), ("another's key", "nonsense"))
    assert [record.key for record in topic.records[before:]] == [hook(1).id.encode(), hook(2).id.encode()]
    assert all(KEYS.is_current(topic.last(number)) for number in (1, 2, 3))
    assert Keys([NEW]).decrypted(topic.last(1)) == hook(1, timeout=3, revision=3)
    assert topic.run() == Outcome(0, 3, (hook(5).id,), ("another's key", "nonsense"))
    assert topic.writes == 1


def test_no_key_is_needed_for_what_signs_no_longer() -> None:
    topic = Topic()
    formers = {"previous_secret": "hunter3hunter3-1", "earlier_secret": "hunter4hunter4-1"}
    kept = {"previous_secret_until": NOW + 1}
    sealed = Keys([LOST]).encrypted(hook(1, **formers, **kept, earlier_secret_until=NOW))
    one = hook(1, **formers, **kept, earlier_secret_until=NOW)
    mixed = Keys([OLD]).encrypted(one).to_fields() | {"earlier_secret": sealed.earlier_secret}
    put(topic, Hook.from_fields(mixed))
    assert topic.run() == Outcome(1, 0, (), ())
    last = topic.last(1)
    assert KEYS.is_current(last)
    assert Keys([NEW]).decrypted(last) == hook(1, previous_secret="hunter3hunter3-1", **kept, revision=2)


def test_what_somebody_wrote_meanwhile_holds() -> None:
    topic = Topic()
    for number in (1, 2, 3):
        put(topic, hook(number), OLD)

    def meanwhile() -> None:
        topic.before_write = lambda: None
        put(topic, hook(1, timeout=7), OLD)
        topic.put(hook(2).id, None)

    topic.before_write = meanwhile
    topic.after_write = lambda: put(topic, hook(3, timeout=9), OLD) if topic.writes == 1 else None
    topic.run()
    assert Keys([NEW]).decrypted(topic.last(1)) == hook(1, timeout=7, revision=5)
    assert topic.last(2) is None
    # It came after ours: it holds as it is.
    assert Keys([OLD]).decrypted(topic.last(3)) == hook(3, timeout=9)


def test_what_a_worker_changed_meanwhile_holds() -> None:
    """It writes from the same state, and workers heal the log."""
    topic = Topic()
    for number in (1, 2):
        put(topic, hook(number, revision=5), OLD)

    def meanwhile() -> None:
        topic.before_write = lambda: None
        put(topic, hook(1, timeout=7, revision=6), OLD)

    def afterwards() -> None:
        if topic.writes == 1:
            put(topic, hook(1, timeout=7, revision=7), OLD)  # ours was rejected
            put(topic, hook(2, timeout=9, revision=6), OLD)  # made from the state before ours: rejected, and healed
            put(topic, hook(2, revision=7), NEW)

    topic.before_write, topic.after_write = meanwhile, afterwards
    topic.run()
    table = HooksTable("hooks", "states", KEYS)
    assert table.apply(topic.records) == []
    assert (table.get(hook(1).id).timeout, table.get(hook(2).id).timeout) == (7, None)
    assert topic.writes == 1
    topic.run()
    assert KEYS.is_current(topic.last(1))
    assert table.apply(topic.records) == []
    assert (table.get(hook(1).id).timeout, table.get(hook(2).id).timeout) == (7, None)


@given(st.lists(st.lists(st.tuples(st.integers(1, 3), st.none() | st.integers(1, 30)), max_size=4), max_size=4))
def test_the_last_wish_of_somebody_else_always_holds(rounds) -> None:
    topic, wishes = Topic(), dict[int, int | None]()
    for number in (1, 2, 3):
        put(topic, hook(number, timeout=1), OLD)
        wishes[number] = 1
    coming = iter(rounds)

    def meanwhile() -> None:
        for number, timeout in next(coming, ()):
            wishes[number] = timeout
            if timeout is None:
                topic.put(hook(number).id, None)
            else:
                put(topic, hook(number, timeout=timeout), OLD)

    topic.before_write = meanwhile
    topic.run()
    for number, timeout in wishes.items():
        last = topic.last(number)
        assert (None if last is None else KEYS.decrypted(last).timeout) == timeout


def test_without_keys_it_is_refused() -> None:
    result = CliRunner().invoke(main, ["hooks", "reencrypt"], env={"STREAMHOOKS_SECRET_KEYS": ""})
    assert (result.exit_code, result.stderr) == (1, "Error: STREAMHOOKS_SECRET_KEYS is not set\n")


def test_when_a_hook_was_written_by_hand_is_kept():
    topic = Topic()
    topic.put(hook().id, hook().to_json())
    topic.records[0] = topic.records[0]._replace(timestamp=1_500_000)
    reencrypt(topic.read, topic.write, KEYS, now=NOW)
    # Else the new record, written now, would enable a hook that the system has disabled since.
    assert decode(Hook, topic.records[-1].value).enabled_at == 1500.0


def old_form(text: str, key: str = NEW) -> str:
    """Encrypt as version 0.1.0 did."""
    return f"fernet:{Fernet(key.encode()).encrypt(text.encode()).decode()}"


def test_what_0_1_0_wrote_is_bound_afterwards_and_by_then_opens_no_more():
    topic = Topic()
    topic.put(hook(1).id, hook(1, secret=old_form("hunter2hunter2-1", OLD), headers={"X": old_form("x")}).to_json())
    topic.put(hook(2).id, hook(2, headers={"X": old_form("x")}).to_json())
    assert topic.run() == Outcome(2, 0, (), ())
    for number in (1, 2):
        last = topic.last(number)
        assert all(text.startswith(BOUND) for text in (last.secret, *last.headers.values()))
        assert KEYS.decrypted(last, old=False).headers == {"X": "x"}
    # Who pastes an old text afterwards does not get it encrypted anew, as a text of his own hook.
    pasted = hook(2, headers={"X": old_form("x")}).to_json()
    topic.put(hook(2).id, pasted)
    assert reencrypt(topic.read, topic.write, KEYS, now=NOW, old=False) == Outcome(0, 1, (hook(2).id,), ())
    assert topic.records[-1].value == pasted
